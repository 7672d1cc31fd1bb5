"""A sketch of calibration scores: counts around a few of their quantiles."""

from __future__ import annotations

import numpy as np

from logitconf.card.sketch import ScoreSketch
from logitconf.thresholds.calibration_rows import CalibrationRows

# The doubtful half is where shifts show first.
QUANTILES = (0.25, 0.5, 0.75, 0.9, 0.95)


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
    finite = np.isfinite(scores)
    if scores.ndim != 1 or not finite.any():
        return None
    per_class = isinstance(threshold, tuple)
    limits = np.asarray(threshold, dtype=np.float32)
    mask = finite & (scores < (limits[rows.predicted] if per_class else limits))
    # short numbers near the quantiles: a card tells no scores of calibration rows
    near = np.quantile(scores[finite].astype(np.float64), QUANTILES, method="higher")
    cutoffs = np.unique(np.array([f"{value:.3g}" for value in near], dtype=np.float32))
    size = np.where(finite, scores, np.float32(np.inf))
    places = np.searchsorted(cutoffs, size[mask], side="left")
    bins = cutoffs.size + 1
    right = None
    if rows.wrong is not None:
        right = tuple(np.bincount(places[~rows.wrong[mask]], minlength=bins).tolist())
    return ScoreSketch(
        rows=scores.size,
        rejected=int((~mask).sum()),
        cutoffs=tuple(float(cutoff) for cutoff in cutoffs),
        beyond=tuple(int((size > cutoff).sum()) for cutoff in cutoffs),
        accepted=tuple(np.bincount(places, minlength=bins).tolist()),
        right=right,
        per_class=per_class,
    )
