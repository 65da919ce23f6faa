"""Rows of files in every form, and files that are none."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from arena.base.errors import InputError
from arena.datasets.tables import Row, read_rows


def rows(path: Path, content: str | bytes) -> list[Row]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_rows(path))


CSV = 'id,prompt\n1,"a, b\n""c"""\n\n2,다\n'
CELLS = [(2, {"id": "1", "prompt": 'a, b\n"c"'}), (5, {"id": "2", "prompt": "다"})]
ITEMS = [{"id": 1, "prompt": "a"}, {"id": 2, "prompt": "b"}]


@pytest.mark.parametrize(
    "content",
    [
        CSV,
        "\ufeff" + CSV,
        CSV.replace("\n", "\r\n").replace("b\r\n", "b\n"),
        CSV.replace("a, b", "a~ b").replace(",", ";").replace("~", ","),
        CSV.replace("a, b", "a~ b").replace(",", "\t").replace("~", ","),
    ],
)
def test_csv_with_quoted_newlines_and_other_delimiters(tmp_path: Path, content: str) -> None:
    found = rows(tmp_path / "a.csv", content)
    assert [(row.number, row.values) for row in found] == CELLS


@pytest.mark.parametrize(
    "content",
    [
        ",id,prompt\n0,1,a\n1,2,b\n",  # of pandas, with its index
        "id,prompt,\n1,a,\n2,b,\n",
        "id,prompt,,\n1,a\n2,b,,\n",
        "id,prompt\n1,a,\n2,b\n",
        "id,,prompt\n1,x,a\n2,,b\n",
    ],
)
def test_columns_without_a_name_are_ignored(tmp_path: Path, content: str) -> None:
    found = [row.values for row in rows(tmp_path / "a.csv", content)]
    assert found == [{"id": "1", "prompt": "a"}, {"id": "2", "prompt": "b"}]


@pytest.mark.parametrize("suffix", [".tsv", ".csv"])
@pytest.mark.parametrize("prompt", ['"Hello" said he', 'He said "Hello', '"Why" and "how"'])
def test_quotes_of_a_file_with_tabs_may_be_text(tmp_path: Path, suffix: str, prompt: str) -> None:
    content = f'id\tprompt\n1\t{prompt}\n2\t"b\n'
    found = [row.values for row in rows(tmp_path / f"a{suffix}", content)]
    assert found == [{"id": "1", "prompt": prompt}, {"id": "2", "prompt": '"b'}]
    found = rows(tmp_path / f"a{suffix}", 'id\tprompt\n1\t"a ""b""\tc"\n')
    assert found[0].values == {"id": "1", "prompt": 'a "b"\tc'}


@pytest.mark.parametrize("suffix", [".csv.gz", ".CSV.GZ"])
def test_packed(tmp_path: Path, suffix: str) -> None:
    found = rows(tmp_path / f"a{suffix}", gzip.compress(CSV.encode()))
    assert [(row.number, row.values) for row in found] == CELLS


@pytest.mark.parametrize(
    ("content", "prompts"),
    [
        ("a\nb\n", [(1, "a"), (2, "b")]),
        ("\n\na\r\nb\r\n\n", [(3, "a"), (4, "b")]),
        ("a\nb\n\n\nc", [(1, "a\nb"), (5, "c")]),
        ("", []),
    ],
)
def test_texts_have_a_prompt_a_line_or_a_paragraph(
    tmp_path: Path, content: str, prompts: list[tuple[int, str]]
) -> None:
    found = rows(tmp_path / "a.txt", content)
    assert [(row.number, row.values["prompt"]) for row in found] == prompts


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(ITEMS),
        json.dumps(ITEMS, indent=2),
        json.dumps({"version": 1, "data": ITEMS}),
        "\n".join(map(json.dumps, ITEMS)),
        "\r\n\r\n".join(map(json.dumps, ITEMS)) + "\r\n",
    ],
)
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_json_in_each_shape(tmp_path: Path, content: str, suffix: str) -> None:
    assert [row.values for row in rows(tmp_path / f"a{suffix}", content)] == ITEMS


def test_a_single_conversation_is_a_row(tmp_path: Path) -> None:
    item = {"conversations": [{"from": "human", "value": "a"}]}
    assert rows(tmp_path / "a.jsonl", json.dumps(item)) == [Row(1, item)]
    assert rows(tmp_path / "a.json", json.dumps({"conversations": [item]})) == [Row(1, item)]
    assert rows(tmp_path / "a.json", '["x"]') == [Row(1, {"prompt": "x"})]


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(ITEMS), tmp_path / "a.parquet")
    assert [row.values for row in read_rows(tmp_path / "a.parquet")] == ITEMS
    far = pyarrow.array([3_000_000, 1], pyarrow.date32())  # days, beyond the year 9999
    late = pyarrow.array([2**60, 1], pyarrow.timestamp("ms"))
    near = pyarrow.array([0, 1], pyarrow.timestamp("ms"))
    named = {"prompt": ["a", "b"], "day": far, "time": late, "made": near}
    parquet.write_table(pyarrow.table(named), tmp_path / "a.parquet")
    first, second = read_rows(tmp_path / "a.parquet")
    assert first.values.keys() == {"prompt", "made"} and second.values["prompt"] == "b"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xlsx", "a", "unknown form '.xlsx'"),
        ("a.csv", "prompt\nä".encode("latin-1"), "a.csv:2: not UTF-8 text. Save it as UTF-8"),
        ("a.csv", "prompt\nä".encode("utf-16"), "this is UTF-16"),
        ("a.txt", b"PK\0\1", "this is binary data"),
        ("a.csv.gz", b"no", "not a complete gzip file"),
        ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0)[:-9], "not a complete gzip file"),
        ("a.csv", "prompt\nä".encode("latin-1"), "-t UTF-8 {path} > {folder}/utf8-a.csv"),
        ("a.tsv", "id\tprompt\n1\ta\n2\tb\tc\n", "a.tsv:3: 3 cells, but the header has 2"),
        ("a.csv", "x,x\n1,2\n", "a.csv:1: no header"),
        ("a.csv", "id,prompt,\n1,a, b\n", "a.csv:2: 3 cells, but the header has 2"),
        ("a.csv", "id,prompt\n1,a\n2,b,c\n", "a.csv:3: 3 cells, but the header has 2"),
        ("a.csv", 'id,prompt\n1,"a\n', "a.csv:2: not CSV"),
        ("a.jsonl", '{"a": 1}\n{"a": \n', "a.jsonl:2: not JSON"),
        ("a.json", '[\n{"a": 1},\n{"a" 2}]', "a.json:3: not JSON"),
        ("a.jsonl", '{"a": 1}\n3\n', "a.jsonl:2: neither an object nor a text"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.parquet", b"PAR1", "not a parquet file"),
    ],
)
def test_what_is_no_table(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        rows(tmp_path / name, content)
    path = tmp_path / name
    assert message.format(path=path, folder=tmp_path) in str(caught.value)


def test_folders_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "b.csv").mkdir()
    for name in ("b.csv", "none.csv"):
        with pytest.raises(InputError, match="cannot read the rows"):
            list(read_rows(tmp_path / name))
