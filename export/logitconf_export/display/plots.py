"""Plots of one score as functions: rows and axes in, axes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logitconf.tasks import ArrayLike
from logitconf_export.display.displays import (
    ReliabilityDisplay,
    RiskCoverageDisplay,
    ScoreDisplay,
)
from logitconf_export.heads.sources import HeadSource

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_risk_coverage(
    card: HeadSource,
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    kind: str = "logits",
    ax: Axes | None = None,
) -> Axes:
    """The axes with a risk-coverage curve; see `RiskCoverageDisplay`.

    Args:
        card: a fitted score, its card, or the path of a card.
        logits: (N, ...) as its task says.
        labels: as its task says.
        kind: what the logits hold.
        ax: the axes to draw on; those of a new figure unless given.

    Raises:
        LogitconfError: if the rows do not fit the card.
        MissingExtraError: without matplotlib.
    """
    return RiskCoverageDisplay.from_card(card, logits, labels, kind=kind, ax=ax).ax_


def plot_reliability(
    card: HeadSource,
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    kind: str = "logits",
    ax: Axes | None = None,
) -> Axes:
    """The axes with a reliability diagram; see `ReliabilityDisplay`.

    Arguments and errors as `plot_risk_coverage`.
    """
    return ReliabilityDisplay.from_card(card, logits, labels, kind=kind, ax=ax).ax_


def plot_scores(
    card: HeadSource,
    logits: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    kind: str = "logits",
    ax: Axes | None = None,
) -> Axes:
    """The axes with a histogram of scores; see `ScoreDisplay`.

    Arguments and errors as `plot_risk_coverage`, but the labels may be left out.
    """
    return ScoreDisplay.from_card(card, logits, labels, kind=kind, ax=ax).ax_
