"""How sure a head is that its label is right: a map of the score that its card holds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from logitconf.arrays import Array, as_type, constant, namespace, silent, sum_along
from logitconf.card.confidence import ConfidenceMap
from logitconf.errors import LogitconfError


@silent
def confidence(score: Array, has_score: Array, knots: ConfidenceMap) -> Array:
    """The probability that the label is right, float32 in [0, 1]; never rises with the score.

    It is the first value less what each line drops up to the score. Each operation keeps the order
    of scores, so that rounding does, too.

    Args:
        score: any shape, float32.
        has_score: bool, of that shape; where it is False, the confidence is 0.
        knots: the map.
    """
    xp = namespace(score)
    first = knots.values[0]
    if len(knots.scores) == 1:
        return as_type(has_score, xp.float32) * first
    scores, values = (np.array(each, dtype=np.float64) for each in (knots.scores, knots.values))
    starts = constant(scores[:-1], score, "confidence_starts")
    slopes = constant(1.0 / np.diff(scores), score, "confidence_slopes")
    drops = constant(-np.diff(values), score, "confidence_drops")
    beside = xp.expand_dims(score, axis=score.ndim)
    passed = xp.clip((beside - starts) * slopes, min=0.0, max=1.0)
    sure = xp.clip(first - sum_along(passed * drops, score.ndim), min=0.0, max=1.0)
    return xp.where(has_score, sure, 0.0)


def exact_confidence(scores: npt.ArrayLike, knots: ConfidenceMap) -> npt.NDArray[np.float64]:
    """The same in double, of finite scores.

    >>> exact_confidence([-2.0, -1.5, 0.0], ConfidenceMap((-2.0, -1.0), (1.0, 0.5), 9)).tolist()
    [1.0, 0.75, 0.5]
    """
    return np.interp(np.asarray(scores, dtype=np.float64), knots.scores, knots.values)


def score_at(confidence: float, knots: ConfidenceMap) -> float:
    """The score up to which the label is right with at least this probability.

    Infinite if all are.

    Raises:
        LogitconfError: if no score is that sure.

    >>> score_at(0.75, ConfidenceMap((-2.0, -1.0), (1.0, 0.5), 9))
    -1.5
    """
    values = np.array(knots.values)
    enough = int((values >= confidence).sum())
    if enough == 0:
        raise LogitconfError(
            f"no score is as sure as {confidence:g}: the highest confidence is {values[0]:.4g}; "
            "ask for less, or fit on more rows"
        )
    if enough == len(values):
        return float("inf")
    above, below = values[enough - 1], values[enough]
    left, right = knots.scores[enough - 1], knots.scores[enough]
    return float(left + (right - left) * (above - confidence) / (above - below))
