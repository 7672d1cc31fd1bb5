"""The commands that change models: ``detach``, ``retune``, ``reattach`` and ``ensemble``."""

from pathlib import Path
from typing import Annotated

import typer

from logitconf_export.cli.common.options import (
    Force,
    Kind,
    Logits,
    MaskType,
    Model,
    Output,
    Precision,
    Probabilities,
    Runtime,
    check_output,
)


def detach(
    model: Model,
    *,
    output: Output,
    keep: Annotated[
        str | None,
        typer.Option("--keep", help="Of several heads: leave the one that judges this output."),
    ] = None,
    force: Force = False,
) -> None:
    """Take a head off again, or of several heads all but one."""
    check_output(output, (model,), force=force)
    from logitconf_export.cli import ship as cli_ship

    cli_ship.detach_head(model, output, keep=keep, force=force)


def retune(
    model: Model,
    *,
    output: Output,
    temperature: Annotated[
        float | None, typer.Option("--temperature", help="Another temperature, > 0.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Another threshold.")
    ] = None,
    head: Annotated[
        str | None,
        typer.Option("--head", help="Of several heads: the output that it judges, or all."),
    ] = None,
    force: Force = False,
) -> None:
    """Change temperature or threshold of a head; its certificate, if any, is void."""
    check_output(output, (model,), force=force)
    from logitconf_export.cli import ship as cli_ship

    cli_ship.retune_head(
        model, output, temperature=temperature, threshold=threshold, head=head, force=force
    )


def reattach(model: Model, *, output: Output, force: Force = False) -> None:
    """Put heads back as their cards say, after quantisation or float16 conversion rewired them."""
    check_output(output, (model,), force=force)
    from logitconf_export.cli import ship as cli_ship

    cli_ship.reattach_heads(model, output, force=force)


def ensemble(
    models: Annotated[
        list[Path],
        typer.Argument(metavar="MODEL.onnx...", help="Two members or more, with equal inputs."),
    ],
    *,
    output: Output,
    card: Annotated[
        Path | None,
        typer.Option("--card", help="Add a head: a card that fit --per-member wrote."),
    ] = None,
    logits: Logits = None,
    kind: Kind = None,
    class_axis: Annotated[
        int | None,
        typer.Option("--class-axis", help="Where the classes are, if the graphs do not tell."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option("--task", help="Without a card: what the columns mean, if no graph tells."),
    ] = None,
    runtime: Runtime = "any",
    precision: Precision = "float32",
    mask_type: MaskType = "bool",
    probabilities: Probabilities = False,
    force: Force = False,
) -> None:
    """Join exported models into one that runs them all and stacks their logits."""
    check_output(output, (*models, card), force=force)
    from logitconf_export.cli import ensemble as cli_ensemble
    from logitconf_export.cli.ship import HeadOptions

    cli_ensemble.join_members(
        models,
        output,
        card=card,
        logits=logits,
        kind=kind,
        class_axis=class_axis,
        task=task,
        options=HeadOptions(runtime, precision, mask_type, probabilities),
        force=force,
    )
