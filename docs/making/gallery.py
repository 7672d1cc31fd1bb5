"""The pictures of the gallery, drawn while the site is built, by the functions that it shows."""

from collections.abc import Callable, Mapping
from typing import Any

from docs.making.pictures import trained
from logitconf.fitting.comparison import compare_scores
from logitconf.fitting.score_classes import SoftmaxScore
from logitconf_export.cli.making import digits
from logitconf_export.display.comparison_plot import comparison_figure
from logitconf_export.display.drawing import figure_bytes, figure_of
from logitconf_export.display.plots import plot_reliability, plot_risk_coverage, plot_scores


def drawn() -> dict[str, bytes]:
    """Every picture by the name of its file, from digits that nothing was fitted on."""
    _, calibration, test = digits.load_digits()
    network = trained()
    logits = digits.logits_of_network(network, test).numpy()
    known = digits.logits_of_network(network, calibration).numpy()
    fitted = SoftmaxScore().fit(known, calibration.labels)
    fitted.set_threshold(coverage=0.9)
    bare = SoftmaxScore(temperature=1.0)
    figures: Mapping[str, Callable[[], Any]] = {
        "risk": lambda: figure_of(plot_risk_coverage(fitted, logits, test.labels)),
        "reliability_before": lambda: figure_of(plot_reliability(bare, logits, test.labels)),
        "reliability_after": lambda: figure_of(plot_reliability(fitted, logits, test.labels)),
        "scores": lambda: figure_of(plot_scores(fitted, logits, test.labels)),
        "comparison": lambda: comparison_figure(compare_scores(logits, test.labels)),
    }
    return {f"gallery_{name}.svg": figure_bytes(draw(), "svg") for name, draw in figures.items()}
