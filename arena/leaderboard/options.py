"""The options of boards, which of them exclude each other, and the method that they choose."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec

from arena.base.errors import InputError, nearest
from arena.base.yaml_file import Count
from arena.bench.answer_style import FEATURES
from arena.bench.config import JudgeConfig, read_judge_config, source_to_read
from arena.bench.paths import Bench, judged_models
from arena.bench.records import baseline_rule, read_judgments_by_kind
from arena.leaderboard.judges import JudgeEffects
from arena.scoring.battles import Battles, Grades
from arena.scoring.bradley_terry import Resample
from arena.scoring.selection import Anchored, HalfJudged, Selection, bench_questions

SEVERAL = "this needs a single board. Choose one --category, or fit all with --one-board."
NOT_OF_GRADES = "this has no meaning for grades of single answers. Leave it out."
NOT_RANDOM = "its test takes the judges as fixed. Leave out --judge-effects random."
SETTING_FILE = "config/judge_config.yaml"
NOT_BY = "this does not go with --by. Leave out one of them."

Mixed = Literal["refuse", "leave-out", "count"]
Seed = Annotated[int, msgspec.Meta(ge=0)]


def refuse(flags: Mapping[str, object], reason: str) -> None:
    """Raise InputError that names the first flag with a true value."""
    for flag, value in flags.items():
        if value:
            raise InputError(f"{flag}: {reason}")


def check_fields(options: object) -> None:
    """Give the fields of a frozen dataclass their types. Raises InputError for a wrong value."""
    for name, kind in get_type_hints(type(options), include_extras=True).items():
        value = getattr(options, name)
        if isinstance(value, str) and "tuple" in str(kind):
            value = (value,)
        elif isinstance(value, str) and "Path" in str(kind):
            value = Path(value)
        try:
            value = msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            choices = ", ".join(re.findall("'(.*?)'", str(kind)))
            problem = f"choose one of {choices}" if "enum" in str(error) else error
            raise InputError(f"{name} = {value!r}: {problem}") from None
        unique = tuple(dict.fromkeys(value)) if isinstance(value, tuple) else value
        object.__setattr__(options, name, unique)


@dataclass(frozen=True)
class BoardOptions:
    """The selection of judgments for the boards of a bench, and the method of their scores.

    `baselines` overrule those of `config`, without which `usual_baselines` (by category) count.
    `anchored`: what scores 50. `control`: style features of FEATURES. None is the default of
    `method` (by the format of questions), `half_judged` (by method), `center` (by the judgments),
    `rounds` and `resample`.
    `as_published`: the statistics of the original, which set the defaults of the last three.
    `battle_file`, `bootstrap_file`: results of an earlier run. `style_file`: coefficients to use if
    the file exists. Names can be a list or a single text, and files can be texts.
    """

    bench: Bench
    judges: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    baselines: tuple[str, ...] = ()
    config: JudgeConfig | None = None
    usual_baselines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    one_board: bool = False
    anchored: Anchored = "baseline"
    weight: Count = 3
    first_game_only: bool = False
    half_judged: HalfJudged | None = None
    judge_effects: JudgeEffects = "fixed"
    missing: Literal["ignore", "loss"] = "ignore"
    mixed: Mixed = "refuse"
    method: Literal["bradley-terry", "v2.0"] | None = None
    control: tuple[str, ...] = ()
    as_published: bool = False
    center: Literal["mean", "none"] | None = None
    rounds: Count | None = None
    seed: Seed = 42
    resample: Resample | None = None
    workers: Count = 2
    elo: bool = False
    battle_file: Path | None = None
    bootstrap_file: Path | None = None
    style_file: Path | None = None

    def __post_init__(self) -> None:
        """Raise InputError for a value that a field cannot have, and for options without effect."""
        check_fields(self)
        for feature in self.control:
            if feature not in FEATURES:
                hint = nearest(feature, FEATURES) or f". There are {' and '.join(FEATURES)}."
                raise InputError(f"style control: no feature '{feature}'{hint}")
        # The fit's columns, names of files and saved settings do not depend on the user's order.
        object.__setattr__(self, "control", tuple(sorted(self.control)))
        if not self.control and (self.style_file or self.center):
            raise InputError("--style-coefficients and --style-center need --style-control")
        if self.judge_effects == "random" and self.battle_file:
            reason = "a battle file does not say whose verdicts it has. Leave out --load-battles."
            raise InputError(f"--judge-effects random: {reason}")

    def check(self, reason: str) -> None:
        """Raise InputError for an option that SEVERAL, NOT_OF_GRADES or NOT_BY excludes."""
        flags: dict[str, dict[str, object]] = {
            SEVERAL: {},
            NOT_OF_GRADES: {
                "style control": self.control,
                "--method": self.method,
                "--resample battle": self.resample == "battle",
                "--weight": self.weight != BoardOptions.weight,
                "--first-game-only": self.first_game_only,
                "--half-judged": self.half_judged,
                "--missing loss": self.missing == "loss",
                "--as-published": self.as_published,
            },
            NOT_BY: {
                "--category": self.categories,
                "--judge-effects random": self.judge_effects == "random",
                "--load-battles": self.battle_file,
                "--one-board": self.one_board and self.anchored == "baseline",
            },
        }
        of_one_board = {
            "--load-bootstrap": self.bootstrap_file,
            "--style-coefficients": self.style_file,
            "--show-elo": self.elo,
        }
        refuse({**flags[reason], **of_one_board}, reason)


PUBLISHED_CONTROL = {"length", "markdown"}  # the style control of published boards


@dataclass(frozen=True)
class Method:
    """The settings of scores: the style features controlled for, and the bootstrap.

    `center`: whether features are measured from their mean, None if the judgments decide.
    `published`: the judgments that decided it, since they have no settings. `as_published`: the
    statistics of the original.
    """

    control: tuple[str, ...] = ()
    center: bool | None = None
    rounds: int = 1000
    seed: int = 42
    resample: Resample = "question"
    workers: int = 1
    as_published: bool = False
    published: int = 0
    judge_effects: JudgeEffects = "fixed"

    @property
    def off_equal(self) -> bool:
        """Whether style is measured from its mean, so that a copy of the baseline does not tie."""
        return bool(self.control and self.center)

    @property
    def honest(self) -> bool:
        """Whether intervals hold as often as they say, so that ranks belong to them."""
        return self.resample == "question" and not self.as_published

    def centered(self, data: Iterable[Battles | Grades]) -> Method:
        """Return the method with a choice of `center`. Scores of published data stay as published.

        Published judgments, and they alone, have no settings in their records.
        """
        if self.center is not None:
            return self
        published = sum(one.counts.without_settings for one in data) if self.control else 0
        is_mean = not self.control or self.as_published or published > 0
        return replace(self, center=is_mean, published=0 if self.as_published else published)

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes of answers that the fit controls for, with their names in files."""
        features = (FEATURES[feature] for feature in self.control)
        return {key: name for names in features for key, name in names.items()}

    @property
    def mode(self) -> str:
        """The name of the style control, as part of file names."""
        if set(self.control) == PUBLISHED_CONTROL:
            return "style_control"
        return "_".join([*sorted(self.control), "control"]) if self.control else "plain"

    def entropy(self, selection: Selection) -> tuple[int, ...]:
        """Return the seed of all draws. Boards of different categories draw independently."""
        stream = ", ".join(selection.categories)
        digest = hashlib.sha256(stream.encode("utf-8", "surrogatepass")).digest()
        return (self.seed, int.from_bytes(digest[:8], "big")) if stream else (self.seed,)


def board_options(
    bench: str | None = None,
    judges: str | Sequence[str] | None = None,
    baselines: str | Sequence[str] | None = None,
    *,
    data_dir: Path | str = "data",
    setting_file: Path | str | None = None,
    as_published: bool | None = None,
    **options: Any,
) -> BoardOptions:
    """Return options whose bench, judges, baselines and statistics are the setting file's if not
    given. If its bench or judge has no data, the only one with data is used, with a warning.

    `setting_file`: by default config/judge_config.yaml, but only if bench, judges or baselines are
    not given. `options`: further fields of BoardOptions.
    """
    config, source = None, Bench(Path(data_dir), bench or "")
    complete = bench and judges and baselines
    if setting_file or not complete:
        config = read_judge_config(Path(setting_file or SETTING_FILE))
    if as_published is None:
        as_published = config is not None and config.as_published
    if config and not complete:
        source, judge = source_to_read(config, Path(data_dir), bench, any_judge=bool(judges))
        judges = judges or judge
    config = None if baselines else config
    return BoardOptions(
        source,
        judges,  # type: ignore[arg-type]  # becomes a tuple
        baselines or (),  # type: ignore[arg-type]
        config=config,
        as_published=as_published,
        **options,
    )


def anchored(options: BoardOptions, anchor: str | None = None) -> BoardOptions:
    """Return the options of one board of all judgments, whatever their baseline, on which `anchor`
    scores 50, or without one the mean of the models. Judgments that name no baseline are against
    that of the config. Raises InputError if no judgment has the anchor, and for grades.
    """
    bench, baselines, models = options.bench, set[str](), set[str]()
    rule = baseline_rule(bench, options.config)
    categories = {q.id: q.category for q in bench_questions(bench, needed=False)}
    for judge in options.judges:
        for model in judged_models(options.bench, judge):
            path = options.bench.judgment_file(judge, model)
            for judgment, ids in read_judgments_by_kind(path, model, judge):
                if judgment.grades:
                    raise InputError(f"--anchor: {NOT_OF_GRADES}")
                for name in {rule.of(judgment.baseline, categories.get(q, "")) for q in ids}:
                    if name is None:
                        problem = f"the judgment of {ids[0]} names no baseline, nor does the config"
                        raise InputError(
                            f"{path}: {problem}. Set baseline_model in a setting file."
                        )
                    baselines.add(name)
                    models |= {name, judgment.model}
    if anchor is None:
        names = tuple(sorted(baselines))
        return replace(options, baselines=names, one_board=True, anchored="mean")
    if anchor not in models:
        hint = nearest(anchor, models) or f". There are {', '.join(sorted(models))}."
        raise InputError(f"--anchor: no judgment has the model '{anchor}'{hint}")
    names = anchor, *sorted(baselines - {anchor})
    return replace(options, baselines=names, one_board=True, anchored="model")
