"""Plots of one score: what is drawn, and what is left alone."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from support.display_rows import labelled

import logitconf
from logitconf import LogitconfError
from logitconf_export.display.displays import (
    Display,
    ReliabilityDisplay,
    RiskCoverageDisplay,
    ScoreDisplay,
    plot_reliability,
    plot_risk_coverage,
    plot_scores,
)

figure_module = pytest.importorskip("matplotlib.figure")

LOGITS, LABELS = labelled(300)
SCORE = logitconf.SoftmaxScore().fit(LOGITS, LABELS).set_threshold(coverage=0.8)
FUNCTIONS = (plot_reliability, plot_risk_coverage, plot_scores)
DISPLAYS = (ReliabilityDisplay, RiskCoverageDisplay, ScoreDisplay)


@pytest.mark.parametrize("plot", FUNCTIONS)
def test_the_axes_given_are_drawn_on_and_come_back(plot: Any) -> None:
    axes = figure_module.Figure().add_subplot()
    assert plot(SCORE, LOGITS, LABELS, ax=axes) is axes
    assert axes.get_xlabel()
    assert axes.get_ylabel()
    assert plot(SCORE, LOGITS, LABELS) is not axes


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
    assert f"certified: at most {100 * display.curve.bound:.3g} %" in words
    assert display.ax_.get_ylim()[1] > display.curve.bound


def test_without_labels_the_scores_are_shown_and_the_rest_is_refused() -> None:
    legend = plot_scores(SCORE, LOGITS).get_legend()
    assert legend is not None
    assert legend.get_texts()[0].get_text() == "300 rows"
    for plot in (plot_reliability, plot_risk_coverage):
        with pytest.raises(LogitconfError, match="needs labels, got none"):
            plot(SCORE, LOGITS, None)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [slice(0, 1), slice(0, 2)])
def test_one_row_is_enough(rows: slice) -> None:
    for kind in DISPLAYS:
        kind.from_card(SCORE, LOGITS[rows], LABELS[rows])
        kind.from_card(SCORE, LOGITS[rows], LOGITS[rows].argmax(1))


def test_pyplot_is_not_loaded_and_no_setting_is_changed() -> None:
    code = (
        "import sys, numpy as np, logitconf, matplotlib\n"
        "before = matplotlib.rcParams.copy()\n"
        "logits = np.eye(3, dtype=np.float32) * 4\n"
        "for plot in (logitconf.plot_reliability, logitconf.plot_risk_coverage):\n"
        "    plot(logitconf.SoftmaxScore(), logits, [0, 1, 1])\n"
        "d = logitconf.ScoreDisplay.from_card(logitconf.SoftmaxScore(), logits)\n"
        "d._repr_svg_()\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "kept = [key for key in before if 'backend' not in key]\n"
        "assert [before[key] for key in kept] == [matplotlib.rcParams[key] for key in kept]"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
