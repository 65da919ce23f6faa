"""Serve a page to read judgments, with the leaderboard and the habits of the judges.

    python qa_browser.py
    python qa_browser.py --bench-name demo-v0.1 --judge-name smollm2-judge --port 8000
    python qa_browser.py --share --auth @password.txt
    python qa_browser.py --bench-name demo-v0.1 --annotate anna

It only reads, unless a person labels pairs of answers with --annotate.

Without flags, the bench and the judge are those of config/judge_config.yaml. If that bench has no
data, the only one with judgments is shown.
"""

from __future__ import annotations

from arena.base.errors import reworded, script

# isort: split
import argparse
import contextlib
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from arena.base.flag_values import port
from arena.base.flags import add_name, add_source_flags, script_parser
from arena.base.output import print_folded
from arena.bench.config import read_judge_config

CONFIG = Path("config/judge_config.yaml")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the flags of a command line."""
    parser = script_parser(__doc__)
    add = parser.add_argument
    add_source_flags(add, "that names bench, judge and baseline")
    add_name(add, "bench", "bench (default: the setting file's)")
    add_name(add, "judge", "judge shown first (default: the setting file's)")
    add_name(add, "baseline", "baseline of judgments that name none (default: the setting file's)")
    add("--host", default="127.0.0.1", help="address to serve at")
    add("--port", type=port, help="port to serve at (default: the first free one from 7860 on)")
    add("--share", action="store_true", help="make a public link as well")
    add(
        "--auth",
        type=user_and_password,
        metavar="USER:PASSWORD",
        default=os.environ.get("QA_BROWSER_AUTH"),
        help="require this user and password. @FILE reads them from a file, so that `ps` does not "
        "show them (default: those in QA_BROWSER_AUTH, else no login)",
    )
    add(
        "--annotate",
        metavar="NAME",
        help="add a tab in which NAME labels pairs of answers without names. The labels become the "
        "judgments of human-NAME (default: the page only reads)",
    )
    return parser.parse_args(argv)


def user_and_password(text: str) -> tuple[str, str]:
    """Return the parts of `user:password`, or of the first line of `@file`."""
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8-sig").partition("\n")[0].strip()
        except (OSError, ValueError) as error:
            raise argparse.ArgumentTypeError(f"cannot read the file: {error}") from None
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise argparse.ArgumentTypeError("expected user:password, or @FILE with such a line")
    return user, password


@script
@reworded(str)  # once: a file that grows is read again and again
def main(argv: Sequence[str] | None = None) -> int:
    """Serve the browser until Ctrl-C."""
    args = parse(argv)
    from arena.browser import defaults
    from arena.browser.annotate.votes import Votes
    from arena.browser.web import address

    configured = args.setting_file != CONFIG or args.setting_file.exists()
    config = read_judge_config(args.setting_file) if configured else None
    chosen = defaults.choose(args.data_dir, args.bench_name, args.judge_name, args.baseline, config)
    address.check_address(args.host, args.port)
    votes = None if args.annotate is None else Votes(chosen.library.bench, args.annotate)
    for remark in chosen.remarks:
        print_folded(remark)
    if votes:
        print(f"labels of {args.annotate} go to {votes.folder}")
    print("Starting the page, which takes some seconds ...", flush=True)
    # Gradio reads this when it is imported, which takes seconds that an error need not wait for.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    with address.direct_connections(args.share):
        from arena.browser.web import server

        benches = defaults.Benches(chosen, config)
        page, url, public_url = server.serve(
            benches, args.host, args.port, args.share, args.auth, votes
        )
    print(f"{chosen.library.bench.folder} at {url} (Ctrl-C ends)", flush=True)
    address.report_access(
        args.host, args.share, public_url, password=bool(args.auth), votes=bool(votes)
    )
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    page.close(verbose=False)
    if votes:
        votes.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
