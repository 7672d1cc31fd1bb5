"""The command ``reattach``: heads put back as their cards say."""

from pathlib import Path
from typing import Annotated

import typer

from logitconf_export.cli.common.options import Model, OutputFile
from logitconf_export.cli.common.output import deliver
from logitconf_export.cli.common.view import View
from logitconf_export.cli.common.waiting import working
from logitconf_export.cli.results.result import named


def reattach(
    model: Model,
    output: OutputFile,
    *,
    card: Annotated[
        Path | None,
        typer.Option("--card", help="The head's card, where another tool dropped the metadata."),
    ] = None,
    view: View,
) -> None:
    """Put heads back as their cards say, after other tools rewired, renamed or rewrote them."""
    output.check(model, card, view=view)
    from logitconf_export.attachment.reattaching import reattach as reattach_heads
    from logitconf_export.cli.common.suggestions import verify_command
    from logitconf_export.cli.results.heads import head_words, heads_of, model_result

    with working("Attaching", view):
        mended = reattach_heads(model, output.file, card=card, force=output.force)
    result = model_result(
        f"Reattached: {named(output.path)} {head_words(heads_of(mended))}",
        output.path,
        mended,
        following=[verify_command(output.path)] if output.file else [],
    )
    deliver(result, mended, output, view)
