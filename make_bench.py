"""Makes a bench of your own prompts, from CSV, TSV, text, JSON, JSONL and parquet files.

    python make_bench.py prompts.csv --bench-name my-bench
    python make_bench.py chats.jsonl more.csv --bench-name my-bench --cluster topic
    python make_bench.py logs.parquet --bench-name my-bench --size 400

It knows plain texts, the columns prompt, question, instruction and text, conversations of OpenAI
and ShareGPT, and the forms of Alpaca, AlpacaEval, MT-Bench and Arena-Hard. It takes all prompts.
With --size it drops duplicates and draws a balanced sample. An existing bench stays as it is.
"""

from __future__ import annotations

from arena.base.errors import script

# isort: split
import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from arena.base.errors import InputError, one_line
from arena.base.flag_values import percentage, positive, seed
from arena.base.flags import NAMES, next_command, script_parser
from arena.base.output import print_folded
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
    add("--similarity", type=percentage, metavar="PERCENT", default=70.0, help=alike)
    embed = "with --size, cluster by a sentence-transformers model (default: by TF-IDF)"
    add("--embed", metavar="MODEL", help=embed)
    add("--seed", type=seed, default=42, help="random seed of the sample")
    add("--force", action="store_true", help="replace the questions of an existing bench")
    add("--data-dir", type=Path, default="data", help="data folder")
    return parser.parse_args(argv)


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Make a bench of the rows of some files."""
    args = parse(argv)
    from arena.base.jsonl import dump_line, write_lines
    from arena.datasets.making import bench as making
    from arena.datasets.making.prompts import Columns
    from arena.generate.summary import number_of

    bench = Bench(args.data_dir, args.bench_name)
    if bench.questions.exists() and not args.force:
        advice = "Choose another --bench-name, or replace them with --force."
        raise InputError(f"{bench.questions}: there are questions already. {advice}")
    if not args.size and args.embed:
        raise InputError("--embed: needs --size, for which prompts are clustered.")
    dropped = making.Dropped()
    columns = Columns(args.prompt, args.id, args.cluster, args.category)
    prompts = making.with_ids(making.read_prompts(args.input, columns, dropped), dropped)
    for form, count in Counter(prompt.form for prompt in prompts).most_common():
        print_folded(f"read {number_of(count, 'prompt')} from {one_line(form)}")
    if args.size:
        options = making.SampleOptions(args.size, args.similarity / 100, args.seed, args.embed)
        prompts = making.draw_sample(making.distinct_prompts(prompts, options, dropped), options)
    elif repeated := len(prompts) - len({prompt.turns for prompt in prompts}):
        print_folded(f"{repeated} repeat the text of another one. Drop them with --size.")
    for line in dropped.lines():
        print_folded(line)
    records = [prompt.record(prompt.id or "", bench.name) for prompt in prompts]
    write_lines(bench.questions, map(dump_line, records))
    clusters = {prompt.cluster for prompt in prompts if prompt.cluster}
    named = f" in {number_of(len(clusters), 'cluster')}" if clusters else ""
    print_folded(f"{bench.questions}: {number_of(len(prompts), 'question')}{named}")
    print_folded(f"example: {one_line(prompts[0].id, 60)}: {one_line(prompts[0].text, 200)}")
    print_folded(f"next: {next_command('gen_answer.py', args)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
