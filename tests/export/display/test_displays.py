"""Plots of one score: what is drawn, and what is left alone."""

import numpy as np
import pytest
from support.display_rows import labelled

import logitconf
from logitconf.wording.numbers import percent_at_most
from logitconf_export.display.displays import (
    Display,
    ReliabilityDisplay,
    RiskCoverageDisplay,
    ScoreDisplay,
)
from logitconf_export.display.plots import plot_reliability, plot_risk_coverage, plot_scores

figure_module = pytest.importorskip("matplotlib.figure")

LOGITS, LABELS = labelled(300)
SCORE = logitconf.SoftmaxScore().fit(LOGITS, LABELS).set_threshold(coverage=0.8)
FUNCTIONS = (plot_reliability, plot_risk_coverage, plot_scores)
DISPLAYS = (ReliabilityDisplay, RiskCoverageDisplay, ScoreDisplay)


@pytest.mark.parametrize("kind", DISPLAYS)
def test_a_display_keeps_its_axes_and_draws_again(kind: type[Display]) -> None:
    display = kind.from_card(SCORE.card, LOGITS, LABELS)
    first = display.ax_
    assert display.figure_ is first.get_figure()
    assert display.plot() is display
    assert display.ax_ is not first
    assert display._repr_svg_() == display._repr_svg_()
    assert "<svg" in display._repr_svg_()


def test_a_score_without_a_fit_is_drawn_from_logits() -> None:
    display = RiskCoverageDisplay.from_logits(
        LOGITS, LABELS, score="margin", temperature=2.0, threshold=-0.5
    )
    selected = logitconf.MarginScore(2.0).set_threshold(value=-0.5).select(LOGITS)["selected"]
    wrong = LOGITS.argmax(1) != LABELS
    assert display.curve.point == (selected.mean(), wrong[selected].mean())


def test_the_curve_drawn_is_the_curve() -> None:
    display = RiskCoverageDisplay.from_card(SCORE, LOGITS, LABELS)
    lines = [(line.get_marker(), np.asarray(line.get_xydata())) for line in display.ax_.get_lines()]
    drawn = max((points for _, points in lines), key=len)
    np.testing.assert_array_equal(drawn[:, 0], display.curve.coverage)
    np.testing.assert_array_equal(drawn[:, 1], display.curve.risk)
    dots = [points[0].tolist() for marker, points in lines if marker == "o"]
    assert dots == [list(display.curve.point or ())]


def test_a_certificate_is_drawn_up_to_its_bound() -> None:
    with pytest.warns(logitconf.LogitconfWarning, match="used to fit too"):
        certified = logitconf.SoftmaxScore().fit(LOGITS, LABELS).set_threshold(risk=0.35)
    display = RiskCoverageDisplay.from_card(certified, LOGITS, LABELS)
    assert display.curve.bound is not None
    words = [text.get_text() for text in display.ax_.texts]
    assert f"certified: at most {percent_at_most(display.curve.bound)}" in words
    assert display.ax_.get_ylim()[1] > display.curve.bound


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [slice(0, 1), slice(0, 2)])
def test_one_row_is_enough(rows: slice) -> None:
    for kind in DISPLAYS:
        kind.from_card(SCORE, LOGITS[rows], LABELS[rows])
        kind.from_card(SCORE, LOGITS[rows], LOGITS[rows].argmax(1))
