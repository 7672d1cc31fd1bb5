"""Thresholds that a user gives, and whether they lie where their score can be."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf.scores.ranges import Case, Ends
from logitconf.scores.rounding import Rounding
from logitconf.scores.table import SCORES
from logitconf.thresholds.gaps import NOTHING, GapThreshold, Ranked, rank_scores
from logitconf.thresholds.per_class import NEVER
from logitconf.thresholds.policy import Policy, ThresholdChoice, choice_of

if TYPE_CHECKING:
    from logitconf.thresholds.calibration_rows import CalibrationRows

# Policies put a threshold up to two rounding bands beyond the last score.
_BANDS = 4.0


@dataclass(frozen=True, slots=True)
class Value(Policy):
    """The threshold that the user names, the same for all labels.

    Attributes:
        value: finite in float32.
    """

    name: ClassVar[str] = "value"
    is_given: ClassVar[bool] = True
    value: float

    def choose_from(self, rows: CalibrationRows | None, rounding: Rounding) -> ThresholdChoice:
        """See `choose_value`; needs no rows."""
        return choose_value(self.value) if rows is None else self.choose(rows, rounding)

    def choose(self, rows: CalibrationRows, rounding: Rounding) -> ThresholdChoice:
        """See `choose_value`."""
        del rounding
        wrong = None if rows.wrong is None else rows.wrong.reshape(-1)
        choice = choose_value(self.value, rows.scores.reshape(-1), wrong=wrong)
        return replace(choice, rows=len(rows.scores))


def choose_value(
    value: float, scores: npt.ArrayLike | None = None, *, wrong: npt.ArrayLike | None = None
) -> ThresholdChoice:
    """The threshold that the user names, rounded to float32.

    Args:
        value: finite.
        scores: (N,) calibration scores to count on, if there are any.
        wrong: (N,) booleans.

    Raises:
        LogitconfError: for a value that float32 cannot hold.

    >>> choose_value(-0.5, np.float32([-0.9, -0.5, -0.1])).accepted
    1
    """
    if scores is not None:
        return value_on(rank_scores(scores, wrong), value)
    threshold = _as_threshold(value)
    return ThresholdChoice(threshold, Value(threshold).to_card(), 0, 0, None)


def value_on(ranked: Ranked, value: float) -> ThresholdChoice:
    """`choose_value` on scores in order."""
    threshold = _as_threshold(value)
    accepted = ranked.count_below(threshold)
    notes = () if accepted else (NOTHING,)
    placement = GapThreshold(threshold, accepted, notes)
    return choice_of(ranked, placement, Value(threshold).to_card())


def _as_threshold(value: float) -> float:
    with np.errstate(over="ignore"):
        threshold = float(np.float32(value))
    if not math.isfinite(threshold):
        raise LogitconfError(f"a threshold must be a finite float32 value, got {value}")
    return threshold


def range_of(card: ScoreCard) -> Ends:
    """The lowest and highest value that a card's score can take; wider where K is not known.

    >>> range_of(ScoreCard("softmax", "multiclass", n_classes=10))
    (-1.0, -0.1)
    """
    row = SCORES[card.score]
    binary = card.task == "binary"
    of_labels = card.task == "multilabel" or card.n_classes == 1
    case = Case(
        n_classes=2.0 if binary else float(card.n_classes or math.inf),
        temperature=card.temperature,
        members=1.0 if card.members is None else float(card.members or math.inf),
        joined=card.task == "multilabel" and not card.per_label,
        parameters=card.parameters,
    )
    families = ["bernoulli"] if of_labels else ["categorical"]
    if binary and card.n_classes is None:
        families = ["categorical", "bernoulli"]
    ends = [getattr(row.range, each)(case) for each in families if each in row.families]
    return min(low for low, _ in ends), max(high for _, high in ends)


def check_reachable(card: ScoreCard, threshold: float | tuple[float, ...]) -> None:
    """Checks that a threshold that is given is one that its score could have.

    The ends of the range are allowed, and what lies beyond them by rounding alone, and the value
    that stands for a class that accepts nothing.

    Args:
        card: whose score it is for.
        threshold: one, or one for each class or label.

    Raises:
        LogitconfError: if it lies outside the range, so that all rows would be accepted or none.
    """
    low, high = range_of(card)
    room = Rounding(
        card.score, card.n_classes, temperature=card.temperature, members=card.members or 1
    )
    least = low - _BANDS * float(room.bands(low)) if math.isfinite(low) else low
    most = high + _BANDS * float(room.bands(high)) if math.isfinite(high) else high
    values = threshold if isinstance(threshold, tuple) else (threshold,)
    for value in values:
        if least <= value <= most or float(np.float32(value)) == NEVER:
            continue
        effect = "no row" if value < low else "every row"
        meant = f"; did you mean {-value:g}?" if low <= -value <= high else ""
        raise LogitconfError(
            f"a threshold for {card.score} must lie in {_shown(low, high)}, where its values are, "
            f"got {value:g}, which would accept {effect}{meant}"
        )


def _shown(low: float, high: float) -> str:
    left = "(-inf" if math.isinf(low) else f"[{low:g}"
    return f"{left}, {'inf)' if math.isinf(high) else f'{high:g}]'}"
