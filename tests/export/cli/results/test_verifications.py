"""What is shown of a report: a line for each runtime, and what to do about what failed."""

from dataclasses import replace
from pathlib import Path

import pytest

from logitconf_export.cli.results.verifications import verification_result
from logitconf_export.decisions.comparison import Comparison
from logitconf_export.verification.certificate import HOLDS
from logitconf_export.verification.report import Check, Reassurance, Run, VerificationReport
from logitconf_export.verification.single import GRAPH

GOOD = Comparison(rows=500, largest_ulps=2)
RUN = Run("host", "onnxruntime 1.31.1", "cpu", "all", "the feeds", (500, 3), True, GOOD, GOOD, GOOD)
REPORT = VerificationReport({"score": "softmax"}, 1e-6, 0, (Check("a", True),), (RUN,), ())


def text(report: VerificationReport, *, verbose: bool = False) -> str:
    lines = verification_result(Path("my out.onnx"), report).lines(None, verbose=verbose)
    return "\n".join("".join(span.text for span in line) for line in lines)


def test_each_runtime_has_a_line_behind_the_verdict() -> None:
    other = replace(RUN, provider="", runtime="tract 0.23")
    lines = text(replace(REPORT, runs=(RUN, other))).splitlines()
    assert lines[0] == "PASSED: 0 of 500 rows decided differently on cpu and tract 0.23"
    assert lines[3].split() == ["cpu", "passed", "0", "of", "500", "2", "ulp", *RUN.runtime.split()]
    assert lines[4].split() == ["tract", "0.23", "passed", "0", "of", "500", "2", "ulp"]


def test_what_reassures_is_a_detail_and_other_notes_are_not() -> None:
    report = replace(REPORT, notes=("look at this", Reassurance("all is well")))
    assert "note: look at this" in text(report)
    assert "all is well" not in text(report)
    assert "note: all is well" in text(report, verbose=True)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (GRAPH, "reattach with: logitconf reattach 'my out.onnx' -o 'my out-mended.onnx'"),
        (f"second: {GRAPH}", "reattach with: logitconf reattach"),
        (HOLDS, "fit again with --risk"),
    ],
)
def test_a_failed_check_says_what_to_do(check: str, words: str) -> None:
    failed = text(replace(REPORT, checks=(Check(check, False, "why"),)))
    assert failed.startswith("FAILED: 1 check of 1 does not hold")
    assert f"failure: {check}: why" in failed
    assert words in failed


def test_the_details_show_every_check_and_run() -> None:
    shown = text(replace(REPORT, checks=(Check("b", None, "why not"),)), verbose=True)
    assert "not checked  b      why not" in shown
    assert "the feeds" in shown


def test_of_many_failures_checks_and_own_rows_come_first_and_the_others_are_counted() -> None:
    flipped = Comparison(rows=10, flips_outside=2)
    made_up = [replace(RUN, name=f"made {k}", calibration=False, eager=flipped) for k in range(9)]
    own = replace(RUN, eager=flipped)
    report = replace(REPORT, checks=(Check("a", False, "why"),), runs=(*made_up, own))
    lines = [line for line in text(report).splitlines() if line.startswith("failure: ")]
    assert len(lines) == 6
    assert lines[0] == "failure: a: why"
    assert "the feeds: 2 of 10 masks flipped" in lines[1]
    assert lines[-1] == "failure: 6 more; -v shows each"
    assert "made 8" in text(report, verbose=True)
    assert "made 8" not in text(report)
