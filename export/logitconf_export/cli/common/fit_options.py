"""What ``fit`` is asked for: the score, and how its threshold is chosen."""

from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from logitconf.calibration.names import CALIBRATIONS, TEMPERATURE
from logitconf.errors import LogitconfError
from logitconf.policy_table import POLICIES, Argument
from logitconf.scores.table import SCORES
from logitconf_export.cli.common.options import (
    PLACE,
    ROWS,
    THRESHOLD,
    Choices,
    RowSource,
    Task,
    in_panel,
)

AUTO = "auto"
"""In the place of a score: the one that suits the rows."""
ENGINES = ("local", "ray", "spark", "dask")
DATASET = "More rows than fit into memory"
"""The title under which help shows what reads datasets."""


@dataclass(frozen=True, slots=True)
class FitSource(RowSource):
    """Labelled rows to fit on: also more than fit into memory."""

    CHOICES: ClassVar[Choices] = (
        (("rows", "data", "dataset"), "VAL.npz (or --data, with --model, or --dataset)"),
    )

    dataset: Annotated[
        str | None,
        in_panel(
            DATASET,
            "--dataset",
            "Parquet files of any size: one, a folder, a pattern in quotes, or an address.",
        ),
    ] = None
    engine: Annotated[
        str | None,
        in_panel(
            DATASET,
            "--engine",
            f"What reads them and adds up: {', '.join(ENGINES)}.",
            default="local",
            words=ENGINES,
        ),
    ] = None
    state: Annotated[
        Path | None,
        in_panel(
            DATASET,
            "--state",
            "File that is written after each pass; a fit that was stopped goes on from it.",
        ),
    ] = None
    # of one column of lists one says it so
    logits_column: Annotated[str | None, typer.Option("--logits-column", hidden=True)] = None

    def __post_init__(self) -> None:
        if self.logits_columns is None:
            object.__setattr__(self, "logits_columns", self.logits_column)


@dataclass(frozen=True, slots=True)
class RowMeaning:
    """What the columns of the rows are."""

    task: Task = None
    per_member: Annotated[
        bool, in_panel(ROWS, "--per-member", "The logits of an ensemble: members come last.")
    ] = False
    class_logits: Annotated[
        str | None,
        in_panel(
            PLACE,
            "--class-logits",
            "For a learned confidence, which --logits names: the tensor of the classes.",
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """Which score is fitted."""

    score: Annotated[
        str,
        in_panel(
            None,
            "--score",
            f"The score: {', '.join(SCORES)}; or auto: the simplest that ranks 30 % of the rows as "
            "well as any, which then take no further part.",
            words=[*SCORES, AUTO],
        ),
    ] = "softmax"
    per_label: Annotated[
        bool, typer.Option("--per-label", help="Multilabel: judge each label by itself.")
    ] = False
    calibration: Annotated[
        str,
        in_panel(
            None,
            "--calibration",
            "What calibrates the logits: temperature; vector, a scale and a bias by class (a scale "
            "by label); matrix, where classes take from each other; platt, for one logit, two "
            "classes or labels; or auto: what cross-validation clearly prefers.",
            words=CALIBRATIONS,
        ),
    ] = TEMPERATURE


@dataclass(frozen=True, slots=True)
class _PolicyOptions:
    """How the threshold is chosen; the options of the policies are those of their table."""

    per_class: Annotated[
        bool,
        in_panel(THRESHOLD, "--per-class", "A threshold for each predicted class."),
    ] = False
    simultaneous: Annotated[
        bool,
        in_panel(
            THRESHOLD,
            "--simultaneous",
            "With --risk: promised for all classes or labels at once, and so for all rows.",
        ),
    ] = False
    ood: Annotated[
        Path | None,
        in_panel(THRESHOLD, "--ood", "With --fpr or --tpr: 'logits' of rows from elsewhere."),
    ] = None

    def arguments(self) -> dict[str, Any]:
        """The one policy asked for, as arguments of :meth:`~logitconf.LogitScore.set_threshold`.

        Raises:
            LogitconfError: for several, one without what it needs, or a confidence without a risk.
        """
        asked: dict[str, Any] = {}
        policies = [row.argument for row in POLICIES.values()]
        for each in (*policies, *(further for _, further in _FURTHER)):
            value = getattr(self, each.option or each.name)
            if value is not None:
                asked[each.name] = _numbers(each, value) if each.parts else value
        chosen = [each for each in policies if each.name in asked]
        if len(chosen) > 1:
            flags = [each.flag for each in policies]
            given = " and ".join(each.flag for each in chosen)
            raise LogitconfError(
                f"give one of {', '.join(flags[:-1])} and {flags[-1]}, got {given}"
            )
        for row, further in _FURTHER:
            if further.name in asked and row.argument.name not in asked:
                flag = row.argument.flag
                raise LogitconfError(f"{further.flag} belongs to {flag}, got no {flag}")
        options = {name: True for name in ("per_class", "simultaneous") if getattr(self, name)}
        return {**asked, **options}


_FURTHER = [(row, further) for row in POLICIES.values() for further in row.further]


def _numbers(argument: Argument, text: str) -> tuple[float, ...]:
    """The numbers of an option such as ``--cost 5,1``."""
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != len(argument.parts):
        raise LogitconfError(
            f"{argument.flag} must be {','.join(argument.parts)}, numbers with a comma between, "
            f"such as {argument.flag} 5,1, got {text!r}"
        )
    return numbers


def _option(argument: Argument) -> tuple[str, Any, Any]:
    kind = str if argument.parts else float
    option = typer.Option(
        argument.flag,
        help=argument.text,
        show_default=argument.default or True,
        rich_help_panel=THRESHOLD,
        metavar=",".join(argument.parts) or None,
    )
    return argument.option or argument.name, Annotated[kind | None, option], field(default=None)


if TYPE_CHECKING:
    PolicyOptions = _PolicyOptions
else:
    PolicyOptions = make_dataclass(
        "PolicyOptions",
        [_option(each) for row in POLICIES.values() for each in (row.argument, *row.further)],
        bases=(_PolicyOptions,),
        frozen=True,
        namespace={"__doc__": _PolicyOptions.__doc__},
    )
