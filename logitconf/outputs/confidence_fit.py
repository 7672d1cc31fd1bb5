"""Fitting how sure a score is: shares of right rows that never rise with the score.

Rows are put into bins of equal number, neighbours that rise are pooled, and the means become the
knots of straight lines.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from logitconf.arrays import ascending_bits
from logitconf.card.confidence import MOST_KNOTS, ConfidenceMap
from logitconf.metrics.calibration import expected_calibration_error

FEWEST_TO_HOLD_OUT = 50
FOLDS = 5
MOST_ROWS = 1 << 18
"""More rows than that would move no knot by what a card shows; an even spread of them is taken."""
_CLOSE = 5e-4
"""A knot that changes the lines by no more is left out."""

Vector = npt.NDArray[np.float64]
Knots: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""Scores and the shares of right rows there."""


def fit_confidence(
    scores: npt.NDArray[np.float32], wrong: npt.NDArray[np.bool_]
) -> ConfidenceMap | None:
    """The map of labelled rows, or of labels that are judged one by one; None without a score.

    Rows without a finite score take no part. The share of right rows of each bin is that of the
    Jeffreys prior, so that no few rows make a certainty. Of more than `MOST_ROWS` rows as many take
    part, evenly spread.

    Args:
        scores: any shape; lower is surer.
        wrong: of that shape.

    Source: Ayer et al. 1955, pooling of adjacent violators; Zadrozny & Elkan 2002.
    """
    flat, errors = scores.reshape(-1), wrong.reshape(-1)
    if flat.size > MOST_ROWS:
        places = np.linspace(0, flat.size - 1, MOST_ROWS).astype(np.int64)
        flat, errors = flat[places], errors[places]
    finite = np.isfinite(flat)
    if not finite.all():
        flat, errors = flat[finite], errors[finite]
    if not flat.size:
        return None
    order = _ascending(flat)
    values, right = flat[order].astype(np.float64), ~errors[order]
    knots = _fitted(values, right)
    error = None if flat.size < FEWEST_TO_HOLD_OUT else _error_elsewhere(values, right, order)
    return ConfidenceMap(*knots, flat.size, error)


def _ascending(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """The places of finite scores in stable ascending order.

    Keys of the score's bits and its place are sorted in half the time that a stable sort of floats
    takes.
    """
    keys = ascending_bits(scores.astype(np.float32, copy=False)).astype(np.uint64) << np.uint64(
        32
    ) | np.arange(scores.size, dtype=np.uint64)
    keys.sort()
    return (keys & np.uint64(0xFFFFFFFF)).view(np.int64)


def _error_elsewhere(
    scores: Vector, right: npt.NDArray[np.bool_], order: npt.NDArray[np.int64]
) -> float:
    """ECE in 15 bins of rows that a map was not fitted on.

    What is in order stays so without a fold, so that one sort serves all.
    """
    fold = (np.random.default_rng(0).permutation(scores.size) % FOLDS).astype(np.uint8)[order]
    sure, hits = np.empty((2, scores.size))
    hits[order] = right
    for each in range(FOLDS):
        own = fold == each
        # places are looked up several times faster than by a mask
        held, fitted = np.flatnonzero(own), np.flatnonzero(~own)
        knots = _fitted(scores[fitted], right[fitted])
        sure[order[held]] = np.interp(scores[held], *knots)
    return expected_calibration_error(sure, hits)


def confidence_of_counts(
    scores: Vector, right: npt.NDArray[np.int64], wrong: npt.NDArray[np.int64]
) -> ConfidenceMap | None:
    """`fit_confidence` of counted scores, whose error elsewhere is not known.

    Args:
        scores: (B,) finite, ascending, each once.
        right: (B,) how many rows with that score are right.
        wrong: (B,) how many are wrong.
    """
    each = right + wrong
    rows = int(each.sum())
    if not rows:
        return None
    ranks = _starts(rows)
    starts = np.unique(np.searchsorted(np.cumsum(each), ranks, side="right"))
    counts = np.add.reduceat(each, starts).astype(np.float64)
    means = np.add.reduceat(scores * each, starts) / counts
    return ConfidenceMap(*_through(means, np.add.reduceat(right, starts) * 1.0, counts), rows)


def _starts(rows: int) -> npt.NDArray[np.int64]:
    """Where bins of equal number begin."""
    # means of five rows or more, so that no row's own score stands in a card
    bins = min(MOST_KNOTS, max(1, math.isqrt(rows)), max(1, rows // 5))
    return np.linspace(0, rows, bins, endpoint=False).astype(np.int64)


def _fitted(scores: Vector, right: npt.NDArray[np.bool_]) -> Knots:
    """The map of ascending scores."""
    starts = _starts(scores.size)
    # scores that tie stay together
    starts = np.unique(np.searchsorted(scores, scores[starts], side="left"))
    counts = np.diff(np.append(starts, scores.size)).astype(np.float64)
    means = np.add.reduceat(scores, starts) / counts
    return _through(means, np.add.reduceat(right, starts, dtype=np.float64), counts)


def _through(means: Vector, hits: Vector, counts: Vector) -> Knots:
    """The map through the bins' mean scores and shares of right rows."""
    places, shares = _pooled(hits.tolist(), counts.tolist())
    return _simplified(means[places].astype(np.float32).tolist(), shares)


def _pooled(hits: list[float], counts: list[float]) -> tuple[list[int], list[float]]:
    """First and last bin of each pool, from the surest on, and the pool's share of right rows."""
    pools: list[tuple[int, int, float, float, float]] = []
    for place, (hit, count) in enumerate(zip(hits, counts, strict=True)):
        pool = (place, place, hit, count, _share(hit, count))
        while pools and pools[-1][4] <= pool[4]:
            first, _, more_hits, more, _ = pools.pop()
            hits_of_both, both = more_hits + pool[2], more + pool[3]
            pool = (first, place, hits_of_both, both, _share(hits_of_both, both))
        pools.append(pool)
    ends = [
        (place, share)
        for first, last, _, _, share in pools
        for place in ((first, last) if first < last else (first,))
    ]
    return [place for place, _ in ends], [share for _, share in ends]


def _share(hits: float, rows: float) -> float:
    return (hits + 0.5) / (rows + 1.0)


def _simplified(scores: list[float], shares: list[float]) -> Knots:
    """The knots in float32, without those whose neighbours say the same.

    Args:
        scores: float32 values, ascending.
        shares: at each.
    """
    values = np.asarray(shares, np.float32).tolist()
    if len(scores) == 1:
        # one value for all scores, wherever they lie
        return (0.0,), (values[0],)
    kept: list[tuple[float, float]] = []
    for knot in zip(scores, values, strict=True):
        if not kept or knot[0] > kept[-1][0]:
            kept.append(knot)
    place = 1
    while place < len(kept) - 1:
        (before, first), (score, value), (behind, last) = kept[place - 1 : place + 2]
        line = (last - first) / (behind - before) * (score - before) + first
        if abs(line - value) <= _CLOSE:
            del kept[place]
        else:
            place += 1
    return tuple(score for score, _ in kept), tuple(value for _, value in kept)
