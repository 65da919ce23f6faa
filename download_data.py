"""Downloads published questions, answers and judgments from the Hugging Face hub into `data/`.

    python download_data.py --list
    python download_data.py --bench-name arena-hard-v2.0
    python download_data.py --bench-name arena-hard-v0.1 --judge-name gpt-4-1106-preview
    python download_data.py --bench-name m-arena-hard:ko

It takes the questions and the answers of the baselines, and of other models and judges those that
you name. Existing files are kept: run the same command again to continue a download. The commit of
each file is recorded in `data/<bench>/source.json`.
"""

from __future__ import annotations

from arena.base.errors import InputError, script

# isort: split
import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from arena.base.flags import add_name, add_names, next_command, script_parser
from arena.base.output import print_folded
from arena.base.table import aligned
from arena.bench.paths import Bench

if TYPE_CHECKING:
    from arena.bench.config import JudgeConfig

BENCH = "arena-hard-v2.0"


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = script_parser(__doc__)
    add = parser.add_argument
    bench = f"published bench (default: {BENCH}, or the only one of --repo)"
    add_name(add, "bench", f"{bench}. m-arena-hard:ko is a language of a bench")
    add_names(add, "model", "more models whose answers to get, or `all`", [])
    add_names(add, "judge", "judges whose judgments to get, of the named models, or `all`", [])
    listing = "print what is published with its sizes, and stop"
    add("--list", action="store_true", help=f"{listing} (default: no)")
    repo = "dataset with the same layout (default: the official one of the bench)"
    add("--repo", metavar="OWNER/NAME", help=repo)
    add("--revision", help="branch, tag or commit (default: the newest)")
    add("--force", action="store_true", help="replace local files that differ (default: no)")
    add("--data-dir", type=Path, default="data", help="data folder")
    return parser.parse_args(argv)


def print_table(heading: str, rows: Iterable[Sequence[str]]) -> None:
    """Print a table below a heading."""
    print_folded("\n".join([heading, *aligned(rows)]))
    sys.stdout.flush()


def command_after(
    args: argparse.Namespace, preset: JudgeConfig | None, judges: Sequence[str]
) -> str:
    """Return the command line that shows the board of a judge, or makes answers without one."""
    flags = ["--judge-name", judges[0]] if judges else []
    if preset:
        settings = Path(preset.path)
        settings = settings if judges else settings.with_name("gen_answer_config.yaml")
        flags += ["--setting-file", os.path.relpath(settings)]
    return next_command("show_result.py" if judges else "gen_answer.py", args, *flags)


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Download a bench, or list what is published."""
    args = parse(argv)
    for timeout in ("HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT"):
        if not os.environ.get(timeout, "0").isdecimal():
            raise InputError(f"{timeout}: not a whole number of seconds. Unset it.")
    try:
        from arena.datasets import published as data
        from arena.datasets.hub import fetch, read_snapshot
        from arena.generate.summary import number_of
    except ValueError:  # the hub's client reads its environment when it is imported
        raise InputError("the environment has a wrong value. Check HF_ENDPOINT.") from None
    snapshot = read_snapshot(data.repository_of(args.bench_name, args.repo), args.revision)
    benches = data.published_benches(snapshot)
    show = partial(print_table, f"{snapshot.repo} at {snapshot.commit}")
    languages = [bench for key, bench in benches.items() if key.startswith(f"{args.bench_name}:")]
    if args.list and (languages or args.bench_name is None):
        show(data.bench_rows(languages or benches.values()))
        return 0
    name = args.bench_name or (None if args.repo else BENCH)
    published = data.choose_bench(snapshot, benches, name)
    if args.list:
        show(data.file_rows(published))
        return 0
    selected = data.select(published, args.model, args.judge_name)
    bench = Bench(args.data_dir, published.name.replace(":", "-"))
    files = data.local_files(bench, selected)
    same = data.unchanged_files(bench, files, args.force)
    missing = {path: remotes for path, remotes in files.items() if path not in same}
    wanted = [file for remotes in missing.values() for file in remotes]
    show(data.bench_rows([selected]))
    print_folded(f"to download: {number_of(len(wanted), 'file')}, {data.total_size(wanted)}")
    data.write_files(missing, fetch(snapshot, wanted), args.force)
    data.write_source(bench, snapshot, files)
    written = f"{number_of(len(missing), 'file')} written" if missing else "nothing to do"
    print_folded(f"{bench.folder}: {written}, {len(same)} as published before")
    args.bench_name = bench.name
    judges = [judge for judge, models in selected.judgments.items() if models]
    print_folded(f"next: {command_after(args, data.preset_of(published.name), judges)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
