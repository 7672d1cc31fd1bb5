"""The minimum over b > 0 of a convex sum, from its first three derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from logitconf.calibration.temperature.likelihood import LikelihoodSums

Evaluate: TypeAlias = Callable[[float], LikelihoodSums]

_LARGEST_FACTOR = 8.0


@dataclass(frozen=True, slots=True)
class Solution:
    """The best b, or why there is none.

    Attributes:
        inverse: the best b, an inverse temperature.
        at: where `sums` were taken, a small step away.
        sums: the last ones.
        reason: why the sum has no minimum above 0, in words.
    """

    inverse: float
    at: float
    sums: LikelihoodSums
    reason: str | None = None


def minimise(
    evaluate: Evaluate, b: float, sums: LikelihoodSums, *, bits: int, most_passes: int
) -> Solution:
    """The root of the increasing slope, by Halley steps inside a bracket.

    A root below infinity exists, for there the slope is `gap` > 0. Whether it lies above 0 costs
    a pass, made only when the steps lead there.

    Args:
        evaluate: the sums at a b >= 0: one pass over the data.
        b: where to start; > 0.
        sums: those at `b`.
        bits: the last pass is made at the b of so many significant bits nearest to the root.
        most_passes: give up refining after so many.
    """
    low: float | None = None
    high = math.inf
    for _ in range(most_passes):
        if sums.slope == 0.0:
            break
        if sums.slope < 0.0:
            low = b
        else:
            high = b
        candidate = b + halley_step(sums)
        nearest = rounded(candidate, bits)
        # The neighbour, passed already, is as near where the root lies half-way between them.
        close = abs(candidate - b) <= math.ldexp(b, 2 - bits)
        if nearest == b or (close and nearest in (low, high)):
            return Solution(candidate, b, sums)
        if sums.slope > 0.0 and low is None and not candidate > b / _LARGEST_FACTOR:
            if evaluate(0.0).slope >= 0.0:
                return Solution(
                    b,
                    b,
                    sums,
                    "the logits say nothing of the labels: the likelihood grows as the temperature "
                    "goes to infinity",
                )
            low = 0.0
        following = _inside(nearest, b, low or 0.0, high)
        if following == b:
            break
        b = following
        sums = evaluate(b)
    return Solution(b, b, sums)


def halley_step(sums: LikelihoodSums) -> float:
    """The step from b towards the root of the slope; infinite where the curvature has vanished."""
    if not 0.0 < sums.curvature < math.inf:
        return math.copysign(math.inf, -sums.slope)
    newton = -sums.slope / sums.curvature
    bend = 1.0 + newton * sums.third / (2.0 * sums.curvature)
    # Far from the root the third derivative misleads; Newton's own step is then the better guess.
    return newton / bend if bend > 0.5 else newton


def rounded(b: float, bits: int) -> float:
    """`b` to so many significant bits."""
    if not math.isfinite(b):
        return b
    mantissa, exponent = math.frexp(b)
    return math.ldexp(round(math.ldexp(mantissa, bits)), exponent - bits)


def _inside(candidate: float, b: float, low: float, high: float) -> float:
    """`candidate`, or a point nearer to `b` where it leaves the bracket or goes too far."""
    nearest, farthest = max(low, b / _LARGEST_FACTOR), min(high, b * _LARGEST_FACTOR)
    if nearest < candidate < farthest:
        return candidate
    if candidate >= farthest:
        return farthest if farthest < high else (b + high) / 2.0
    return nearest if nearest > low else (b + low) / 2.0
