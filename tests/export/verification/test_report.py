"""A report passes only if something was compared and nothing failed."""

import json
from dataclasses import replace

import pytest

from logitconf_export.decisions.comparison import Comparison
from logitconf_export.runtimes.profiles import NodeProviders
from logitconf_export.verification.report import Check, PlacementRecord, Run, VerificationReport

GOOD = Comparison(rows=10)
RUN = Run("head", "onnxruntime 1", "cpu", "all", "hard", (10, 3), False, GOOD, GOOD, GOOD)
PLACED = PlacementRecord(
    "head", "cpu", "off", NodeProviders({"CPUExecutionProvider": 3}, (), (), 3)
)


def _report(*runs: Run, **changes: object) -> VerificationReport:
    plain = VerificationReport({"score": "softmax"}, 1e-6, 0, (), runs, (PLACED,))
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_a_report_without_failures_passes() -> None:
    assert _report(RUN).passed
    assert _report(RUN).rows == 10


def test_comparing_nothing_is_a_failure() -> None:
    assert _report().failures == ("no rows were compared",)
    assert not _report(replace(RUN, eager=Comparison(rows=0))).passed


@pytest.mark.parametrize(
    ("comparison", "calibration", "message"),
    [
        (Comparison(rows=10, flips_outside=2), False, "2 of 10 masks flipped outside"),
        (Comparison(rows=10, flips_inside=1), True, "1 masks of your own rows flipped"),
        (Comparison(rows=10, not_finite=3), False, "3 scores are not finite"),
        (Comparison(rows=10, beyond_rounding=4), False, "4 scores differ by more"),
        (Comparison(rows=10, contradicting=5), False, "5 masks are not what"),
    ],
)
def test_each_kind_of_difference_fails(
    comparison: Comparison, calibration: bool, message: str
) -> None:
    report = _report(replace(RUN, eager=comparison, calibration=calibration))
    assert len(report.failures) == 1
    assert message in report.failures[0]


def test_a_failure_says_who_is_wrong_against_float64() -> None:
    flipped = Comparison(rows=10, flips_outside=2)
    report = _report(replace(RUN, eager=flipped, eager_truth=flipped))
    assert report.failures[0].endswith("against float64 this run has 0, eager torch 2")


def test_a_flip_inside_the_band_fails_no_generated_rows() -> None:
    assert _report(replace(RUN, eager=Comparison(rows=10, flips_inside=1))).passed


@pytest.mark.parametrize(
    ("placement", "message"),
    [
        (NodeProviders({"CPUExecutionProvider": 2}, ("a",), (), 2), "on another provider"),
        (NodeProviders({}, (), ("a",), 0), "no node of the head"),
        (NodeProviders({"CPUExecutionProvider": 2}, (), ("a",), 2), "did not run: a"),
    ],
)
def test_a_provider_that_is_not_proved_fails(placement: NodeProviders, message: str) -> None:
    report = _report(RUN, placements=(replace(PLACED, placement=placement),))
    assert any(message in failure for failure in report.failures)


def test_a_failed_check_fails_and_an_unchecked_one_does_not() -> None:
    assert not _report(RUN, checks=(Check("graph", False, "why"),)).passed
    assert _report(RUN, checks=(Check("graph", None, "why"),)).passed


def test_json_says_what_is_not_finite_in_words() -> None:
    run = replace(RUN, eager=Comparison(rows=1, flips_outside=1, tolerance_needed=float("inf")))
    values = json.loads(_report(run).to_json())
    assert values["schema"] == 1
    assert values["passed"] is False
    assert values["runs"][0]["eager"]["tolerance_needed"] == "inf"


def test_text_shows_verdict_and_failures() -> None:
    assert "\n10 rows compared" in _report(RUN).to_text()
    text = _report(replace(RUN, eager=Comparison(rows=10, not_finite=1))).to_text()
    assert text.startswith("FAILED: head on cpu, hard: 1 scores")
    assert "failure: head on cpu, hard: 1 scores" in text


OWN = replace(RUN, calibration=True, eager=Comparison(rows=500, largest_ulps=2))
FLIPPED = replace(OWN, provider="cuda", eager=Comparison(rows=500, flips_inside=1, flips_outside=2))
VERDICTS = [
    ((RUN, OWN), "PASSED: 0 of 500 rows decided differently on cpu"),
    (
        (OWN, replace(OWN, optimisation="off"), replace(OWN, provider="", runtime="tract 0.23")),
        "PASSED: 0 of 500 rows decided differently on cpu and tract 0.23",
    ),
    (
        (RUN, replace(RUN, name="pairs", eager=Comparison(rows=20, flips_inside=4))),
        "PASSED: 0 of 30 generated rows decided differently beyond rounding on cpu",
    ),
    ((OWN, FLIPPED), "FAILED: 3 of 500 rows decided differently on cuda"),
    (
        (RUN, replace(RUN, eager=Comparison(rows=10, flips_outside=2))),
        "FAILED: 2 of 20 generated rows decided differently on cpu",
    ),
    ((), "FAILED: no rows were compared"),
]


@pytest.mark.parametrize(("runs", "verdict"), VERDICTS)
def test_the_verdict_says_how_many_rows_are_decided_differently_and_where(
    runs: tuple[Run, ...], verdict: str
) -> None:
    report = _report(*runs)
    assert report.verdict == verdict
    assert report.to_dict()["verdict"] == verdict


def test_the_verdict_of_a_broken_check_names_it() -> None:
    checks = (Check("graph", False, "why"), Check("numbers", True))
    assert _report(OWN, checks=checks).verdict == (
        "FAILED: 1 check of 2 does not hold, first: graph"
    )


def test_each_runtime_has_a_verdict_of_its_own_rows_at_their_worst() -> None:
    level = replace(FLIPPED, optimisation="off", eager=Comparison(rows=500, largest_ulps=7))
    cpu, cuda = _report(RUN, OWN, FLIPPED, level).by_runtime
    assert (cpu.place, cpu.counted, cpu.passed) == ("cpu", "0 of 500 rows", True)
    assert (cuda.place, cuda.counted, cuda.passed) == ("cuda", "3 of 500 rows", False)
    assert (cpu.largest_ulps, cuda.largest_ulps) == (2, 7)


def test_a_provider_that_is_not_proved_has_not_passed() -> None:
    elsewhere = NodeProviders({"CPUExecutionProvider": 2}, ("a",), (), 2)
    (cpu,) = _report(OWN, placements=(replace(PLACED, placement=elsewhere),)).by_runtime
    assert not cpu.passed
