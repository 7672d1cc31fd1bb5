"""The command ``detach``: a host without its heads, or with one of them."""

from typing import Annotated

import typer

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.options import Model, OutputFile
from logitconf_export.cli.common.output import print_facts


def detach(
    model: Model,
    output: OutputFile,
    *,
    keep: Annotated[
        str | None,
        typer.Option("--keep", help="Of several heads: leave the one that judges this output."),
    ] = None,
) -> None:
    """Take a head off again, or of several heads all but one."""
    output.check(model)
    from logitconf_export.attachment.detaching import detach as detach_heads
    from logitconf_export.attachment.detaching import single_head
    from logitconf_export.cli.common.model_facts import head_facts, port_facts
    from logitconf_export.onnx_files.loading import load_model
    from logitconf_export.onnx_files.saving import Destination

    before = load_model(model)
    bare = detach_heads(before)
    if bare == before:
        raise LogitconfError(f"{model} must have a head to take off, got none")
    host = bare if keep is None else single_head(before, keep)
    Destination.of(output.path, model, force=output.force).save(host)
    print_facts(f"{output.path}", [*head_facts(host), *port_facts(host)])
