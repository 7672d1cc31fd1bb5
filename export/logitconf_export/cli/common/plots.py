"""Risk-coverage curves as a picture, drawn by matplotlib where it is installed."""

import io
from pathlib import Path

import numpy as np

from logitconf.errors import LogitconfError, MissingExtraError
from logitconf.files import check_writable, write_atomically
from logitconf.fitting.comparison import ScoreComparison

SUFFIXES = (".png", ".svg")
# Okabe and Ito's colours, which readers without full colour vision tell apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLES = ("-", "--", "-.", ":")
_POINTS = 1000
# The risk among the first few rows is noise, which would set the scale.
_SHOWN_FROM = 0.02


def check_plot(path: Path, *, force: bool) -> None:
    """Checks that a plot can be drawn and written, before any work is done.

    Raises:
        LogitconfError: for another kind of file, or one that exists.
        MissingExtraError: without matplotlib.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise LogitconfError(f"a plot must be a file {' or '.join(SUFFIXES)}, got {path}")
    check_writable(path, force=force)
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            'plots need matplotlib, which is not installed; pip install "logitconf[plot]"'
        ) from error


def draw_risk_coverage(comparison: ScoreComparison, path: Path, *, force: bool = False) -> None:
    """Writes the curves of all scores, the best thickest, as PNG or SVG.

    Raises:
        LogitconfError: as `check_plot`.
        MissingExtraError: without matplotlib.
    """
    check_plot(path, force=force)
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    with rc_context({"svg.hashsalt": "logitconf", "font.size": 10}):
        figure = Figure(figsize=(7.0, 4.4), layout="constrained")
        axes = figure.add_subplot()
        for place, standing in enumerate(comparison.standings):
            curve = standing.curve
            first = int(np.searchsorted(curve.coverage, _SHOWN_FROM))
            last = curve.coverage.size - 1
            shown = np.unique(np.linspace(min(first, last), last, _POINTS).astype(np.int64))
            axes.plot(
                curve.coverage[shown],
                curve.risk[shown],
                color=_COLOURS[place % len(_COLOURS)],
                linestyle=_STYLES[place // len(_COLOURS) % len(_STYLES)],
                linewidth=2.2 if place == 0 else 1.3,
                zorder=3.0 if place == 0 else 2.0,
                label=f"{standing.score} (AURC {standing.aurc.estimate:.4f})",
            )
        rate = comparison.errors / comparison.rows
        axes.axhline(rate, color="0.6", linewidth=1.0, linestyle=":", label="no ranking")
        coverage = comparison.standings[0].curve.coverage
        perfect = np.maximum(0.0, 1.0 - (1.0 - rate) / coverage)
        axes.plot(coverage, perfect, color="0.6", linewidth=1.0, label="perfect ranking")
        axes.set_xlim(0.0, 1.0)
        axes.set_ylim(bottom=0.0)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_xlabel("coverage: share of rows accepted")
        axes.set_ylabel("risk: errors among the accepted")
        axes.set_title(f"{comparison.rows} rows, {rate:.1%} wrong", fontsize=10)
        axes.grid(color="0.92")
        axes.legend(fontsize=9, frameon=False)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        buffer = io.BytesIO()
        kind = path.suffix.lower().lstrip(".")
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    write_atomically(path, buffer.getvalue(), force=force)
