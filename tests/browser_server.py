"""Runs qa_browser.py for each line of flags that it reads, all in one process.

Python and Gradio take seconds to start, which each bench would wait for again.
"""

from __future__ import annotations

import json
import sys
import threading

import qa_browser


def run(flags: list[str]) -> None:
    print(f"ended with {qa_browser.main(flags)}", flush=True)


if __name__ == "__main__":
    for line in sys.stdin:
        threading.Thread(target=run, args=(json.loads(line),), daemon=True).start()
