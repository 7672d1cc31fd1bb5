"""What ``verify`` shows of a report: a line for each runtime, what was checked, what failed."""

from collections.abc import Iterator
from pathlib import Path

from logitconf.wording.numbers import short
from logitconf_export.cli.results.blocks import Block, Sentence, Table, failure, note
from logitconf_export.cli.results.result import Result, quoted
from logitconf_export.verification.certificate import ARITHMETIC, BELONGS, HOLDS
from logitconf_export.verification.report import (
    TABLE_HEADER,
    Check,
    Reassurance,
    RuntimeVerdict,
    VerificationReport,
)
from logitconf_export.verification.single import GRAPH, NUMBERS

HELD = {True: "passed", False: "FAILED", None: "not checked"}
# beyond so many steps a difference is better told in score units
_MANY_ULPS = 10_000
# one fault fails many runs
_MOST_FAILURES = 5


def verification_result(model: Path, report: VerificationReport) -> Result:
    """The report as the command shows it.

    Args:
        model: the file, for the commands to run next.
        report: on it.
    """
    known = [note(text) for text in report.notes if not isinstance(text, Reassurance)]
    return Result(
        report.verdict,
        report.to_dict,
        style="good" if report.passed else "bad",
        blocks=tuple(_blocks(report)),
        details=tuple(_details(report)),
        notes=(*known, *_failures(report)),
        following=tuple(_advice(model, report)),
    )


def report_row(report: VerificationReport) -> Table:
    """A line for each runtime: how many rows it decides differently, and by how much scores do."""
    columns = ("on", "verdict", "differently", "off by", "runtime")
    return Table(columns, [_row(one) for one in report.by_runtime])


def _blocks(report: VerificationReport) -> Iterator[Block]:
    if report.by_runtime:
        yield report_row(report)
    counts = {
        word: sum(check.passed is held for check in report.checks) for held, word in HELD.items()
    }
    checks = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    yield Sentence(
        f"checks: {checks or 'none'}; {report.rows:,} rows compared in all runs (each with -v)"
    )
    if not report.by_runtime:
        return
    yield Sentence(
        "off by: largest difference of scores, in ulp, the step from one float32 number to the "
        "next; band: how far scores may differ by rounding, at the threshold "
        f"{short(report.band, 2)}"
    )


def _row(one: RuntimeVerdict) -> tuple[str, ...]:
    far = short(one.largest_absolute, 2)
    ulps = f"{one.largest_ulps} ulp" if one.largest_ulps < _MANY_ULPS else far
    runtime = "" if one.runtime == one.place else one.runtime
    return (one.place, HELD[one.passed], one.counted.removesuffix(" rows"), ulps, runtime)


def _details(report: VerificationReport) -> Iterator[Block]:
    yield Table(TABLE_HEADER, report.table(), "Each run against the reference")
    placed = [
        (
            record.part,
            record.provider,
            record.optimisation,
            ", ".join(f"{n} on {p}" for p, n in record.placement.providers.items()) or "none",
        )
        for record in report.placements
    ]
    if placed:
        columns = ("part", "asked for", "optimisation", "head nodes ran")
        yield Table(columns, placed, "Where the nodes of the head ran")
    yield Table(
        ("verdict", "check", "what was found"),
        [(HELD[check.passed], check.name, check.detail) for check in report.checks],
        "Checks",
        flowing=("check", "what was found"),
    )
    yield from (note(text) for text in report.notes if isinstance(text, Reassurance))
    if len(report.failures) > _MOST_FAILURES:
        yield from (failure(text) for text in report.failures)


def _failures(report: VerificationReport) -> Iterator[Block]:
    """What failed, checks and the user's own rows first; what is left is counted."""
    own = {text for run in report.runs if run.calibration for text in run.failures()}
    checks = {f"{check.name}: {check.detail}" for check in report.checks}
    ranked = sorted(report.failures, key=lambda text: (text not in checks, text not in own))
    yield from (failure(text) for text in ranked[:_MOST_FAILURES])
    if len(ranked) > _MOST_FAILURES:
        yield failure(f"{len(ranked) - _MOST_FAILURES} more; -v shows each")


def _advice(model: Path, report: VerificationReport) -> Iterator[str]:
    """What to do about what failed; each line once."""
    failed = [check for check in report.checks if check.passed is False]
    if _among(failed, NUMBERS, GRAPH):
        yield "if another tool has rewritten the file, put the head back:"
        mended = model.with_name(f"{model.stem}-mended.onnx")
        yield f"reattach with: logitconf reattach {quoted(model)} -o {quoted(mended)}"
    if _among(failed, BELONGS, ARITHMETIC, HOLDS):
        yield "do not rely on the certificate; fit again with --risk, on rows as they will come"


def _among(failed: list[Check], *names: str) -> bool:
    # of several heads, the name of each stands in front
    return any(check.name.endswith(names) for check in failed)
