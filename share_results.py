"""Shares the results of a bench: a bundle of all files that others can check, and its check.

    python share_results.py --bench-name demo-v0.1 --bundle demo.zip
    python share_results.py --bench-name demo-v0.1 --model smollm2-hot --bundle hot.zip
    python share_results.py --verify demo.zip

A bundle has questions, answers and judgments as they are, the settings, checksums and the boards.
It has no keys and no addresses of endpoints. The check computes the boards again.
"""

from __future__ import annotations

from arena.base.errors import FailedCheck, script

# isort: split
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from arena.base.flags import SETTING_FILE, add_name, add_names, add_source_flags, script_parser
from arena.base.output import print_folded


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = script_parser(__doc__)
    add = parser.add_argument
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--bundle", type=Path, metavar="FILE", help="write a bundle, a zip file")
    check = "check a bundle: its files, and its boards computed again"
    way.add_argument("--verify", type=Path, metavar="FILE", help=check)
    add_name(add, "bench", "bench (default: the setting file's)")
    add_names(add, "judge", "judges (default: the setting file's)")
    add_names(add, "model", "models beside the baselines (default: all that were judged)", [])
    add_names(add, "baseline", "baselines (default: the setting file's)", [])
    add_source_flags(add, "with bench, judge and baseline", named=True)
    add("--force", action="store_true", help="replace another file")
    return parser.parse_args(argv)


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Write a bundle or check one."""
    args = parse(argv)
    if args.bundle:
        from arena.datasets.sharing.bundle import write_bundle
        from arena.datasets.sharing.contents import bundle_options

        source = args.data_dir, args.setting_file or Path(SETTING_FILE)
        names = args.bench_name, args.judge_name, args.baseline, args.model
        sizes = write_bundle(bundle_options(*names, *source), args.bundle, force=args.force)
        total, size = sum(sizes.values()) / 1e6, args.bundle.stat().st_size / 1e6
        print_folded(f"{args.bundle}: {len(sizes)} files, {size:.1f} MB for {total:.1f} MB")
        print_folded(f"next: python share_results.py --verify {args.bundle}")
        return 0
    from arena.datasets.sharing.verify import verify

    result = verify(args.verify)
    for note in result.notes:
        print_folded(f"note: {note}")
    for problem in result.problems:
        print_folded(problem)
    if result.problems:
        raise FailedCheck(f"{args.verify}: its problems are listed above")
    print_folded(f"{args.verify}: {result.files} files are as their checksums say")
    print_folded(f"{result.boards} boards are as they were computed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
