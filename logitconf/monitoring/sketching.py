"""A sketch of calibration scores: counts around a few of their quantiles."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from logitconf.blocks.cutting import cut
from logitconf.card.sketch import ScoreSketch
from logitconf.thresholds.calibration_rows import CalibrationRows

# The doubtful half is where shifts show first.
QUANTILES = (0.25, 0.5, 0.75, 0.9, 0.95)


_PIECE = 1 << 18


def sketch_of(rows: CalibrationRows, threshold: float | tuple[float, ...]) -> ScoreSketch | None:
    """The sketch of rows that a threshold judges.

    Args:
        rows: with one score each.
        threshold: of all rows, or of each predicted class.

    Returns:
        None where each label is judged by itself (decisions on one row are not independent), or
        without a finite score.
    """
    scores = rows.scores
    if scores.ndim != 1:
        return None
    pieces = cut(scores.size, 1, _PIECE)
    values = _finite(scores, pieces)
    if not values.size:
        return None
    ranks = [math.ceil(q * (values.size - 1)) for q in QUANTILES]
    values.partition(ranks)
    near = [float(values[rank]) for rank in ranks]
    del values
    # short numbers near the quantiles: a card tells no scores of calibration rows
    cutoffs = np.unique(np.array([f"{value:.3g}" for value in near], dtype=np.float32))
    per_class = isinstance(threshold, tuple)
    limits, bins = np.asarray(threshold, dtype=np.float32), cutoffs.size + 1
    below, accepted, right = np.zeros((3, bins), np.int64)
    for piece in pieces:
        own, finite = scores[piece], np.isfinite(scores[piece])
        classes = rows.predicted[piece] if per_class and rows.predicted is not None else ()
        own_limits = limits[classes]
        mask = finite & (own < own_limits)
        places = np.searchsorted(cutoffs, np.where(finite, own, np.float32(np.inf)), side="left")
        below += np.bincount(places, minlength=bins)
        accepted += np.bincount(places[mask], minlength=bins)
        if rows.wrong is not None:
            right += np.bincount(places[mask & ~rows.wrong[piece]], minlength=bins)
    return ScoreSketch(
        rows=scores.size,
        rejected=scores.size - int(accepted.sum()),
        cutoffs=tuple(float(cutoff) for cutoff in cutoffs),
        beyond=tuple((scores.size - np.cumsum(below)[:-1]).tolist()),
        accepted=tuple(accepted.tolist()),
        right=None if rows.wrong is None else tuple(right.tolist()),
        per_class=per_class,
    )


def _finite(scores: npt.NDArray[np.float32], pieces: list[slice]) -> npt.NDArray[np.float32]:
    """A copy of the finite scores, and no more than that."""
    values = np.empty(sum(int(np.isfinite(scores[piece]).sum()) for piece in pieces), np.float32)
    start = 0
    for piece in pieces:
        own = scores[piece][np.isfinite(scores[piece])]
        values[start : start + own.size] = own
        start += own.size
    return values
