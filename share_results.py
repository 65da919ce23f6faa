"""Shares the results of a bench: a site to look at, a bundle that others can check, and its check.

    python share_results.py --bench-name demo-v0.1 --site docs/results
    python share_results.py --bench-name demo-v0.1 --bundle demo.zip
    python share_results.py --bench-name demo-v0.1 --model smollm2-hot --bundle hot.zip
    python share_results.py --verify demo.zip

A site is a folder of pages for GitHub Pages or any server, which also opens without one. It has the
board, clusters, judges, battles and a search, and loads nothing from elsewhere.
A bundle has questions, answers and judgments as they are, the settings, checksums and the boards.
Neither has keys or addresses of endpoints. The check computes the boards again.
"""

from __future__ import annotations

from arena.base.errors import FailedCheck, InputError, reworded, script

# isort: split
import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from arena.base.flag_values import positive
from arena.base.flags import SETTING_FILE, add_name, add_names, add_source_flags, script_parser
from arena.base.output import print_folded

if TYPE_CHECKING:
    from arena.datasets.sharing.verify import Verification

BATTLES = 2_000  # of a site, unless --battles says how many


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = script_parser(__doc__)
    add = parser.add_argument
    way = parser.add_mutually_exclusive_group(required=True)
    site = "write a site, a folder of pages, in place of an earlier site there"
    way.add_argument("--site", type=Path, metavar="DIR", help=site)
    way.add_argument("--bundle", type=Path, metavar="FILE", help="write a bundle, a zip file")
    check = "check a bundle: its files, and its boards computed again"
    way.add_argument("--verify", type=Path, metavar="FILE", help=check)
    add_name(add, "bench", "bench (default: the setting file's)")
    add_names(add, "judge", "judges (default: the setting file's)")
    add_names(add, "model", "models beside the baselines (default: all that were judged)", [])
    add_names(add, "baseline", "baselines (default: the setting file's)", [])
    add_source_flags(add, "with bench, judge and baseline", named=True)
    battles = f"most battles of a site, drawn evenly from the clusters (default: {BATTLES:,})"
    add("--battles", type=positive, metavar="N", help=battles)
    add("--force", action="store_true", help="replace another file with the bundle")
    key = "accept an example in an answer that looks like a key"
    add("--accept-key", action="append", default=[], metavar="KEY", help=key)
    args = parser.parse_args(argv)
    for flag, value, way_of in (("battles", args.battles, "site"), ("force", args.force, "bundle")):
        if value and not getattr(args, way_of):
            raise InputError(f"--{flag}: is for --{way_of} only. Leave it out.")
    return args


@script
@reworded(str)  # several steps read the same files: each warning is printed once
def main(argv: Sequence[str] | None = None) -> int:
    """Write a site or a bundle, or check a bundle."""
    args = parse(argv)
    from arena.datasets.sharing import bundle, contents

    if args.verify:
        from arena.datasets.sharing.verify import verify

        return report_check(args.verify, verify(args.verify))
    if args.site:  # a site that a killed run moved away comes back, whatever fails below
        from arena.browser.site.folder import check_target, write_site

        check_target(args.site, args.data_dir)
    names = args.bench_name, args.judge_name, args.baseline, args.model
    source = args.data_dir, args.setting_file or Path(SETTING_FILE)
    options = contents.bundle_options(*names, *source, args.accept_key)
    if args.bundle:
        sizes = bundle.write_bundle(options, args.bundle, force=args.force)
        total, size = sum(sizes.values()) / 1e6, args.bundle.stat().st_size / 1e6
        print_folded(f"{args.bundle}: {len(sizes)} files, {size:.1f} MB for {total:.1f} MB")
        print_folded(f"next: python share_results.py --verify {shlex.quote(str(args.bundle))}")
        return 0
    files = contents.bundle_files(options)
    with bundle.unpacked(files, args.data_dir, options.config.path) as root, contents.all_fit():
        bench, judges = options.bench.name, options.judges
        boards = [contents.options_of(root, bench, judges, mode) for mode in contents.MODES]
        written = write_site(boards, args.site, args.battles or BATTLES)
    print_folded(f"{args.site}: {written.files:,} files, {written.size / 1e6:.1f} MB")
    print_folded(f"next: open {args.site / 'index.html'} in a browser. It has {written.battles}")
    return 0


def report_check(path: Path, result: Verification) -> int:
    """Print the result of a check. Raises FailedCheck for a bundle with problems."""
    for note in result.notes:
        print_folded(f"note: {note}")
    for problem in result.problems:
        print_folded(problem)
    if result.problems:
        raise FailedCheck(f"{path}: its problems are listed above")
    print_folded(f"{path}: {result.files} files are as their checksums say")
    print_folded(f"{result.boards} boards are as they were computed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
