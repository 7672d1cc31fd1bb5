"""The command ``detach``: a host without its heads, or with one of them."""

from pathlib import Path
from typing import Annotated

import typer

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.options import Model, OutputFile
from logitconf_export.cli.common.output import deliver
from logitconf_export.cli.common.view import View
from logitconf_export.cli.results.result import named, quoted


def detach(
    model: Model,
    output: OutputFile,
    *,
    keep: Annotated[
        str | None,
        typer.Option("--keep", help="Of several heads: leave the one that judges this output."),
    ] = None,
    view: View,
) -> None:
    """Take a head off again, or of several heads all but one."""
    output.check(model, view=view)
    from logitconf_export.attachment.detaching import detach as detach_heads
    from logitconf_export.attachment.detaching import single_head
    from logitconf_export.cli.results.heads import head_words, heads_of, model_result
    from logitconf_export.onnx_files.loading import load_model
    from logitconf_export.onnx_files.saving import Destination

    before = load_model(model)
    bare = detach_heads(before)
    if bare == before:
        raise LogitconfError(f"{model} must have a head to take off, got none")
    host = bare if keep is None else single_head(before, keep)
    Destination.of(output.file, model, force=output.force).save(host)
    without = "the host as it was before a head was attached"
    left = without if keep is None else head_words(heads_of(host))
    result = model_result(
        f"Detached: {named(output.path)} {'is ' if keep is None else ''}{left}",
        output.path,
        host,
        following=[] if output.file is None else [_next(output.path, keep)],
    )
    deliver(result, host, output, view)


def _next(path: Path, keep: str | None) -> str:
    from logitconf_export.cli.common.suggestions import verify_command

    return verify_command(path) if keep else f"inspect with: logitconf inspect {quoted(path)}"
