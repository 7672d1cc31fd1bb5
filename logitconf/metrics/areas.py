"""The area under the risk-coverage curve of several scores: intervals, and differences from noise.

An area is nearly a sum over the rows: an error at coverage u adds −log u, and every row moves the
coverage of the rows behind it. What each row adds, its influence, gives the area's variance and
that of differences between scores on the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv

from logitconf.errors import LogitconfError
from logitconf.metrics.intervals import Interval, check_share
from logitconf.metrics.selective import Vector, checked_columns
from logitconf.telling.progress import work

# So many signs are drawn at once: 2 MB as float64, which stay in a cache.
_SIGNS = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class AreaParts:
    """An AURC and what the rows add to it.

    Attributes:
        estimate: the AURC, ties by the mean over their orders.
        heaviest: the most that one of the errors adds to N times the AURC, at least 1, which is
            what an error adds on average where the score says nothing.
        influence: (N,), its derivative by each row's weight, of mean 0.
    """

    estimate: float
    heaviest: float
    influence: Vector


def area_parts(scores: npt.ArrayLike, wrong: npt.ArrayLike) -> AreaParts:
    """The AURC with the influence of every row.

    Args:
        scores: (N,), lower is more confident; a row without a finite score comes last.
        wrong: (N,) booleans.

    Raises:
        LogitconfError: for other shapes or no rows.

    Source: the functional E[wrong · −log F(score)], F being the distribution of the score, and its
    influence function (Hampel 1974).
    """
    values, losses = checked_columns(scores, wrong)
    rows = values.size
    placed = np.where(np.isfinite(values), values, np.inf)
    _, group, sizes = np.unique(placed, return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)
    first = last - sizes
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, rows + 1))])
    summed = np.concatenate([[0.0], np.cumsum(harmonic)])
    # an error at rank r adds 1/k to every k from r on; equal scores share the mean of their ranks
    weights = harmonic[rows] - (summed[last] - summed[first]) / sizes
    errors = np.bincount(group, weights=losses)
    # a row in front of an error at rank r takes 1/r of its weight, and so does the error itself
    inverse = harmonic[last] - harmonic[first]
    lowered = errors / sizes * inverse
    behind = np.cumsum(lowered[::-1])[::-1] - lowered
    # among equals a pair is in either order: the sum of (place - 1) / rank over the group's places
    pairs = (sizes - (first + 1) * inverse) / (sizes * np.maximum(sizes - 1, 1))
    others = errors[group] - losses
    among = others * pairs[group] + losses * (inverse / sizes)[group]
    influence = losses * weights[group] - behind[group] - among
    heaviest = float(np.max(weights[group][losses > 0.0], initial=1.0))
    return AreaParts(float(errors @ weights) / rows, heaviest, influence - influence.mean())


def area_interval(parts: AreaParts, confidence: float) -> Interval:
    """The AURC with an interval that holds for few errors too.

    An area that rests on few errors is skewed: most samples lack the rare confident error that
    adds much. So the interval is that of a gamma distribution of the area's mean and variance, and
    its upper end is that of an area with one error more, as heavy as the heaviest: the sum of
    weighted counts that Fay and Feuer bound. In simulations of 3 to 100 errors of 200 and 1000 rows
    it covers at least .93 at a confidence of .95, where bootstrap percentiles cover from .80 on.

    Args:
        parts: of N >= 2 rows, at least one of them wrong.
        confidence: of the two-sided interval, in (0, 1).

    Raises:
        LogitconfError: for another confidence, or without an error.

    Source: Fay & Feuer 1997, "Confidence intervals for directly standardized rates", equation 4.
    Departures: the variance is that of the influences, and the heaviest error that was seen stands
    for the heaviest possible.
    """
    check_share("confidence", confidence)
    rows, area = parts.influence.size, parts.estimate
    if not area > 0.0:
        raise LogitconfError("the interval of an area needs at least one error, got none")
    variance = float(parts.influence @ parts.influence) / (rows * max(1, rows - 1))
    tail = (1.0 - confidence) / 2.0
    more = parts.heaviest / rows
    lower = _gamma_quantile(area, variance, tail)
    upper = _gamma_quantile(area + more, variance + more**2, 1.0 - tail)
    return Interval(area, lower, min(upper, 1.0), confidence)


def _gamma_quantile(mean: float, variance: float, share: float) -> float:
    if variance == 0.0:
        return mean
    return float(gammaincinv(mean**2 / variance, share) * variance / mean)


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """How far the differences of all pairs of areas may be noise, all at once.

    Attributes:
        errors: (S, S), the standard error of each difference.
        factor: that many standard errors are noise.
    """

    errors: Vector
    factor: float


def differences(
    parts: Sequence[AreaParts], confidence: float, *, draws: int, seed: int
) -> Differences:
    """What is noise in the differences between all pairs of S areas on the same rows.

    With probability (1 + confidence) / 2 no difference of a pair, in either direction, exceeds the
    true one by more than its noise. So whichever score is looked at because it came out best, a
    score that is not worse than it is called worse with probability (1 - confidence) / 2 at most.

    Args:
        parts: of the S areas.
        confidence: of two-sided intervals, in (0, 1).
        draws: of random signs.
        seed: of the draws.

    Raises:
        LogitconfError: for another confidence.

    Source: max-T over all pairs (Westfall & Young 1993, section 2.5) with the wild bootstrap of
    Liu 1988: the rows' influences get random signs, which is exact for symmetric differences.
    """
    check_share("confidence", confidence)
    influence = np.stack([part.influence for part in parts], axis=1)
    rows, scores = influence.shape
    total = influence.sum(axis=0)
    left, right = np.triu_indices(scores, 1)
    errors: Vector = np.zeros((scores, scores))
    for one, other in zip(left, right, strict=True):
        own = float(np.linalg.norm(influence[:, one] - influence[:, other])) / rows
        errors[one, other] = errors[other, one] = own
    pairs = errors[left, right]
    # scores that rank alike differ by nothing, whatever the signs
    apart = pairs > 0.0
    if not apart.any():
        return Differences(errors, 0.0)
    generator = np.random.default_rng(seed)
    largest: Vector = np.empty(draws)
    step = max(1, _SIGNS // rows)
    with work("Drawing random signs", draws) as advance:
        for start in range(0, draws, step):
            size = min(step, draws - start)
            positive = generator.integers(0, 2, (size, rows)).astype(np.float64)
            # each sign is twice that, less one
            sums = (2.0 * (positive @ influence) - total) / rows
            largest[start : start + size] = np.max(
                np.abs(sums[:, left] - sums[:, right])[:, apart] / pairs[apart], axis=1
            )
            advance(size)
    return Differences(errors, float(np.quantile(largest, (1.0 + confidence) / 2.0)))
