"""The command ``drift``: what changes when a variant ships in place of its host."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.options import Force, Json, Model, Provider, check_output
from logitconf_export.cli.common.output import print_facts, print_line, print_table, working

if TYPE_CHECKING:
    from logitconf_export.drift.measuring import Change, DriftReport, Fraction, VariantFigures


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
    json: Json = None,
    provider: Provider = "cpu",
    force: Force = False,
) -> None:
    """Show how a variant of a model with a head decides otherwise, and refit it."""
    for path in (output, json):
        if path is not None:
            check_output(path, (reference, variant, data), force=force)
    if retune != (output is not None):
        raise LogitconfError("--retune and --output belong together, got one of them")
    from logitconf.files import write_atomically
    from logitconf_export.drift.measuring import drift as measure
    from logitconf_export.onnx_files.loading import load_model
    from logitconf_export.runtimes.feeds import host_input_names
    from logitconf_export.runtimes.stored_arrays import LABELS, host_feeds, read_arrays

    arrays = read_arrays(data)
    labels = arrays.get(LABELS)
    if retune and labels is None:
        raise LogitconfError(f"--retune needs 'labels' in {data}, which holds {sorted(arrays)}")
    feeds = host_feeds(arrays, host_input_names(load_model(reference)), data)
    with working("Running both"):
        reports = [measure(reference, variant, feeds, labels, provider=provider)]
    if labels is not None and output is not None:
        from logitconf_export.drift.refitting import refit
        from logitconf_export.heads.metadata import read_heads

        with working("Refitting"):
            tuned = refit(variant, feeds, labels, output, provider=provider, force=force)
            reports.append(measure(reference, output, feeds, labels, provider=provider))
        card = read_heads(tuned).heads[0].card
        facts = [("temperature", f"{card.temperature:.9g}"), ("threshold", f"{card.threshold}")]
        print_facts(f"{output}", facts)
    if json is not None:
        write_atomically(json, _as_json(reports).encode(), force=force)
    print_drift(reports)


def print_drift(reports: "Sequence[DriftReport]") -> None:
    """One column for the reference, one for the variant and one for it after refitting."""
    names = ["variant", "refitted"][: len(reports)]
    files = [reports[0].reference, *(report.variant for report in reports)]
    rows = [
        [name, *(word(figures) for figures in files)]
        for name, word in (
            ("coverage", lambda one: _fraction(one.coverage)),
            ("selective risk", lambda one: _fraction(one.risk)),
            ("errors of all", lambda one: _fraction(one.errors)),
            ("ECE", _calibration),
        )
    ]
    changes = [
        ["flips", *(_fraction(report.flips) for report in reports)],
        ["of those newly accepted", *(f"{report.newly_accepted}" for report in reports)],
        ["other predictions", *(_fraction(report.changed_predictions) for report in reports)],
        ["change of ECE", *(_change(report.calibration_change) for report in reports)],
        ["largest score change", *(f"{report.largest_score_change:.3g}" for report in reports)],
    ]
    print_table(f"{reports[0].rows} rows, 95 % intervals", ("", "reference", *names), rows)
    print_table("against the reference", ("", *names), changes)
    for note in dict.fromkeys(note for report in reports for note in report.notes):
        print_line(f"note: {note}")
    if len(reports) > 1:
        print_line("note: the refitted variant is shown on the rows that it was fitted on")


def _as_json(reports: "Sequence[DriftReport]") -> str:
    from logitconf_export.verification.report import as_json

    first, *refitted = (report.to_dict() for report in reports)
    return as_json({**first, "refitted": refitted[0] if refitted else None})


def _fraction(part: "Fraction | None") -> str:
    if part is None:
        return "no labels"
    return f"{part.value:.2%} [{part.low:.2%}, {part.high:.2%}]" if part.total else "of nothing"


def _calibration(figures: "VariantFigures") -> str:
    error = figures.calibration_error
    return "no labels" if error is None else f"{error:.4f}"


def _change(change: "Change | None") -> str:
    if change is None:
        return "no labels"
    return f"{change.value:+.4f} [{change.low:+.4f}, {change.high:+.4f}]"
