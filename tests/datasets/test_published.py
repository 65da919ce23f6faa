"""The benches in repositories of several layouts."""

from __future__ import annotations

import pytest

from arena.base.errors import InputError
from arena.datasets.hub import RemoteFile, Snapshot
from arena.datasets.published import baselines_of, published_benches, select


def snapshot(*paths: str, repo: str = "org/Name", configs: object = ()) -> Snapshot:
    files = tuple(RemoteFile(path, 1, "0" * 40) for path in paths)
    assert isinstance(configs, (tuple, list))
    return Snapshot(repo, "dataset", "0" * 40, files, tuple(configs))


def test_the_baselines_are_those_of_the_official_settings() -> None:
    assert baselines_of("arena-hard-v0.1") == ["gpt-4-0314"]
    assert baselines_of("arena-hard-v2.0")[:2] == ["o3-mini-2025-01-31", "gemini-2.0-flash-001"]
    assert baselines_of("another") == []


def test_names_of_judges_and_models_may_contain_a_slash() -> None:
    bench = published_benches(
        snapshot(
            "data/b/question.jsonl",
            "data/b/model_answer/org/m.jsonl",
            "data/b/model_judgment/judge/org/m.jsonl",
            "data/b/model_judgment/judge/other.jsonl",
            "data/b/model_judgment/org/judge/other.jsonl",
            "data/b/model_judgment/org/judge/org/m.jsonl",
            "data/b/model_judgment/stray.jsonl",
            "data/no_questions/model_answer/m.jsonl",
            "src/question.jsonl",
        )
    )
    assert list(bench) == ["b"]
    judgments = {judge: sorted(models) for judge, models in bench["b"].judgments.items()}
    assert judgments == {"judge": ["org/m", "other"], "org/judge": ["org/m", "other"]}
    selected = select(bench["b"], ["other"], ["judge"])
    assert [list(models) for models in selected.judgments.values()] == [["other"]]
    assert selected.answers == {}
    with pytest.raises(InputError, match="no judge 'jugde' .did you mean 'judge'"):
        select(bench["b"], [], ["jugde"])


KO, JA = "ko/test-00000-of-00001.parquet", "ja/test-00000-of-00001.parquet"


@pytest.mark.parametrize(
    ("repo", "paths", "configs", "names"),
    [
        ("CohereLabs/m-ArenaHard", [KO, JA], [], ["m-arena-hard:ja", "m-arena-hard:ko"]),
        (
            *("CohereLabs/m-ArenaHard-v2.0", ["data/x.parquet", "data/y-0.parquet"]),
            [
                {"config_name": "ko", "data_files": [{"split": "test", "path": "data/x.parquet"}]},
                {"config_name": "ja", "data_files": "data/y-*"},
                {"config_name": "none", "data_files": {"test": ["z*"]}},
                *("no config", {"config_name": 1}),
            ],
            ["m-arena-hard-v2.0:ja", "m-arena-hard-v2.0:ko"],
        ),
        ("lmarena-ai/arena-hard-auto-v0.1", ["data/train-0.parquet"], [], ["arena-hard-auto-v0.1"]),
    ],
)
def test_tables_are_benches_by_language(
    repo: str, paths: list[str], configs: list[object], names: list[str]
) -> None:
    benches = published_benches(snapshot(*paths, repo=repo, configs=configs))
    assert sorted(benches) == names
