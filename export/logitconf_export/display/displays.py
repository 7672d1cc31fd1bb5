"""Plots of one score in the manner of scikit-learn: displays that take axes and keep them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from logitconf.fitting.score_classes import score_class
from logitconf.metrics.intervals import clopper_pearson_lower, clopper_pearson_upper
from logitconf.tasks import ArrayLike
from logitconf.wording.numbers import counted, percent, percent_at_most
from logitconf_export.display.curves import Reliability, RiskCurve, ScoreHistogram
from logitconf_export.display.drawing import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    axes_to_draw_on,
    figure_bytes,
    figure_of,
    in_percent,
    legend_above,
)
from logitconf_export.display.judged import JudgedRows, judge
from logitconf_export.heads.sources import HeadSource, card_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from typing_extensions import Self


# The interval of fewer rows says nothing but that they are few.
_ENOUGH = 10


class Display(ABC):
    """A plot, made from rows, that is drawn on any axes.

    Attributes:
        ax_: the axes that it was drawn on last.
        figure_: their figure.
    """

    ax_: Axes
    figure_: Figure

    @classmethod
    @abstractmethod
    def of(cls, judged: JudgedRows) -> Self:
        """The display of rows that a card has judged."""

    @abstractmethod
    def draw(self, ax: Axes) -> None:
        """Draws on axes."""

    @classmethod
    def from_card(
        cls,
        card: HeadSource,
        logits: ArrayLike,
        labels: ArrayLike | None = None,
        *,
        kind: str = "logits",
        ax: Axes | None = None,
    ) -> Self:
        """Draws what a fitted score says of rows.

        Args:
            card: a fitted score, its card, or the path of a card.
            logits: (N, ...) as its task says.
            labels: as its task says.
            kind: what the logits hold: ``"logits"``, ``"probabilities"`` or
                ``"log-probabilities"``.
            ax: the axes to draw on; those of a new figure unless given.

        Raises:
            LogitconfError: if the rows do not fit the card, or lack the labels that are needed.
            MissingExtraError: without matplotlib.
        """
        return cls.of(judge(card_of(card), logits, labels, kind=kind)).plot(ax)

    @classmethod
    def from_logits(
        cls,
        logits: ArrayLike,
        labels: ArrayLike | None = None,
        *,
        score: str = "softmax",
        temperature: float | None = None,
        threshold: float | None = None,
        task: str = "multiclass",
        kind: str = "logits",
        ax: Axes | None = None,
    ) -> Self:
        """Draws what a score says of rows, without a fit.

        Args:
            logits: (N, ...) as the task says.
            labels: as the task says.
            score: its name.
            temperature: divides the logits; 1 unless given.
            threshold: accept below it; none is shown unless given.
            task: what the columns mean.
            kind: what the logits hold, as in `from_card`.
            ax: the axes to draw on; those of a new figure unless given.

        Raises:
            LogitconfError: as `from_card`.
            MissingExtraError: without matplotlib.
        """
        made = score_class(score)(temperature, task)
        if threshold is not None:
            made.set_threshold(value=threshold)
        return cls.of(judge(made.card, logits, labels, kind=kind)).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draws it; pyplot is neither needed nor touched.

        Args:
            ax: the axes to draw on; those of a new figure unless given.

        Returns:
            The display itself, with ``ax_`` and ``figure_``.

        Raises:
            MissingExtraError: without matplotlib.
        """
        self.ax_ = axes_to_draw_on(ax)
        self.draw(self.ax_)
        self.figure_ = figure_of(self.ax_)
        return self

    def _repr_svg_(self) -> str:
        """The drawing, for notebooks, where no pyplot shows it; ``ax_`` stays what it is."""
        ax = axes_to_draw_on(None)
        self.draw(ax)
        return figure_bytes(figure_of(ax), "svg").decode()


class RiskCoverageDisplay(Display):
    """Errors among the accepted by how many are accepted, with the point that was chosen.

    The band holds the true risk at each point with 95 % (exact binomial, point by point). A card's
    own threshold is a dot; with a certificate, the bound that it proves is a bar above it.

    Attributes:
        curve: the numbers.

    >>> logits = [[4.0, 0.0], [3.0, 0.0], [0.5, 0.0], [0.2, 0.0]]
    >>> display = RiskCoverageDisplay.of(judge(score_class("margin")().card, logits, [0, 0, 1, 0]))
    >>> display.curve.risk.round(2), display.curve.coverage
    (array([0.  , 0.  , 0.33, 0.25]), array([0.25, 0.5 , 0.75, 1.  ]))
    """

    def __init__(self, curve: RiskCurve) -> None:
        self.curve = curve

    @classmethod
    def of(cls, judged: JudgedRows) -> Self:
        """The display of labelled rows.

        Raises:
            LogitconfError: without labels.
        """
        return cls(RiskCurve.of(judged))

    def draw(self, ax: Axes) -> None:
        """Draws curve, band and point."""
        curve = self.curve
        ax.fill_between(
            curve.coverage, curve.lower, curve.upper, color=BLUE, alpha=0.16, linewidth=0
        )
        ax.plot(curve.coverage, curve.risk, color=BLUE, linewidth=1.8)
        rate = curve.errors / curve.rows
        ax.axhline(rate, color=MUTED, linewidth=1.0, linestyle=":")
        top = self._top(rate)
        _note(ax, f"all {curve.noun}s: {percent(rate)} wrong", (0.0, rate), (4, 3), MUTED)
        if curve.promised is not None and curve.promised <= top:
            ax.axhline(curve.promised, color=GREEN, linewidth=1.2, linestyle="--")
            text = f"promised: {percent(curve.promised)}"
            _note(ax, text, (0.0, curve.promised), (4, 5), GREEN)
        if curve.point is not None:
            self._draw_point(ax, curve.point)
        ax.set(xlim=(0.0, 1.0), ylim=(0.0, top))
        in_percent(ax, x=True, y=True)
        ax.set_xlabel(f"coverage: share of {curve.noun}s accepted")
        ax.set_ylabel("risk: errors among the accepted")

    def _top(self, rate: float) -> float:
        """The upper end of the axis: the band where there are rows enough, and what is marked."""
        # the band of the first few rows reaches 1, which would set the scale
        shown = self.curve.upper[self.curve.coverage >= 0.1]
        heights = [rate * 1.15, 0.01, self.curve.bound or 0.0, *shown]
        if self.curve.point is not None:
            heights.append(self.curve.point[1])
        return min(1.0, 1.08 * float(max(heights)))

    def _draw_point(self, ax: Axes, point: tuple[float, float]) -> None:
        coverage, risk = point
        bound, side = self.curve.bound, -1 if coverage > 0.4 else 1
        if bound is not None:
            ax.errorbar(
                coverage, risk, [[0.0], [max(0.0, bound - risk)]],
                color=GREEN, capsize=4, linewidth=1.6, capthick=1.6, zorder=3,
            )  # fmt: skip
            text = f"certified: at most {percent_at_most(bound)}"
            _note(ax, text, (coverage, bound), (4 * side, 5), GREEN, right=side < 0)
        ax.plot(coverage, risk, "o", color=ORANGE, markersize=7, zorder=4)
        # left of the point the curve is lower, as long as fewer rows are better ones
        one_line = bound is not None and coverage > 0.62
        height = -8 if one_line else 6 if bound is None and side < 0 else -18
        between = " " if one_line else "\n"
        text = f"accepts {percent(coverage)},{between}{percent(risk)} of it wrong"
        _note(ax, text, point, (9 * side, height), ORANGE, right=side < 0)


class ReliabilityDisplay(Display):
    """How often predictions of one confidence are right, before and after calibration.

    On the diagonal they are right as often as they say. A dot's area is the share of the rows in
    its bin; a bar is the exact 95 % interval of how often they are right.

    Attributes:
        reliability: the numbers.
    """

    def __init__(self, reliability: Reliability) -> None:
        self.reliability = reliability

    @classmethod
    def of(cls, judged: JudgedRows) -> Self:
        """The display of labelled rows.

        Raises:
            LogitconfError: without labels.
        """
        return cls(Reliability.of(judged))

    def draw(self, ax: Axes) -> None:
        """Draws the bins before and after, and the diagonal."""
        shown = self.reliability
        ax.plot([0.0, 1.0], [0.0, 1.0], color=MUTED, linewidth=1.0, linestyle=":")
        changed = shown.mapped or shown.temperature != 1.0
        name = "calibrated" if shown.mapped else f"T = {shown.temperature:.3g}"
        kinds = [(shown.after, name, BLUE, True)]
        if changed:
            kinds.insert(
                0, (shown.before, "as it comes" if shown.mapped else "T = 1", ORANGE, False)
            )
        for bins, name, colour, filled in kinds:
            used = bins.counts > 0
            x, y, counts = bins.confidence[used], bins.accuracy[used], bins.counts[used]
            enough = counts >= _ENOUGH
            ends = [_interval(*each) for each in zip(y[enough], counts[enough], strict=True)]
            lower, upper = np.reshape(ends, (-1, 2)).T
            ax.vlines(x[enough], lower, upper, color=colour, linewidth=1.0, alpha=0.6)
            style = "-" if filled else "--"
            ax.plot(x[enough], y[enough], color=colour, linewidth=1.4, linestyle=style)
            ax.scatter(
                x, y, 6.0 + 180.0 * counts / counts.sum(), zorder=3, linewidths=1.2,
                facecolors=colour if filled else "none", edgecolors=colour,
            )  # fmt: skip
            # a dot of one size in the legend, whatever bins there are
            ax.plot(
                [], [], "o", color=colour, fillstyle="full" if filled else "none", markersize=6,
                label=f"{name}: ECE {bins.expected_error:.4f}",
            )  # fmt: skip
        ax.set(xlim=(0.0, 1.02), ylim=(0.0, 1.02))
        in_percent(ax, x=True, y=True)
        ax.set_xlabel("confidence: probability of what is predicted")
        ax.set_ylabel("how often it is right")
        legend_above(ax)


class ScoreDisplay(Display):
    """Where the scores of right and of wrong rows lie, and where the threshold cuts.

    Each kind is shown as shares of its own rows, so that few errors are seen beside many right
    rows. Lower is more confident; what lies left of the threshold is accepted.

    Attributes:
        histogram: the numbers.
    """

    def __init__(self, histogram: ScoreHistogram) -> None:
        self.histogram = histogram

    @classmethod
    def of(cls, judged: JudgedRows) -> Self:
        """The display of rows, with labels or without."""
        return cls(ScoreHistogram.of(judged))

    def draw(self, ax: Axes) -> None:
        """Draws the shares and the threshold."""
        shown = self.histogram
        kinds = [(shown.right, "right: " if shown.wrong is not None else "", BLUE)]
        if shown.wrong is not None:
            kinds.append((shown.wrong, "wrong: ", ORANGE))
        for counts, name, colour in kinds:
            total = int(counts.sum())
            label = f"{name}{counted(total, shown.noun)}"
            shares = counts / max(1, total)
            ax.stairs(shares, shown.edges, fill=True, color=colour, alpha=0.3)
            ax.stairs(shares, shown.edges, color=colour, linewidth=1.4, label=label)
        tallest = max(float(counts.max() / max(1, counts.sum())) for counts, _, _ in kinds)
        top = 1.35 * tallest or 1.0
        ax.set_ylim(0.0, top)
        # sure rows lie in a heap at one end, beside which all others would be too low to see
        ax.set_yscale("function", functions=(np.sqrt, np.square))
        if shown.threshold is not None:
            ax.axvline(shown.threshold, color=INK, linewidth=1.4, linestyle="--")
            for text, side in (("accepted", -1), ("rejected", 1)):
                at = (shown.threshold, top)
                _note(ax, text, at, (5 * side, -11), INK, right=side < 0)
        ax.set(xlim=(shown.edges[0], shown.edges[-1]), ylim=(0.0, top))
        in_percent(ax, x=False, y=True)
        ax.set_xlabel("score: lower is more confident")
        ax.set_ylabel("share of its rows (square-root scale)")
        legend_above(ax)


def _note(
    ax: Axes,
    text: str,
    at: tuple[float, float],
    offset: tuple[float, float],
    colour: str,
    *,
    right: bool = False,
) -> None:
    """Words beside a point, offset in points; ``right``: they end there."""
    ax.annotate(
        text, at, offset, textcoords="offset points", color=colour, fontsize=9,
        ha="right" if right else "left", annotation_clip=True,
    )  # fmt: skip


def _interval(share: float, count: int) -> tuple[float, float]:
    right = round(share * count)
    ends = clopper_pearson_lower, clopper_pearson_upper
    return ends[0](right, int(count), 0.975), ends[1](right, int(count), 0.975)


DISPLAYS: tuple[type[Display], ...] = (RiskCoverageDisplay, ReliabilityDisplay, ScoreDisplay)
"""Every display, in the order of a page."""
