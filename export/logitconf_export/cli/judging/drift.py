"""The command ``drift``: what changes when a variant ships in place of its host."""

from pathlib import Path
from typing import Annotated

import typer

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.options import Model, OutputFile, Provider
from logitconf_export.cli.common.output import deliver, show
from logitconf_export.cli.common.view import Force, View
from logitconf_export.cli.common.waiting import working


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
    provider: Provider = "cpu",
    force: Force = False,
    view: View,
) -> None:
    """Show how a variant of a model with a head decides otherwise, and refit it."""
    if output is None:
        view.check(reference, variant, data, force=force)
    else:
        OutputFile(output, force).check(reference, variant, data, view=view)
    if retune != (output is not None):
        raise LogitconfError("--retune and --output belong together, got one of them")
    from logitconf_export.cli.results.drifts import drift_result
    from logitconf_export.drift.measuring import drift as measure
    from logitconf_export.onnx_files.loading import load_model
    from logitconf_export.runtimes.feeds import host_input_names
    from logitconf_export.runtimes.stored_arrays import LABELS, host_feeds, read_arrays

    arrays = read_arrays(data)
    labels = arrays.get(LABELS)
    if retune and labels is None:
        raise LogitconfError(f"--retune needs 'labels' in {data}, which holds {sorted(arrays)}")
    feeds = host_feeds(arrays, host_input_names(load_model(reference)), data)
    with working("Running both", view):
        reports = [measure(reference, variant, feeds, labels, provider=provider)]
    if labels is not None and output is not None:
        from logitconf.wording.promise import promise_of
        from logitconf_export.drift.refitting import refit
        from logitconf_export.heads.metadata import read_metadata

        written = OutputFile(output, force)
        with working("Refitting", view):
            tuned = refit(variant, feeds, labels, written.file, provider=provider, force=force)
            reports.append(
                measure(reference, written.file or tuned, feeds, labels, provider=provider)
            )
        promise = promise_of(read_metadata(tuned).card)
        deliver(drift_result(variant, reports, output, promise=promise), tuned, written, view)
    else:
        show(drift_result(variant, reports), view, force=force)
