"""The command ``retune``: other numbers in a head."""

from typing import Annotated

import typer

from logitconf_export.cli.common.options import (
    Model,
    OutputFile,
    Temperature,
    Threshold,
    in_panel,
)
from logitconf_export.cli.common.output import deliver
from logitconf_export.cli.common.view import View


def retune(
    model: Model,
    output: OutputFile,
    *,
    temperature: Temperature = None,
    threshold: Threshold = None,
    min_confidence: Annotated[
        float | None,
        in_panel(
            None,
            "--min-confidence",
            "Instead of --threshold: accept what is right with this probability at least.",
        ),
    ] = None,
    mode: Annotated[
        str | None, in_panel(None, "--mode", "Instead of --threshold: a mode of the card.")
    ] = None,
    head: Annotated[
        str | None,
        typer.Option("--head", help="Of several heads: the output that it judges, or all."),
    ] = None,
    view: View,
) -> None:
    """Change temperature or threshold of a head; its certificate, if any, is void."""
    output.check(model, view=view)
    from logitconf_export.attachment.retuning import retune as retune_heads
    from logitconf_export.cli.common.suggestions import verify_command
    from logitconf_export.cli.results.retunings import retuning_result
    from logitconf_export.heads.metadata import read_heads
    from logitconf_export.onnx_files.loading import load_model

    before = read_heads(load_model(model)).heads
    tuned = retune_heads(
        model,
        output.file,
        temperature=temperature,
        threshold=threshold,
        min_confidence=min_confidence,
        mode=mode,
        head=head,
        force=output.force,
    )
    following = [verify_command(output.path)] if output.file else []
    deliver(retuning_result(before, tuned, output.path, following), tuned, output, view)
