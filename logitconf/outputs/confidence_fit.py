"""Fitting how sure a score is: shares of right rows that never rise with the score.

Rows are put into bins of equal number, neighbours that rise are pooled, and the means become the
knots of straight lines.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from logitconf.card.confidence import MOST_KNOTS, ConfidenceMap
from logitconf.metrics.calibration import expected_calibration_error
from logitconf.outputs.confidence import exact_confidence

FEWEST_TO_HOLD_OUT = 50
FOLDS = 5
MOST_ROWS = 1 << 18
"""More rows than that would move no knot by what a card shows; an even spread of them is taken."""
_CLOSE = 5e-4
"""A knot that changes the lines by no more is left out."""

Vector = npt.NDArray[np.float64]


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
    values, right = flat[finite].astype(np.float64), ~errors[finite]
    if not values.size:
        return None
    knots = _fitted(values, right)
    return ConfidenceMap(knots.scores, knots.values, knots.rows, _error_elsewhere(values, right))


def _error_elsewhere(scores: Vector, right: npt.NDArray[np.bool_]) -> float | None:
    """ECE in 15 bins of rows that a map was not fitted on."""
    if scores.size < FEWEST_TO_HOLD_OUT:
        return None
    fold = np.random.default_rng(0).permutation(scores.size) % FOLDS
    sure = np.empty(scores.size)
    for each in range(FOLDS):
        own = fold == each
        sure[own] = exact_confidence(scores[own], _fitted(scores[~own], right[~own]))
    return expected_calibration_error(sure, right)


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
    return _through(means, np.add.reduceat(right, starts).astype(np.float64), counts, rows)


def _starts(rows: int) -> npt.NDArray[np.int64]:
    """Where bins of equal number begin."""
    # means of five rows or more, so that no row's own score stands in a card
    bins = min(MOST_KNOTS, max(1, math.isqrt(rows)), max(1, rows // 5))
    return np.linspace(0, rows, bins, endpoint=False).astype(np.int64)


def _fitted(scores: Vector, right: npt.NDArray[np.bool_]) -> ConfidenceMap:
    order = np.argsort(scores, kind="stable")
    scores, right = scores[order], right[order]
    starts = _starts(scores.size)
    # scores that tie stay together
    starts = np.unique(np.searchsorted(scores, scores[starts], side="left"))
    counts = np.diff(np.append(starts, scores.size)).astype(np.float64)
    means = np.add.reduceat(scores, starts) / counts
    hits = np.add.reduceat(right.astype(np.float64), starts)
    return _through(means, hits, counts, scores.size)


def _through(means: Vector, hits: Vector, counts: Vector, rows: int) -> ConfidenceMap:
    """The map through the bins' mean scores and shares of right rows."""
    knots: list[tuple[float, float]] = []
    for first, last, share in _pooled(hits, counts):
        knots += [(means[place], share) for place in sorted({first, last})]
    return _simplified(knots, rows)


def _pooled(hits: Vector, counts: Vector) -> list[tuple[int, int, float]]:
    """First and last bin of each pool, from the surest on, and its share of right rows."""
    pools: list[tuple[int, int, float, float]] = []
    for place, (hit, count) in enumerate(zip(hits, counts, strict=True)):
        pool = (place, place, float(hit), float(count))
        while pools and _share(*pools[-1][2:]) <= _share(*pool[2:]):
            before = pools.pop()
            pool = (before[0], place, before[2] + pool[2], before[3] + pool[3])
        pools.append(pool)
    return [(first, last, _share(hit, count)) for first, last, hit, count in pools]


def _share(hits: float, rows: float) -> float:
    return (hits + 0.5) / (rows + 1.0)


def _simplified(knots: list[tuple[float, float]], rows: int) -> ConfidenceMap:
    """The knots in float32, without those whose neighbours say the same."""
    if len(knots) == 1:
        # one value for all scores, wherever they lie
        return ConfidenceMap((0.0,), (float(np.float32(knots[0][1])),), rows)
    kept: list[tuple[float, float]] = []
    for score, value in knots:
        single = float(np.float32(score)), float(np.float32(value))
        if not kept or single[0] > kept[-1][0]:
            kept.append(single)
    place = 1
    while place < len(kept) - 1:
        rest = kept[:place] + kept[place + 1 :]
        line = np.interp(kept[place][0], [s for s, _ in rest], [v for _, v in rest])
        if abs(line - kept[place][1]) <= _CLOSE:
            kept = rest
        else:
            place += 1
    return ConfidenceMap(tuple(s for s, _ in kept), tuple(v for _, v in kept), rows)
