"""Combines the verdicts of several judges into those of one more judge, the ensemble.

    python gen_ensemble_judgment.py
    python gen_ensemble_judgment.py --bench-name demo-v0.1 --judge-name J1 J2 J3 --rule median
    python gen_ensemble_judgment.py --judge-name J1 --rule majority --name J1-majority

The labels of a game become one label, by the rule, and no model is asked. Those of a judge that
was asked more than once become one first. With one judge, this is all. Judgments go to
`data/<bench_name>/model_judgment/ensemble/<model>.jsonl`, for `show_result.py --judge-name
ensemble`. Without flags, the bench is the judge config's and all its judges but people take part.
"""

from __future__ import annotations

from arena.base.errors import script

# isort: split
import sys
from collections.abc import Sequence

from arena.base.flags import add_name, add_names, add_source_flags, script_parser
from arena.base.output import print_folded
from arena.base.table import listed
from arena.bench.paths import Bench, is_person, judge_names
from arena.bench.records import baseline_rule
from arena.generate.judging.ensemble import RULES, Ensemble, find_judges, join, report, write
from utils import read_judge_config


@script
def main(argv: Sequence[str] | None = None) -> int:
    """Write the ensemble's judgments."""
    parser = script_parser(__doc__)
    add = parser.add_argument
    add_source_flags(add, "that names the bench")
    add_name(add, "bench", "bench (default: the setting file's)")
    several = "judges, two or more, or one with repeats"
    judge_help = f"{several} (default: all in model_judgment/ but people and ensembles)"
    add_names(add, "judge", judge_help)
    add("--name", default="ensemble", help="name of the new judge")
    add("--rule", choices=list(RULES), default="mean", help="how to combine labels")
    add_name(add, "baseline", "baseline of judgments that name none (default: the setting file's)")
    add("--overwrite", action="store_true", help="replace judgments that this script did not write")
    args = parser.parse_args(argv)
    bench_name, config = args.bench_name, None
    if not bench_name or args.setting_file.exists():
        config = read_judge_config(args.setting_file)
        bench_name = bench_name or config.bench_name
    bench = Bench(args.data_dir, bench_name)
    judges = tuple(args.judge_name or find_judges(bench, args.name))
    baselines = baseline_rule(bench, config, [args.baseline] if args.baseline else [])
    ensemble = Ensemble(bench, args.name, judges, args.rule, baselines)
    records, notes = join(ensemble)
    obsolete = write(ensemble, records, args.overwrite)
    people = [] if args.judge_name else list(filter(is_person, judge_names(bench)))
    if people:
        notes.append(f"{listed(people, 'people')}: left out. Name all judges to include people.")
    notes += [f"{model}: removed, it was in the earlier ensemble only" for model in obsolete]
    print_folded(f"{ensemble.name}: {ensemble.rule} of {', '.join(judges)}")
    print_folded("\n".join([*report(ensemble, records), *notes]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
