"""How a variant decides otherwise, in words."""

from dataclasses import replace
from pathlib import Path

import pytest

from logitconf_export.cli.results.drifts import drift_result, drift_values
from logitconf_export.drift.measuring import Change, DriftReport, Fraction, VariantFigures

FIGURES = VariantFigures(Fraction.of(400, 500), Fraction.of(50, 500), Fraction.of(20, 400), 0.01)
REPORT = DriftReport(
    rows=500,
    reference=FIGURES,
    variant=replace(FIGURES, coverage=Fraction.of(401, 500)),
    flips=Fraction.of(3, 500),
    newly_accepted=2,
    changed_predictions=Fraction.of(1, 500),
    calibration_change=Change(0.001, -0.002, 0.004),
    largest_score_change=0.25,
    same_numbers=True,
)


def text(*reports: DriftReport) -> str:
    lines = drift_result(Path("int8.onnx"), reports).lines(None)
    return "\n".join("".join(span.text for span in line) for line in lines)


@pytest.mark.parametrize(("flips", "word"), [(3, "Different"), (0, "Same")])
def test_the_verdict_counts_the_rows_that_are_decided_differently(flips: int, word: str) -> None:
    report = replace(REPORT, flips=Fraction.of(flips, 500))
    first = text(report).splitlines()[0]
    assert first == f"{word}: {flips} of 500 rows decided differently by int8.onnx"


def test_shares_have_exact_intervals() -> None:
    # Clopper and Pearson's 95 % interval of 400 in 500
    assert "coverage            80 % (76.2 % to 83.4 %)" in text(REPORT)
    assert "change of ECE         +0.001 (−0.002 to +0.004)" in text(REPORT)


def test_without_labels_it_says_so() -> None:
    bare = VariantFigures(Fraction.of(400, 500), None, None, None)
    report = replace(REPORT, reference=bare, variant=bare, calibration_change=None)
    assert "errors of accepted  no labels" in text(report)


def test_the_json_of_a_refit_is_in_that_of_the_variant() -> None:
    assert drift_values([REPORT])["refitted"] is None
    refitted = drift_values([REPORT, replace(REPORT, newly_accepted=0)])["refitted"]
    assert refitted["newly_accepted"] == 0
