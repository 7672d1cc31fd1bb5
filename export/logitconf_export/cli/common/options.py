"""Arguments and options of the commands, each declared once, and those that belong together."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeAlias

import typer

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.view import STDOUT, Force, View, check_output
from logitconf_export.runtimes.providers import PROVIDERS
from logitconf_export.runtimes.targets.table import RUNTIMES

# as in tables that load NumPy, which help does without
TASKS = ("multiclass", "binary", "multilabel")
KINDS = ("logits", "probabilities", "log-probabilities")
MASK_TYPES = ("bool", "uint8", "float32")
ROWS, PLACE, HEAD = "Rows", "Where the logits are", "How the head is written"
THRESHOLD, NO_CARD, REPORT = "Threshold", "Instead of a card", "Reports"
PROOF = "Proof"
"""Titles under which help shows options together."""

Choices: TypeAlias = tuple[tuple[tuple[str, ...], str], ...]
"""Parameters of which one must be given, each set with what to say where all are missing."""


def in_panel(
    panel: str | None, flag: str, text: str, *, default: str = "", words: Iterable[str] = ()
) -> Any:
    """An option that help shows under a title of its own.

    Args:
        panel: the title; None for the first group.
        flag: such as ``--kind``.
        text: what it says.
        default: what holds without it, where the parameter's own default does not tell.
        words: what may follow, for completion.
    """
    return typer.Option(
        flag,
        help=text,
        rich_help_panel=panel,
        show_default=default or True,
        autocompletion=completing(words) if words else None,
    )


def completing(words: Iterable[str]) -> Callable[[], list[str]]:
    """What typer calls for the words that may follow an option."""
    return lambda: [*words]


Model = Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="An ONNX model.")]
ModelOrCard = Annotated[
    Path, typer.Argument(metavar="MODEL.onnx", help="A model with a head, or a card (.json).")
]
Card = Annotated[Path, typer.Argument(metavar="CARD.json", help="A card that fit wrote.")]
Provider = Annotated[
    str, in_panel(None, "--provider", f"Run there: {', '.join(PROVIDERS)}.", words=PROVIDERS)
]
Providers = Annotated[
    list[str] | None,
    in_panel(
        None,
        "--provider",
        f"Run there: {', '.join(PROVIDERS)}; may be repeated.",
        default="cpu",
        words=PROVIDERS,
    ),
]
Runtimes = Annotated[
    list[str] | None,
    typer.Option(
        "--on",
        metavar="RUNTIME",
        help=(
            f"Run the head there: {', '.join(RUNTIMES)}, or the path of a Python; of one version "
            "with ==VERSION behind; may be repeated."
        ),
        show_default="onnxruntime",
        autocompletion=completing(RUNTIMES),
    ),
]
KindOfCard = Annotated[
    str | None,
    in_panel(
        ROWS,
        "--kind",
        f"With a card: what 'logits' holds: {', '.join(KINDS)}.",
        default="logits",
        words=KINDS,
    ),
]
Task = Annotated[
    str | None,
    in_panel(
        None,
        "--task",
        "What the columns mean: multiclass, binary or multilabel.",
        default="what the model tells, else multiclass",
        words=TASKS,
    ),
]
TaskOfGraphs = Annotated[
    str | None,
    in_panel(
        None,
        "--task",
        "Without a card: what the columns mean.",
        default="what the graphs tell",
        words=TASKS,
    ),
]
Names = Annotated[
    str | None,
    in_panel(
        None,
        "--names",
        "Of the classes in their order, kept in the card: a,b,c or a text file, a name a line.",
        default="what the labels, the card or the model tell",
    ),
]
IgnoreLabel = Annotated[
    list[int] | None,
    in_panel(ROWS, "--ignore-label", "Leave out rows with this label; may be repeated."),
]
Temperature = Annotated[
    float | None,
    in_panel(None, "--temperature", "Another temperature, > 0.", default="as it is"),
]
_Logits = Annotated[
    str | None,
    in_panel(PLACE, "--logits", "The tensor to take.", default="found in the graph"),
]
_Kind = Annotated[
    str | None,
    in_panel(
        PLACE,
        "--kind",
        f"What it (or VAL.npz) holds: {', '.join(KINDS)}.",
        default="what the graph tells; of a file logits",
        words=KINDS,
    ),
]
_ClassAxis = Annotated[
    int | None,
    in_panel(PLACE, "--class-axis", "Where the classes are.", default="what the graph tells"),
]


@dataclass(frozen=True, slots=True)
class OutputFile:
    """The file that a command writes, - for stdout."""

    path: Annotated[
        Path, typer.Option("--output", "-o", help="File to write; - writes it to stdout.")
    ]
    force: Force = False

    def check(self, *inputs: Path | None, view: View) -> None:
        """Refuses the output and the JSON before any work is done; see `check_output`."""
        if self.path != STDOUT:
            check_output(self.path, inputs, force=self.force)
        view.check(*inputs, force=self.force, output=self.path)

    @property
    def file(self) -> Path | None:
        """The file to write; None for stdout."""
        return None if self.path == STDOUT else self.path


@dataclass(frozen=True, slots=True)
class RowSource:
    """Labelled rows: logits in a file, or what a model says of its inputs."""

    CHOICES: ClassVar[Choices] = ((("rows", "data"), "VAL.npz (or --data, with --model)"),)

    rows: Annotated[
        Path | None,
        typer.Argument(metavar="VAL.npz", help="Arrays 'logits' and 'labels'; or a table."),
    ] = None
    model: Annotated[
        Path | None,
        in_panel(ROWS, "--model", "Run this ONNX model to get the logits."),
    ] = None
    data: Annotated[
        Path | None,
        in_panel(ROWS, "--data", "With --model: its inputs by name, and 'labels'."),
    ] = None

    ignore_label: IgnoreLabel = None
    logits_columns: Annotated[
        str | None,
        in_panel(
            ROWS,
            "--logits-columns",
            "Of a table: a pattern such as 'logit_*', or a column of lists.",
        ),
    ] = None
    labels_column: Annotated[
        str | None,
        in_panel(ROWS, "--labels-column", "Of a table: numbers or names.", default="labels"),
    ] = None

    @property
    def file(self) -> Path:
        """The file that was given as the one or the other.

        Raises:
            LogitconfError: for both or neither.
        """
        if self.rows is not None and self.data is None:
            return self.rows
        if self.data is not None and self.rows is None:
            return self.data
        given = "both" if self.rows is not None else "neither"
        raise LogitconfError(
            f"one .npz file must be given, as VAL.npz or after --data, got {given}"
        )


@dataclass(frozen=True, slots=True)
class LogitsLocation:
    """Which tensor of a model has the logits; as in :func:`~logitconf_export.attach`."""

    logits: _Logits = None
    kind: _Kind = None
    class_axis: _ClassAxis = None


@dataclass(frozen=True, slots=True)
class HeadPlaces:
    """Which places of a host get heads; as in :func:`~logitconf_export.attach`."""

    logits: Annotated[
        list[str] | None,
        in_panel(
            PLACE,
            "--logits",
            "The tensor to take. With --several repeated.",
            default="found in the graph",
        ),
    ] = None
    kind: _Kind = None
    class_axis: _ClassAxis = None
    several: Annotated[
        str | None,
        in_panel(
            PLACE,
            "--several",
            "Heads on several places, with one decision: joint; or each.",
            default="a head on one place",
            words=("joint", "each"),
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """Where a report is kept besides what is printed.

    Attributes:
        junit: file for the report as JUnit XML.
        golden: folder to make, with head, rows and expected decisions.
        force: whether existing files may be replaced.
    """

    junit: Annotated[
        Path | None,
        in_panel(REPORT, "--junit", "Write the report as JUnit XML, for CI."),
    ] = None
    golden: Annotated[
        Path | None,
        typer.Option(
            "--golden",
            help="New folder: head, rows, expected decisions, replay.py.",
            metavar="FOLDER",
            rich_help_panel=REPORT,
        ),
    ] = None
    force: Force = False


def check_kind_of_card(kind: str | None, *, of_model: bool) -> None:
    """Refuses ``--kind`` beside a model.

    Raises:
        LogitconfError: if it is given.
    """
    if of_model and kind is not None:
        raise LogitconfError("--kind belongs to a card; a model says itself what its head reads")
