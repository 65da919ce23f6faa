"""Makes a bench of your own prompts, from CSV, TSV, text, JSON, JSONL and parquet files.

    python make_bench.py prompts.csv --bench-name my-bench
    python make_bench.py chats.jsonl more.csv --bench-name my-bench --cluster topic
    python make_bench.py logs.parquet --bench-name my-bench --size 400
    python make_bench.py logs.parquet --bench-name my-bench --size 400 --judge-name gpt-6-luna

It knows plain texts, the columns prompt, question, instruction and text, conversations of OpenAI
and ShareGPT, and the forms of Alpaca, AlpacaEval, MT-Bench and Arena-Hard. It takes all prompts.
With --size it drops duplicates and draws a balanced sample. With --judge-name a model first rates
seven qualities of hard prompts, and the others are dropped. An existing bench stays as it is.
"""

from __future__ import annotations

from arena.base.errors import script

# isort: split
import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from arena.base.errors import InputError
from arena.base.flag_values import percentage, positive, seed
from arena.base.flags import (
    ENDPOINTS,
    NAMES,
    add_call_flags,
    add_name,
    check_run_flags,
    next_command,
    run_arguments,
    same_command,
    script_parser,
    text_printer,
)
from arena.bench.paths import Bench


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = script_parser(__doc__)
    add = parser.add_argument
    add("input", nargs="+", type=Path, metavar="INPUT", help="files with a prompt a row")
    add(*NAMES["bench"], metavar="BENCH", required=True, help="name of the new bench")
    for name in ("prompt", "id", "cluster", "category"):
        text = f"column with the {name} of a row (default: the usual names)"
        add(f"--{name}", metavar="COLUMN", help=text)
    size = "draw a balanced sample of N prompts, without duplicates (default: take all)"
    add("--size", type=positive, metavar="N", help=size)
    alike = "with --size, drop a prompt that is so much like another one, in percent"
    add("--similarity", type=percentage, metavar="PERCENT", help=f"{alike} (default: 70)")
    embed = "with --size, cluster by a sentence-transformers model (default: by TF-IDF)"
    add("--embed", metavar="MODEL", help=embed)
    add("--seed", type=seed, default=42, help="random seed of the sample")
    add("--force", action="store_true", help="replace the questions of an existing bench")
    add("--data-dir", type=Path, default="data", help="data folder")
    add_rating_flags(add)
    parser.set_defaults(setting_file=None)
    args = parser.parse_args(argv)
    check_run_flags(args)
    rating = ("dry_run", "max_cost", "batch", "write_requests", "read_results", "report")
    rated = (*rating, "min_quality", "parallel", "retry_invalid")
    for names, needed, advice in (
        (rated, args.judge_name, "--judge-name, a model that rates prompts"),
        (("embed",), args.size, "--size, for which prompts are clustered"),
        (("similarity",), args.size, "--size, for which duplicates are dropped"),
    ):
        for name, value in ((name, getattr(args, name)) for name in names):
            if not needed and (value or type(value) in (int, float)):
                raise InputError(f"--{name.replace('_', '-')}: needs {advice}.")
    args.min_quality = 5 if args.min_quality is None else args.min_quality
    args.similarity = 70.0 if args.similarity is None else args.similarity
    return args


def add_rating_flags(add: Callable[..., object]) -> None:
    """Add the flags of the model that rates prompts."""
    add_name(add, "judge", "model that rates the qualities of each prompt (default: none)")
    least = "with a judge, keep the prompts that have N of the seven qualities (default: 5)"
    add("--min-quality", type=int, choices=range(8), metavar="N", help=least)
    add("--endpoint-file", type=Path, default=ENDPOINTS, help="YAML file of the models' endpoints")
    add("--parallel", type=positive, help="parallel calls (default: the endpoint file's)")
    add("--retry-invalid", action="store_true", help="ask again for ratings that have no list")
    add_call_flags(add)


def check_new(bench: Bench, force: bool) -> None:
    """Raise InputError if there are questions that must not be replaced."""
    if bench.questions.exists() and not force:
        advice = "Choose another --bench-name, or replace them with --force."
        raise InputError(f"{bench.questions}: there are questions already. {advice}")


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Make a bench of the rows of some files."""
    args = parse(argv)
    from arena.base.jsonl import dump_line, write_lines
    from arena.datasets.making import bench as making
    from arena.datasets.making.prompts import Columns
    from arena.datasets.making.rating import RatingOptions, rated_prompts

    bench = Bench(args.data_dir, args.bench_name)
    check_new(bench, args.force)
    dropped, say = making.Dropped(), text_printer(args, ["report"])
    columns = Columns(args.prompt, args.id, args.cluster, args.category)
    prompts = making.with_ids(making.read_prompts(args.input, columns, dropped), dropped)
    say(making.forms_line(prompts))
    size, similarity = args.size or len(prompts), args.similarity / 100
    options = making.SampleOptions(size, similarity, args.seed, args.embed)
    if args.size:
        prompts = making.distinct_prompts(prompts, options, dropped)
    if args.judge_name:
        judge = args.judge_name, args.endpoint_file, args.min_quality, args.parallel, args.max_cost
        command = same_command("make_bench.py", argv)
        run = {**run_arguments(args), "retry_invalid": args.retry_invalid, "command": command}
        status, rated = rated_prompts(prompts, RatingOptions(bench, *judge, run), dropped)
        if rated is None:
            return status
        prompts = rated
    if args.size:
        prompts = making.draw_sample(prompts, options)
    elif repeated := len(prompts) - len({prompt.turns for prompt in prompts}):
        say(f"{repeated} repeat the text of another one. Drop them with --size.")
    records = [prompt.record(bench.name) for prompt in prompts]
    check_new(bench, args.force)  # another run may have made it, or you
    write_lines(bench.questions, map(dump_line, records))
    say("\n".join([*dropped.lines(), f"{bench.questions}: {making.summary(prompts)}"]))
    say(f"next: {next_command('gen_answer.py', args)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
