"""The contents of a bundle: the files of a bench, the settings of its boards, and the boards."""

from __future__ import annotations

import contextlib
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from arena.base.errors import InputError
from arena.base.jsonl import loads, read_bytes
from arena.bench.config import JudgeConfig, Rules, read_judge_config, source_to_read
from arena.bench.paths import Bench, judged_models
from arena.bench.provenance import RefusedJudgments
from arena.bench.records import read_judgments_by_kind
from arena.datasets.sharing.secrets import check_secrets
from arena.leaderboard.build import build_boards
from arena.leaderboard.options import BoardOptions, board_options
from arena.leaderboard.output.text import board_dict

BOARDS = "board.json"
ABOUT = "bundle.json"
SETTINGS = "config/judge_config.yaml"
SUMS = "SHA256SUMS"
README = "README.txt"
MODES: Mapping[str, tuple[str, ...]] = {"plain": (), "style_control": ("length", "markdown")}
PACKAGES = ("numpy", "pandas", "scikit-learn", "msgspec")


@dataclass(frozen=True)
class BundleOptions:
    """The choices for a bundle. models: those beside the baselines, empty for all that were judged.
    accepted: texts that look like keys and are none.
    """

    bench: Bench
    judges: Sequence[str]
    config: JudgeConfig
    models: Sequence[str] = ()
    accepted: Sequence[str] = ()


def bundle_options(
    bench: str | None,
    judges: Sequence[str] | None,
    baselines: Sequence[str],
    models: Sequence[str],
    data_dir: Path,
    setting_file: Path,
    accepted: Sequence[str] = (),
) -> BundleOptions:
    """Return options whose bench, judges and baselines are the setting file's if not given."""
    config = read_judge_config(setting_file, baselines)
    chosen, judge = source_to_read(config, data_dir, bench, any_judge=bool(judges))
    return BundleOptions(chosen, list(dict.fromkeys(judges or [judge])), config, models, accepted)


def bundle_files(options: BundleOptions) -> dict[str, bytes]:
    """Return the files of the bench and its settings, with the errors of `bench_files`.

    Raises InputError if the settings have a key in them.
    """
    import yaml

    files, settings = bench_files(options), shared_settings(options)
    # YAML may fold a text or double its quotes, and a secret in it would not be seen.
    check_secrets({options.config.path: json.dumps(settings).encode()}, options.accepted)
    text = yaml.safe_dump(settings, allow_unicode=True, sort_keys=False, width=100)
    return files | {SETTINGS: text.encode()}


def bench_files(options: BundleOptions) -> dict[str, bytes]:
    """Return the content of the bench's files by their names in the bundle.

    Raises InputError for a model that was not judged, and for a file with a key in it.
    """
    bench, models, baselines = options.bench, set[str](), set(options.config.all_baselines)
    files = {"question.jsonl": bench.questions}
    for judge in options.judges:
        for model in judged_models(bench, judge):
            if not options.models or model in {*options.models, *baselines}:
                path = bench.judgment_file(judge, model)
                files[f"model_judgment/{judge}/{model}.jsonl"] = path
                kinds = read_judgments_by_kind(path, model, judge)
                baselines |= {kind.baseline for kind, _ in kinds if kind.baseline}
                models.add(model)
    if unknown := [name for name in options.models if name not in models | baselines]:
        raise InputError(f"--model {unknown[0]}: not judged by {', '.join(options.judges)}")
    for model in models | baselines:
        if (path := bench.answer_file(model)).exists():
            files[f"model_answer/{model}.jsonl"] = path
    for model in options.config.ref_models if options.config.reference else ():
        if (path := bench.references / f"{model}.jsonl").exists():
            files[f"{bench.references.name}/{model}.jsonl"] = path
    folder = f"data/{bench.name}"
    read = {f"{folder}/{name}": read_bytes(path, "it") for name, path in sorted(files.items())}
    check_secrets(read, options.accepted)
    return read


def shared_settings(options: BundleOptions) -> dict[str, Any]:
    """Return the settings that the boards need and the judge had.

    The schema of replies is a file of the user's, so a judge of JSON needs it to judge again.
    """
    config = options.config

    def keys_of(rules: Rules) -> dict[str, Any]:
        values = {
            "baseline_model": list(rules.baselines),
            "system_prompt": rules.system_prompt,
            "prompt_template": list(rules.prompt_template),
        }
        return {key: value for key, value in values.items() if value}

    settings = {
        "bench_name": options.bench.name,
        "judge_model": options.judges[0],
        "temperature": config.temperature,
        "max_tokens": config.max_tokens,
        "pairwise": config.pairwise,
        "baseline": config.baseline,
        "reference": config.reference,
        "ref_model": list(config.ref_models) or None,
        "regex_pattern": config.patterns[0] if config.unanimous else None,
        "regex_patterns": None if config.unanimous else list(config.patterns),
        "number_of_judgment_attempts": config.attempts,
        "judge_samples": config.judge_samples,
        "verdict_rule": config.verdict_rule,
        "verdict_field": config.verdict_field,
        "as_published": config.as_published,
        **keys_of(config.rules),
        "categories": {name: keys_of(rules) for name, rules in config.categories.items()},
    }
    return {key: value for key, value in settings.items() if value not in (None, {})}


def boards_of(root: Path, about: Mapping[str, Any], modes: Sequence[str]) -> dict[str, Any]:
    """Return the boards of an unpacked bundle by mode, as plain data.

    Raises InputError if one cannot be made of its files.
    """
    boards = {}
    for mode in modes:
        judges = [str(judge) for judge in about["judges"]]
        options = options_of(root, str(about["bench"]), judges, mode)
        plain = json.dumps([board_dict(board) for board in build_boards(options)])
        boards[mode] = loads(plain.encode())
    return boards


@contextlib.contextmanager
def all_fit() -> Iterator[None]:
    """Let judgments that make no board be an error without the advice of a flag `--mixed`: a
    shared bench has files whose judgments belong together.
    """
    try:
        yield
    except RefusedJudgments as error:
        otherwise = "Move their files away, or share other models with --model."
        raise InputError(f"{error.problem}. {error.advice or otherwise}") from None


def options_of(root: Path, bench: str, judges: Sequence[str], mode: str) -> BoardOptions:
    """Return the options of the board of an unpacked bundle in a mode."""
    return board_options(
        bench,
        judges,
        data_dir=root / "data",
        setting_file=root / SETTINGS,
        control=MODES[mode],
    )


def about_bundle(options: BundleOptions, modes: Sequence[str]) -> dict[str, Any]:
    """Return the manifest of a bundle: bench, judges, modes of its boards and versions."""
    versions = {name: metadata.version(name) for name in PACKAGES}
    return {
        "bundle": 1,
        "bench": options.bench.name,
        "judges": list(options.judges),
        "modes": list(modes),
        "versions": {"python": platform.python_version(), **versions},
    }


def readme_lines(options: BundleOptions) -> Iterator[str]:
    """Yield the lines of a text that says what the bundle is and how to check it."""
    yield f"Results of the bench {options.bench.name}, judged by {', '.join(options.judges)}."
    yield ""
    yield "data/        questions, answers and judgments, byte for byte as they were used"
    yield f"{SETTINGS}   the judge's prompt, and the baselines"
    yield f"{BOARDS}   the scores with their intervals and ranks"
    yield f"{ABOUT}  the bench, the judges, and the versions of the packages"
    yield f"{SUMS}   a checksum of each file, for: sha256sum -c {SUMS}"
    yield ""
    yield "Compute the boards again from the judgments, and compare:"
    yield "  python share_results.py --verify BUNDLE.zip"
