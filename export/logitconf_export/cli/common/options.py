"""Arguments and options that several commands share, and what they check first."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from logitconf.errors import LogitconfError
from logitconf.files import check_writable
from logitconf.scores.table import SCORES

Model = Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="An ONNX model.")]
Card = Annotated[Path, typer.Argument(metavar="CARD.json", help="A card that fit wrote.")]
Rows = Annotated[
    Path | None, typer.Argument(metavar="VAL.npz", help="Arrays 'logits' and 'labels'.")
]
RunModel = Annotated[
    Path | None, typer.Option("--model", help="Run this ONNX model to get the logits.")
]
RunData = Annotated[
    Path | None, typer.Option("--data", help="With --model: its inputs by name, and 'labels'.")
]
Output = Annotated[Path, typer.Option("--output", "-o", help="File to write.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the output if it exists.")]
ScoreName = Annotated[str, typer.Option("--score", help=f"{', '.join(SCORES)}.")]
Task = Annotated[str, typer.Option("--task", help="multiclass, binary or multilabel.")]
Logits = Annotated[
    str | None, typer.Option("--logits", help="The tensor to take; found in the graph otherwise.")
]
Kind = Annotated[
    str | None,
    typer.Option(
        "--kind", help="With --logits: it holds logits, probabilities or log-probabilities."
    ),
]
Runtime = Annotated[
    str, typer.Option("--runtime", help="any: right everywhere; onnxruntime: fastest there.")
]
Precision = Annotated[
    str, typer.Option("--precision", help="float32, or float64 to compute in double.")
]
MaskType = Annotated[str, typer.Option("--mask-type", help="bool, uint8 or float32.")]
Probabilities = Annotated[
    bool, typer.Option("--probabilities", help="Add the calibrated probabilities as an output.")
]


def check_output(output: Path, inputs: Iterable[Path | None], *, force: bool) -> None:
    """Refuses an output before any work is done: one that exists, or is one of the inputs."""
    for source in inputs:
        if source is not None and source.exists() and output.exists() and output.samefile(source):
            raise LogitconfError(f"the output must not be the input {source}; name another file")
    check_writable(output, force=force)
