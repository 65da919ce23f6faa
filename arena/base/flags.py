"""The flags that scripts share, and the checks of their values."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from arena.base.errors import InputError, nearest, print_error
from arena.base.flag_values import OneName, dollars, positive, seed
from arena.base.jsonl import STDOUT, is_stream
from arena.base.output import print_folded


def script_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help shows the description as it is, and the default of each flag."""
    return _Parser(description=description, epilog=STATUSES, formatter_class=_Help)


class _Parser(argparse.ArgumentParser):
    def _get_option_tuples(self, option_string: str) -> list[Any]:
        """Return the flags that a prefix can mean. Two spellings of one flag are no two flags."""
        matches: list[Any] = super()._get_option_tuples(option_string)
        return matches[:1] if len({id(action) for action, *_ in matches}) == 1 else matches

    def error(self, message: str) -> NoReturn:
        """End with a line: the message, the flag that is meant by an unknown one, and the help."""
        what, _, words = message.partition("unrecognized arguments: ")
        if not what and words.startswith("-"):
            flag = words.split()[0].partition("=")[0]
            message += nearest(flag, self._option_string_actions, cutoff=0.7)
        # The usage of all flags, which argparse prints, hides the message.
        print_error(f"{message}. See: python {self.prog} --help")
        raise SystemExit(2)


STATUSES = (
    "exit status: 0 all is done, 1 something failed or is missing, 2 wrong input,\n"
    "             130 stopped with Ctrl-C"
)


class _Help(argparse.RawDescriptionHelpFormatter):
    def _format_action_invocation(self, action: argparse.Action) -> str:
        """Return a flag's name with its letter and its value. Aliases stay out of the help."""
        if not action.option_strings:
            return super()._format_action_invocation(action)
        if isinstance(action, argparse.BooleanOptionalAction):
            return ", ".join(action.option_strings)
        first, *others = sorted(action.option_strings, key=lambda name: not name.startswith("--"))
        names = ", ".join([first, *(name for name in others if not name.startswith("--"))])
        value = "" if action.nargs == 0 else f" {self._format_args(action, action.dest.upper())}"
        return names + value

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: Any = None) -> None:
        """Show the flags that are required. All others stand below, the most needed ones first."""
        required = (self._format_action_invocation(a) for a in actions if a.required)
        usage = " ".join(["python %(prog)s", *required, "[flags]"])
        super().add_usage(usage, actions, groups, prefix)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Return a text with its paragraphs broken at a width, but for commands and lists."""
        paragraphs = text.split("\n\n")
        return "\n\n".join(
            indent + (part if re.search("^ ", part, re.MULTILINE) else textwrap.fill(part, width))
            for part in paragraphs
        )

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help or ""
        if "(default: " in text or action.required or action.default is argparse.SUPPRESS:
            return text
        return f"{text} (default: {'no' if action.default is None else '%(default)s'})"


SETTING_FILE = "config/judge_config.yaml"  # of all scripts but gen_answer.py

# The names of benches, models and judges

NAMES = {
    "bench": ("--bench-name", "-b", "--bench", "--benchmark"),
    "judge": ("--judge-name", "-j", "--judge", "--judge-names", "--judges", "--judge-model"),
    "model": ("--model", "--models"),
    "baseline": ("--baseline",),
    "category": ("--category", "-c"),
}  # one spelling for all scripts, and the aliases of the earlier ones


def add_name(add: Callable[..., object], what: str, text: str) -> None:
    """Add the flag for one bench, judge or baseline, with its help text."""
    # Of several benches the last counts, as for most flags, but judges and baselines are lists in
    # other scripts.
    action = "store" if what == "bench" else OneName
    add(*NAMES[what], action=action, metavar=what.upper(), help=text)


def add_names(
    add: Callable[..., object], what: str, text: str, default: list[str] | None = None
) -> None:
    """Add the flag for several names of a kind: after one flag or one flag each."""
    kind = {"action": "extend", "nargs": "+", "default": default}
    add(*NAMES[what], **kind, metavar=what.upper(), help=text)


# The flags of boards: show_result.py and benchmark_metrics.py


def add_board_flags(add: Callable[..., object]) -> None:
    """Add the flags of a board that most people need."""
    add_name(add, "bench", "bench (default: the setting file's)")
    judges = "judges, whose battles are pooled (default: the setting file's)"
    add_names(add, "judge", judges)
    baselines = "baselines, of which the first scores 50 (default: the setting file's)"
    add_names(add, "baseline", baselines)
    add("--style-control", action="store_true", help="keep length and markdown out of the scores")
    categories = (
        "print a board for each of these categories or clusters (default: one board, or in v2.0 "
        "benches one for each category)"
    )
    add_names(add, "category", categories, [])


# The names that the leaderboard gives the results of its last run.
SAVED_BATTLES = "arena_hard_battles.jsonl"
SAVED_BOOTSTRAP = "bootstrapping_results.jsonl"


def add_selection_flags(add: Callable[..., object]) -> None:
    """Add the other flags that select judgments."""
    add_source_flags(add, "with bench, judge and baseline", named=True)
    add("--one-board", action="store_true", help="fit all selected battles on one board")
    add(
        "--weight",
        type=positive,
        default=3,
        help="battles per `>>` verdict. Scores are win rates at 1, else points of weighted battles",
    )
    add("--first-game-only", action="store_true", help="skip the games with swapped places")
    half = (
        "how to treat judgments with a verdict in one game only, in which a place bias does not "
        "cancel (default: count, in v2.0 drop)"
    )
    add("--half-judged", choices=("count", "drop"), help=half)
    effects = (
        "whether several judges are all there are, or random ones of many, whose choice widens the "
        "intervals. It needs four judges"
    )
    add("--judge-effects", choices=("fixed", "random"), default="fixed", help=effects)
    missing = (
        "how to treat questions on which a model has no battle. `loss` adds a plain loss (`>`) in "
        "each game, for each judge of the model"
    )
    add("--missing", choices=("ignore", "loss"), default="ignore", help=missing)
    add_mixed_flag(add)
    saved = "read saved battles (without FILE: those of the last run) instead of judgments"
    battles = Path(SAVED_BATTLES)
    add("--load-battles", nargs="?", type=Path, const=battles, metavar="FILE", help=saved)


def add_mixed_flag(add: Callable[..., object]) -> None:
    """Add the flag for judgments that do not belong together."""
    mixed = (
        "how to treat judgments of another judge or baseline in a judge's folder. `refuse` lists "
        "the files, `count` also accepts different judge settings"
    )
    add("--mixed", choices=("refuse", "leave-out", "count"), default="refuse", help=mixed)


def add_draw_flags(add: Callable[..., object]) -> None:
    """Add the flags of a bootstrap: its seed and its threads."""
    add("--seed", type=seed, default=42, help="random seed")
    add("--workers", type=positive, default=2, help="bootstrap threads")


def add_method_flags(add: Callable[..., object]) -> None:
    """Add the other flags for the calculation of scores."""
    method = (
        "how to turn battles into scores: one fit of all battles, or the method of Arena-Hard "
        "v2.0, with 90%% intervals (default: v2.0 if questions are in its format, with a `uid`)"
    )
    add("--method", choices=("bradley-terry", "v2.0"), help=method)
    for feature in ("length", "markdown"):
        only = f"control only for {feature} of the answers"
        add(f"--{feature}-control-only", action="store_true", help=only)
    features = "control for these features of the answers: length, markdown (default: none)"
    add("--control-features", "-f", action="extend", nargs="+", metavar="FEATURE", help=features)
    published = (
        "use the statistics of the original: --resample battle, --num-rounds 100, --style-center "
        "mean and percentile intervals (default: the setting file's as_published, else no)"
    )
    add("--as-published", action=argparse.BooleanOptionalAction, help=published)
    center = (
        "zero point of style features: their mean, as on published boards, or equal style "
        "(default: none, or mean if a judgment has no settings, as published ones)"
    )
    add("--style-center", choices=("mean", "none"), help=center)
    coefficients = "use the style coefficients of this JSON file, or write the fit's to a new one"
    add("--style-coefficients", type=Path, metavar="FILE", help=coefficients)
    rounds = "bootstrap rounds (default: 1000)"
    add("--num-rounds", type=positive, help=rounds)
    add_draw_flags(add)
    resample = (
        "what the bootstrap draws. Battles of a question are not independent, so only `question` "
        "gives honest intervals and ranks (default: question)"
    )
    add("--resample", choices=("battle", "question"), help=resample)
    saved = "read saved results (without FILE: those of the last run) instead of drawing"
    draws = Path(SAVED_BOOTSTRAP)
    add("--load-bootstrap", nargs="?", type=Path, const=draws, metavar="FILE", help=saved)


CONTROLS = {
    "style_control": ("length", "markdown"),
    "length_control_only": ("length",),
    "markdown_control_only": ("markdown",),
}
SAME_NAME = (
    *("data_dir", "setting_file", "one_board", "weight", "first_game_only", "missing", "mixed"),
    *("half_judged", "judge_effects", "method", "seed", "resample", "workers", "as_published"),
)  # flags that are options of a board as they are


def board_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """Return the selection and method flags as arguments of `board_options` of the leaderboard."""
    names = [name for name in (*CONTROLS, "control_features") if getattr(args, name)]
    if len(names) > 1:
        first, second = (f"--{name.replace('_', '-')}" for name in names[:2])
        raise InputError(f"{second}: not allowed with {first}. Leave out one of them.")
    control = args.control_features or [f for name in names for f in CONTROLS[name]]
    return {
        **{name: getattr(args, name) for name in SAME_NAME},
        "bench": args.bench_name,
        "judges": args.judge_name,
        "baselines": args.baseline,
        "categories": args.category,
        "control": control,
        "center": args.style_center,
        "rounds": args.num_rounds,
        "battle_file": _saved_file(args.load_battles, args.data_dir),
        "bootstrap_file": _saved_file(args.load_bootstrap, args.data_dir),
        "style_file": args.style_coefficients,
    }


def _saved_file(path: Path | None, data_dir: Path) -> Path | None:
    """Return the path as given, or the data folder's file if the flag has no FILE."""
    is_default = path in (Path(SAVED_BATTLES), Path(SAVED_BOOTSTRAP))
    return data_dir / path if path and is_default and not path.exists() else path


def text_printer(args: argparse.Namespace, outputs: Sequence[str]) -> Callable[[str], object]:
    """Return the function that prints the text of a report, folded to fit the terminal. It prints
    nothing if one of the outputs is `-`, so that standard output is this file and nothing else.
    """
    silent = any(getattr(args, name) == STDOUT for name in outputs)
    return (lambda text: None) if silent else print_folded


def check_outputs(args: argparse.Namespace, outputs: Sequence[str], inputs: Sequence[str]) -> None:
    """Raise InputError if a flag writes a file of another flag, or over records or settings.

    Pipes and devices can take several outputs, but `-` takes one.
    """

    def paths(flag: str) -> list[Path]:
        value = getattr(args, flag)
        if flag == "setting_file" and value is None:
            value = Path(SETTING_FILE)  # which is read if names are missing
        values = value if isinstance(value, list) else [value]
        return [path for path in values if isinstance(path, Path)]

    users = {os.path.realpath(path): (flag, "reads it") for flag in inputs for path in paths(flag)}
    for flag in outputs:
        for path in (path for path in paths(flag) if path == STDOUT or not is_stream(path)):
            is_source = path.suffix in (".jsonl", ".yaml") and path.exists()
            if is_source and not flag.startswith("save_"):
                raise InputError(f"{_flag(flag)} {path}: this is no report. Use another file.")
            if other := users.get(os.path.realpath(path)):
                where = f"{_flag(flag)} {path}"
                raise InputError(f"{where}: {_flag(other[0])} {other[1]}. Use another file.")
            users[os.path.realpath(path)] = (flag, "writes it too")


# The flags of runs: gen_answer.py and gen_judgment.py, and those of all scripts on a bench


def add_source_flags(
    add: Callable[..., object],
    what: str,
    path: str = SETTING_FILE,
    *,
    named: bool = False,
) -> None:
    """Add the flags for the data folder and for the setting file, whose help ends with `what`.

    `named`: the value is None unless the user names a file.
    """
    default, text = None if named else path, f"YAML file {what} (default: {path})"
    add("--setting-file", "--config-file", type=Path, default=default, help=text)
    add("--data-dir", type=Path, default="data", help="data folder")


ENDPOINTS = "config/api_config.yaml"


def add_run_flags(add: Callable[..., object], setting_file: str) -> None:
    """Add the flags of gen_answer.py and gen_judgment.py."""
    add_source_flags(add, "with the settings", setting_file)
    add("--endpoint-file", type=Path, default=ENDPOINTS, help="YAML file of the models' endpoints")
    add_name(add, "bench", "bench in the data folder (default: the setting file's)")
    add_names(add, "model", "models to run (default: the setting file's)")
    parallel = "parallel calls to each model (default: the endpoint file's)"
    add("--parallel", type=positive, help=parallel)
    limit = (
        "use only N questions, as many of each category and cluster as of the others. Those of a "
        "smaller N are among them (default: all)"
    )
    add("--limit", type=positive, metavar="N", help=limit)
    add_call_flags(add)


def add_call_flags(add: Callable[..., object]) -> None:
    """Add the flags of all runs that ask models and store records."""
    stale = "how to treat records made with other settings (default: stop and list them)"
    add("--stale", choices=("keep", "redo"), help=stale)
    add("--dry-run", action="store_true", help="print missing calls, tokens and cost, and stop")
    cost = "stop before the run costs more. Needs prices in the endpoint file"
    add("--max-cost", type=dollars, metavar="USD", help=cost)
    report = "write the summary as JSON. With - print it alone"
    add("--report", type=Path, metavar="FILE", help=report)
    add("--quiet", action="store_true", help="show no progress")
    add_file_flags(add)


def add_file_flags(add: Callable[..., object]) -> None:
    """Add the flags of batches, and of requests and results in files."""
    batch = "ask by a batch service at half the price, or submit, status, fetch, cancel alone"
    verbs = ("run", "submit", "status", "fetch", "cancel")
    add("--batch", nargs="?", const="run", choices=verbs, metavar="VERB", help=batch)
    write = "write the missing calls as files of OpenAI requests into this folder, and stop"
    add("--write-requests", type=Path, metavar="DIR", help=write)
    shards = "with --write-requests, the number of files (default: as many as services take)"
    add("--shards", type=positive, metavar="N", help=shards)
    read = "store the replies in these files of results, or all of a folder (default: no)"
    kind = {"action": "extend", "nargs": "+", "type": Path, "default": []}
    add("--read-results", **kind, metavar="FILE", help=read)


WAYS = ("write_requests", "read_results", "batch")  # of asking otherwise than live


def check_run_flags(args: argparse.Namespace) -> None:
    """Raise InputError for flags of a run that do not go together."""
    check_outputs(args, ("report",), ("setting_file", "endpoint_file"))
    ways = [name for name in WAYS if getattr(args, name)]
    if len(ways) > 1:
        raise InputError(f"{_flag(ways[1])}: does not go with {_flag(ways[0])}. Use one of them.")
    for name in ("dry_run", "max_cost", "parallel"):
        value = getattr(args, name)
        if ways and ways[0] != "batch" and value is not None and value is not False:
            reason = f"does not go with {_flag(ways[0])}, which makes no calls"
            raise InputError(f"{_flag(name)}: {reason}.")
    if args.shards and not args.write_requests:
        raise InputError("--shards: needs --write-requests, whose files it counts")


RUN_OPTIONS = (
    *("stale", "dry_run", "report", "quiet"),
    *("batch", "write_requests", "shards", "read_results"),
)


def run_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """Return the flags of a run that are its options as they are."""
    return {name: getattr(args, name) for name in RUN_OPTIONS}


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def same_command(script: str, argv: Sequence[str] | None) -> str:
    """Return the command line of this run without the flags of batches and request files."""
    parser = argparse.ArgumentParser(add_help=False)
    add_file_flags(parser.add_argument)
    return shlex.join(["python", script, *parser.parse_known_args(argv)[1]])


def next_command(script: str, args: argparse.Namespace, *flags: str) -> str:
    """Return the command line of another script on the same bench, with more flags."""
    shared = ["--data-dir", str(args.data_dir)] if str(args.data_dir) != "data" else []
    shared += ["--bench-name", args.bench_name] if args.bench_name else []
    return shlex.join(["python", script, *shared, *flags])
