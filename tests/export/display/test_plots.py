"""Plots as functions: what they draw on, and what they leave alone."""

import subprocess
import sys
from typing import Any

import pytest
from support.display_rows import labelled

import logitconf
from logitconf import LogitconfError
from logitconf_export.display.plots import plot_reliability, plot_risk_coverage, plot_scores

figure_module = pytest.importorskip("matplotlib.figure")

LOGITS, LABELS = labelled(300)
SCORE = logitconf.SoftmaxScore().fit(LOGITS, LABELS).set_threshold(coverage=0.8)
FUNCTIONS = (plot_reliability, plot_risk_coverage, plot_scores)


@pytest.mark.parametrize("plot", FUNCTIONS)
def test_the_axes_given_are_drawn_on_and_come_back(plot: Any) -> None:
    axes = figure_module.Figure().add_subplot()
    assert plot(SCORE, LOGITS, LABELS, ax=axes) is axes
    assert axes.get_xlabel()
    assert axes.get_ylabel()
    assert plot(SCORE, LOGITS, LABELS) is not axes


def test_without_labels_the_scores_are_shown_and_the_rest_is_refused() -> None:
    legend = plot_scores(SCORE, LOGITS).get_legend()
    assert legend is not None
    assert legend.get_texts()[0].get_text() == "300 rows"
    for plot in (plot_reliability, plot_risk_coverage):
        with pytest.raises(LogitconfError, match="needs labels, got none"):
            plot(SCORE, LOGITS, None)


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
