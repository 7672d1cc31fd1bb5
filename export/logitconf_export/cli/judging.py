"""The commands that judge: ``compare``, ``verify``, ``drift`` and ``inspect``."""

from pathlib import Path
from typing import Annotated

import typer

from logitconf_export.cli.common.options import (
    Force,
    Kind,
    Logits,
    Model,
    Rows,
    RunData,
    RunModel,
    Task,
    check_output,
)


def compare(
    rows: Rows = None,
    *,
    task: Task = "multiclass",
    model: RunModel = None,
    data: RunData = None,
    holdout: Annotated[
        float, typer.Option("--holdout", help="Share of the rows to compare on, not fitted on.")
    ] = 0.5,
    seed: Annotated[int, typer.Option("--seed", help="Of the split and of the bootstrap.")] = 0,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the risk-coverage curves: .png or .svg.")
    ] = None,
    logits: Logits = None,
    kind: Kind = None,
    force: Force = False,
) -> None:
    """Rank all scores on labelled rows, and say which differences are noise."""
    from logitconf_export.cli import compare as cli_compare
    from logitconf_export.cli.rows import given as cli_rows

    labelled, _ = cli_rows.given_rows(rows, data, model, task=task, logits=logits, kind=kind)
    cli_compare.compare_rows(
        labelled, task=task, holdout=holdout, seed=seed, plot=plot, force=force
    )


def verify(
    model: Model,
    *,
    data: Annotated[
        Path | None, typer.Option("--data", help="Rows for the model: .npz, inputs by name.")
    ] = None,
    inputs: Annotated[
        str | None,
        typer.Option(
            "--inputs",
            metavar="MODULE:FUNCTION",
            help="A function of yours that returns the inputs by name; --data is handed to it.",
        ),
    ] = None,
    provider: Annotated[
        list[str] | None,
        typer.Option("--provider", help="cpu, cuda, cuda-tf32, ...; may be repeated."),
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write the report as JSON.")] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Write the report as JUnit XML, for CI.")
    ] = None,
    golden: Annotated[
        Path | None,
        typer.Option("--golden", help="New folder: head, rows, expected decisions, replay.py."),
    ] = None,
    force: Force = False,
) -> None:
    """Check that a model decides as its card says, on each provider; exit code 1 if not."""
    for report in (json, junit):
        if report is not None:
            check_output(report, (model, data), force=force)
    from logitconf_export.cli import verify as cli_verify

    saved = cli_verify.Saved(json, junit, golden, force)
    if not cli_verify.verify_file(
        model, data=data, inputs=inputs, providers=tuple(provider or ("cpu",)), saved=saved
    ):
        raise typer.Exit(1)


def drift(
    reference: Model,
    variant: Annotated[
        Path, typer.Argument(metavar="VARIANT.onnx", help="The same in float16, int8, ...")
    ],
    *,
    data: Annotated[
        Path, typer.Option("--data", help="Rows for both: .npz, inputs by name, and 'labels'.")
    ],
    retune: Annotated[
        bool,
        typer.Option("--retune", help="Fit temperature and threshold on the variant's logits."),
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="With --retune: file to write.")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write the figures as JSON.")] = None,
    provider: Annotated[str, typer.Option("--provider", help="cpu, cuda, ...")] = "cpu",
    force: Force = False,
) -> None:
    """Show how a variant of a model with a head decides otherwise, and refit it."""
    for path in (output, json):
        if path is not None:
            check_output(path, (reference, variant, data), force=force)
    from logitconf_export.cli import drift as cli_drift

    cli_drift.drift_files(
        reference,
        variant,
        data,
        retune=retune,
        output=output,
        report=json,
        provider=provider,
        force=force,
    )


def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model or a score card.")],
) -> None:
    """Show a card, a head, or where a head could go in a model."""
    from logitconf_export.cli import inspect as cli_inspect

    cli_inspect.inspect_file(file)
