"""Prints the leaderboard of a bench: Bradley-Terry win rates against the baseline, with intervals.

    python show_result.py
    python show_result.py --bench-name demo-v0.1 --judge-name smollm2-judge --baseline smollm2-base

Without flags bench, judge and baseline are those of config/judge_config.yaml.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # read when numpy is loaded

from records import Bench  # noqa: E402
from settings import positive, read_judge_config, script  # noqa: E402


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "--setting-file",
        "--config-file",
        type=Path,
        default=Path("config/judge_config.yaml"),
        help="YAML file that names bench, judge and baseline (default: %(default)s)",
    )
    add("--data-dir", type=Path, default=Path("data"), help="data folder (default: %(default)s)")
    add("--bench-name", "--benchmark", "-b", help="bench (default: the setting file's)")
    add("--judge-name", help="judge (default: the setting file's)")
    add("--baseline", help="baseline model, score 50 (default: the setting file's)")
    add(
        "--weight", type=positive, default=3, help="battles that `>>` counts (default: %(default)s)"
    )
    add("--num-rounds", type=positive, default=100, help="bootstrap rounds (default: %(default)s)")
    add("--seed", type=int, default=42, help="seed of the bootstrap (default: %(default)s)")
    add(
        "--first-game-only",
        action="store_true",
        help="leave out the games with swapped places (default: False)",
    )
    add(
        "--show-elo",
        action="store_true",
        help="print ratings, the baseline's being 1000, for win rates (default: False)",
    )
    return parser.parse_args(argv)


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Print the leaderboard; see the flags."""
    args = _arguments(argv)
    from leaderboard import make_board, read_battles
    from report import board_lines, summary_lines

    bench_name, judge, baseline = args.bench_name, args.judge_name, args.baseline
    if None in (bench_name, judge, baseline):
        config = read_judge_config(args.setting_file)
        bench_name = bench_name or config.bench_name
        judge = judge or config.judge_model
        baseline = baseline or config.baseline_model
    bench = Bench(args.data_dir, bench_name)
    battles = read_battles(
        bench, judge, baseline, weight=args.weight, first_game_only=args.first_game_only
    )
    board = make_board(battles, bench, rounds=args.num_rounds, seed=args.seed, elo=args.show_elo)
    print("\n".join([*board_lines(board), "", *summary_lines(board)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
