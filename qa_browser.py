"""Opens a page to read battles, with the leaderboard and what judges do; it only reads.

    python qa_browser.py
    python qa_browser.py --bench-name demo-v0.1 --judge-name smollm2-judge --port 8000
    python qa_browser.py --share --auth reader:secret

Without flags bench and judge are those of config/judge_config.yaml; where these have no data, the
first that have.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from arena.base.errors import script
from arena.base.flags import add_source_flags
from arena.bench.config import read_judge_config
from arena.browser.server import check_address, serve, tell_public_url

if TYPE_CHECKING:
    pass

CONFIG = Path("config/judge_config.yaml")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add_source_flags(add, "that names bench, judge and baseline")
    add("--bench-name", "-b", help="bench (default: the setting file's, else one with data)")
    add("--judge-name", "-j", help="judge that is opened (default: the setting file's)")
    add(
        "--baseline",
        help="baseline of judgments that name none (default: the setting file's, else the one "
        "model with answers that is not judged)",
    )
    add("--host", default="127.0.0.1", help="address to serve at (default: %(default)s)")
    add(
        "--port",
        type=port,
        help="port to serve at (default: the first that is free from 7860 on)",
    )
    add("--share", action="store_true", help="make a public link as well (default: False)")
    add("--auth", type=user_and_password, metavar="USER:PASSWORD", help="ask (default: nobody)")
    return parser.parse_args(argv)


def port(text: str) -> int:
    """Return a flag's port; argparse reports what is wrong."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 65535, got '{text}'")
    return int(text)


def user_and_password(text: str) -> tuple[str, str]:
    """Return the parts of `user:password`; argparse reports what is wrong."""
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise argparse.ArgumentTypeError("expected user:password")
    return user, password


# The page


# Launch


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Serve the browser until Ctrl-C; see the flags."""
    args = _arguments(argv)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    from arena.browser.defaults import choose

    named = args.setting_file != CONFIG or args.setting_file.exists()
    config = read_judge_config(args.setting_file) if named else None
    chosen = choose(args.data_dir, args.bench_name, args.judge_name, args.baseline, config)
    check_address(args.host, args.port)
    served = serve(chosen, args)
    for remark in chosen.remarks:
        print(remark)
    print(f"{chosen.library.bench.folder} at {served.url} (Ctrl-C ends)", flush=True)
    if args.share:
        tell_public_url(served.public_url, args)
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    served.page.close(verbose=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
