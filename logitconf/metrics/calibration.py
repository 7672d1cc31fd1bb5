"""How well probabilities are calibrated: expected and largest error, Brier score, likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from logitconf.blocks.cutting import CACHED_ELEMENTS
from logitconf.errors import LogitconfError
from logitconf.metrics.selective import Vector, checked_columns
from logitconf.notebook.brief import brief

Binning: TypeAlias = Literal["width", "mass"]

# The clip of the published figures, and of scikit-learn's log loss up to 1.2.
PUBLISHED_CLIP = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class ReliabilityBins:
    """Rows by their confidence: how sure they were, and how often they were right.

    Attributes:
        edges: (B + 1,) of the bins (lo, hi]; of equal mass, the confidences where they begin.
        counts: (B,) rows in each.
        confidence: (B,) their mean confidence, NaN in a bin without rows.
        accuracy: (B,) the share that is right, NaN in a bin without rows.
        gap: (B,) accuracy less confidence, NaN in a bin without rows.
    """

    edges: Vector
    counts: npt.NDArray[np.int64]
    confidence: Vector
    accuracy: Vector
    gap: Vector

    __repr__ = brief

    @property
    def expected_error(self) -> float:
        """ECE: the mean over rows of the size of their bin's gap."""
        used = self.counts > 0
        return float(np.abs(self.gap[used]) @ (self.counts[used] / self.counts.sum()))

    @property
    def maximum_error(self) -> float:
        """MCE: the largest size of a gap."""
        return float(np.nanmax(np.abs(self.gap)))


def expected_calibration_error(
    confidence: npt.ArrayLike, right: npt.ArrayLike, *, bins: int = 15, binning: Binning = "width"
) -> float:
    """ECE: the mean over rows of abs(accuracy - confidence) of the row's bin; in [0, 1].

    Args:
        confidence: (N,) in [0, 1], of the predicted class.
        right: (N,) booleans.
        bins: how many; 15 as published.
        binning: ``"width"``: equal intervals (lo, hi], 0 in the first; ``"mass"``: as many rows in
            each as possible, in order of confidence.

    Raises:
        LogitconfError: for other shapes or values.

    Source: Naeini et al. 2015; Guo et al. 2017, equation 3; equal mass: Nixon et al. 2019.

    >>> expected_calibration_error([0.75, 0.75, 0.75, 0.75], [True, True, True, False])
    0.0
    """
    return reliability_bins(confidence, right, bins=bins, binning=binning).expected_error


def maximum_calibration_error(
    confidence: npt.ArrayLike, right: npt.ArrayLike, *, bins: int = 15, binning: Binning = "width"
) -> float:
    """MCE: the largest abs(accuracy - confidence) of a bin; arguments as in the expected error.

    Source: Naeini et al. 2015.
    """
    return reliability_bins(confidence, right, bins=bins, binning=binning).maximum_error


def reliability_bins(
    confidence: npt.ArrayLike, right: npt.ArrayLike, *, bins: int = 15, binning: Binning = "width"
) -> ReliabilityBins:
    """The bins behind the expected calibration error, for a reliability diagram.

    Arguments as in `expected_calibration_error`.

    Source: DeGroot & Fienberg 1983; Niculescu-Mizil & Caruana 2005.

    >>> reliability_bins([0.4, 0.9, 1.0], [True, True, False], bins=2).counts
    array([1, 2])
    """
    values, hits = checked_columns(confidence, right)
    if bins < 1 or binning not in ("width", "mass"):
        raise LogitconfError(f"bins must be >= 1 by 'width' or 'mass', got {bins} by {binning!r}")
    if not (values.min() >= 0.0 and values.max() <= 1.0):
        raise LogitconfError(
            f"confidence must lie in [0, 1], got {values.min()} to {values.max()}; "
            "a score of maximum softmax is its negative"
        )
    if binning == "width":
        edges = np.linspace(0.0, 1.0, bins + 1)
        places = np.maximum(np.searchsorted(edges, values, side="left") - 1, 0)
    else:
        places, order = np.empty(values.size, dtype=np.int64), np.argsort(values, kind="stable")
        places[order] = np.arange(values.size) * bins // values.size
        starts = -(-np.arange(bins + 1) * values.size // bins)
        edges = values[order][np.minimum(starts, values.size - 1)]
    counts = np.bincount(places, minlength=bins)
    columns = (values, hits, hits - values)
    sums = (np.bincount(places, weights=column, minlength=bins) for column in columns)
    with np.errstate(invalid="ignore"):
        return ReliabilityBins(edges, counts, *(each / counts for each in sums))


def brier_score(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """The mean squared distance of the probabilities from the truth; in [0, 2], low is good.

    Args:
        probabilities: (N, K), where the distance is summed over classes; or (N,), those of the
            positive class.
        labels: (N,) integers in [0, K), or 0 and 1.

    Raises:
        LogitconfError: for other shapes or labels.

    Source: Brier 1950, equation 2.

    >>> round(brier_score([[0.8, 0.2], [0.4, 0.6]], [0, 0]), 6)  # (.04 + .04 + .36 + .36) / 2
    0.4
    """
    values, classes = _probabilities(probabilities, labels)
    if values.ndim == 1:
        return float(np.mean((values - classes) ** 2))
    own = values[np.arange(classes.size), classes]
    return float(np.mean(np.sum(values**2, axis=1) - 2.0 * own + 1.0))


def negative_log_likelihood(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, clip: float = 0.0
) -> float:
    """The mean of -log p of the label, in nats.

    Args:
        probabilities: (N, K), or (N,) of the positive class.
        labels: (N,) integers in [0, K), or 0 and 1.
        clip: probabilities are moved into [clip, 1 - clip] first; `PUBLISHED_CLIP` for figures
            computed with scikit-learn up to 1.2. With 0 an impossible label costs infinity.

    Raises:
        LogitconfError: for other shapes or labels.
    """
    values, classes = _probabilities(probabilities, labels)
    if values.ndim == 1:
        own = np.where(classes == 1, values, 1.0 - values)
    else:
        own = values[np.arange(classes.size), classes]
    with np.errstate(divide="ignore"):
        return float(-np.log(np.clip(own, clip, 1.0 - clip)).mean())


def _probabilities(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike
) -> tuple[Vector, npt.NDArray[np.int64]]:
    values, classes = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    if values.ndim not in (1, 2) or classes.shape != values.shape[:1] or classes.size == 0:
        raise LogitconfError(
            f"probabilities must be (N, K) or (N,) beside labels (N,), got {values.shape} and "
            f"{classes.shape}"
        )
    limit = 2 if values.ndim == 1 else values.shape[1]
    if not np.isin(classes, np.arange(limit)).all():
        raise LogitconfError(f"labels must be whole numbers in [0, {limit})")
    return values, classes.astype(np.int64)


def classwise_calibration_error(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, bins: int = 15
) -> float:
    """Classwise ECE: the mean over classes of the ECE of that class' own probability; in [0, 1].

    It sees what the ECE of the predicted class does not: a class whose probability is too high
    wherever it is not the largest.

    Args:
        probabilities: (N, K), or (N,) of the positive class, which is then the only one.
        labels: (N,) integers in [0, K), or 0 and 1.
        bins: of equal width, (lo, hi], for each class.

    Raises:
        LogitconfError: for other shapes, labels or values.

    Source: Kull et al. 2019, "Beyond temperature scaling", section 2.2 (classwise-ECE); Nixon et
    al. 2019 (static calibration error).

    >>> classwise_calibration_error([[0.5, 0.5], [0.5, 0.5]], [0, 1])
    0.0
    """
    values, classes = _probabilities(probabilities, labels)
    columns = values[:, None] if values.ndim == 1 else values
    first = 1 if values.ndim == 1 else 0
    if bins < 1 or not (values.min() >= 0.0 and values.max() <= 1.0):
        # with the words of a single class
        expected_calibration_error(columns[:, 0], classes == first, bins=bins)
    few = max(1, CACHED_ELEMENTS // len(classes))
    edges = np.linspace(0.0, 1.0, bins + 1)
    errors: list[float] = []
    for start in range(0, columns.shape[1], few):
        own = np.ascontiguousarray(columns[:, start : start + few].T)
        places = np.repeat(bins * np.arange(len(own)), own.shape[1]).reshape(own.shape)
        # most probabilities of many classes lie in the first bin
        beyond = own > edges[1]
        places[beyond] += np.searchsorted(edges, own[beyond], side="left") - 1
        hits = classes == (np.arange(start, start + len(own)) + first)[:, None]
        gaps = np.bincount(
            places.reshape(-1), weights=(hits - own).reshape(-1), minlength=bins * len(own)
        )
        # the size of each bin's gap, times its share of the rows
        errors += (np.abs(gaps.reshape(len(own), bins)).sum(axis=1) / len(classes)).tolist()
    return float(np.mean(errors))


def debiased_calibration_error(
    confidence: npt.ArrayLike, right: npt.ArrayLike, *, bins: int = 15
) -> float:
    """The root mean squared calibration error over bins, less what chance alone adds; in [0, 1].

    An ECE of few rows is too large, since accuracies of bins vary by chance: it compares models of
    different sharpness unfairly, and is never 0. Here each bin's chance variance is taken off the
    squares; 0 stands for a sum below 0.

    Args:
        confidence: (N,) in [0, 1].
        right: (N,) booleans.
        bins: of as many rows each as possible; those of one row are left out.

    Raises:
        LogitconfError: for other shapes or values.

    Source: Kumar, Liang & Ma 2019, "Verified uncertainty calibration", definition 4.1 (debiased
    estimator of the squared error).

    >>> debiased_calibration_error([0.75, 0.75, 0.75, 0.75], [True, True, True, False], bins=1)
    0.0
    """
    made = reliability_bins(confidence, right, bins=bins, binning="mass")
    several = made.counts > 1
    if not several.any():
        return 0.0
    counts, gaps, shares = made.counts[several], made.gap[several], made.accuracy[several]
    squares = gaps**2 - shares * (1.0 - shares) / (counts - 1)
    return float(np.sqrt(max(0.0, float(counts @ squares) / float(counts.sum()))))
