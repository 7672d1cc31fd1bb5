"""The command ``reattach``: heads put back as their cards say."""

from pathlib import Path
from typing import Annotated

import typer

from logitconf_export.cli.common.options import Model, OutputFile
from logitconf_export.cli.common.output import print_facts, working


def reattach(
    model: Model,
    output: OutputFile,
    *,
    card: Annotated[
        Path | None,
        typer.Option("--card", help="The head's card, where another tool dropped the metadata."),
    ] = None,
) -> None:
    """Put heads back as their cards say, after other tools rewired, renamed or rewrote them."""
    output.check(model, card)
    from logitconf_export.attachment.reattaching import reattach as reattach_heads
    from logitconf_export.cli.common.model_facts import head_facts, port_facts

    with working("Attaching"):
        mended = reattach_heads(model, output.path, card=card, force=output.force)
    print_facts(f"{output.path}", [*head_facts(mended), *port_facts(mended)])
