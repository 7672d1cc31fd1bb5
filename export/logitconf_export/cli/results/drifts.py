"""What ``drift`` shows: how a variant decides otherwise than its reference."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from logitconf.wording.numbers import counted, percent, short
from logitconf_export.cli.results.blocks import Facts, Table, note
from logitconf_export.cli.results.result import Result, quoted, written
from logitconf_export.drift.measuring import Change, DriftReport, Fraction, VariantFigures
from logitconf_export.verification.report import Reassurance


def drift_result(
    variant: Path,
    reports: Sequence[DriftReport],
    output: Path | None = None,
    *,
    promise: str | None = None,
) -> Result:
    """One column for the reference, one for the variant and one for it after refitting.

    Args:
        variant: the file.
        reports: on it, and on what was refitted.
        output: where that was written; - for stdout.
        promise: what the refitted card certifies, in words; None for nothing.
    """
    last = reports[-1]
    name, words = f"{variant if output is None else output}", ""
    if output is not None:
        words = f"; before refitting {reports[0].flips.count}"
    label = "Refitted" if output is not None else "Different" if last.flips.count else "Same"
    on_stdout = f"{output}" == "-"
    facts = [("written", "to stdout") if on_stdout else written(output)] if output else []
    if promise is not None:
        facts.append(("promise", promise))
    known = dict.fromkeys(text for report in reports for text in report.notes)
    notes = [note(text) for text in known if not isinstance(text, Reassurance)]
    if output is not None:
        notes.append(note("the refitted variant is shown on the rows that it was fitted on"))
    verify = f"verify with: logitconf verify {quoted(output)}" if output and not on_stdout else ""
    return Result(
        f"{label}: {last.differently} by {name}{words}",
        lambda: drift_values(reports),
        style="good" if not last.flips.count else "caution",
        blocks=(*([Facts(facts)] if facts else []), *_tables(reports)),
        details=tuple(note(text) for text in known if isinstance(text, Reassurance)),
        notes=notes,
        following=[verify] if verify else [],
    )


def drift_values(reports: Sequence[DriftReport]) -> dict[str, Any]:
    """The first report with the one after refitting in it, as JSON values."""
    first, *refitted = (report.to_dict() for report in reports)
    return {**first, "refitted": refitted[0] if refitted else None}


def _tables(reports: Sequence[DriftReport]) -> tuple[Table, Table]:
    names = ["variant", "refitted"][: len(reports)]
    files = [reports[0].reference, *(report.variant for report in reports)]
    rows = [
        [name, *(word(figures) for figures in files)]
        for name, word in (
            ("coverage", lambda one: _fraction(one.coverage)),
            ("errors of accepted", lambda one: _fraction(one.risk)),
            ("errors of all", lambda one: _fraction(one.errors)),
            ("ECE", _calibration),
        )
    ]
    changes = [
        ["decided differently", *(_fraction(report.flips) for report in reports)],
        ["newly accepted", *(f"{report.newly_accepted:,}" for report in reports)],
        ["other predictions", *(_fraction(report.changed_predictions) for report in reports)],
        ["change of ECE", *(_change(report.calibration_change) for report in reports)],
        ["largest score change", *(short(report.largest_score_change, 3) for report in reports)],
    ]
    title = f"{counted(reports[0].rows, 'row')}, 95 % intervals"
    return (
        Table(("", "reference", *names), rows, title),
        Table(("", *names), changes, "Against the reference"),
    )


def _fraction(part: Fraction | None) -> str:
    if part is None:
        return "no labels"
    if not part.total:
        return "of nothing"
    return f"{percent(part.value)} ({percent(part.low)} to {percent(part.high)})"


def _calibration(figures: VariantFigures) -> str:
    error = figures.calibration_error
    return "no labels" if error is None else short(error, 3)


def _change(change: Change | None) -> str:
    if change is None:
        return "no labels"
    return f"{_signed(change.value)} ({_signed(change.low)} to {_signed(change.high)})"


def _signed(number: float) -> str:
    return f"+{short(number, 2)}" if number > 0 else short(number, 2)
