"""How good calibrated probabilities are, in the figures that papers and tools report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from logitconf.metrics.calibration import (
    brier_score,
    classwise_calibration_error,
    debiased_calibration_error,
    expected_calibration_error,
    negative_log_likelihood,
)
from logitconf.metrics.selective import Vector


@dataclass(frozen=True, slots=True)
class ProbabilityQuality:
    """Figures of probabilities on labelled rows; low is good, but for the accuracy.

    Attributes:
        accuracy: share of predictions that are right.
        log_loss: mean NLL in nats; infinite where a label was called impossible.
        brier: Brier score, over classes in [0, 2], of single probabilities in [0, 1].
        ece: expected calibration error of what is predicted, 15 equal bins.
        classwise_ece: the mean of that over all classes' own probabilities.
        debiased_ece: root mean squared calibration error of what is predicted, 15 bins of equal
            mass, without what chance adds.
        rows: predictions that the figures are of.
    """

    accuracy: float
    log_loss: float
    brier: float
    ece: float
    classwise_ece: float
    debiased_ece: float
    rows: int


def probability_quality(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike
) -> ProbabilityQuality | None:
    """The figures of rows that have probabilities; None if none has, or labels are shares.

    Args:
        probabilities: (N, K) of classes; or (N,) of one logit, or (N, L) of labels, each judged by
            itself, where ``labels`` has the same shape.
        labels: (N,) classes; or 0 and 1, in the shape of the probabilities.

    >>> made = probability_quality([[0.8, 0.2], [0.4, 0.6]], [0, 0])
    >>> made.accuracy, round(made.brier, 6), made.rows
    (0.5, 0.4, 2)
    """
    shares, truth = np.asarray(probabilities, np.float64), np.asarray(labels)
    single = shares.shape == truth.shape
    if single:
        shares, truth = shares.reshape(-1), truth.reshape(-1)
    usable = np.isfinite(shares) if single else np.isfinite(shares).all(axis=1)
    if not usable.all():
        shares, truth = shares[usable], truth[usable]
    if not len(shares) or not np.array_equal(truth, np.round(truth)):
        return None
    truth = truth.astype(np.int64)
    sure: Vector
    if single:
        right, sure = (shares > 0.5) == (truth == 1), np.maximum(shares, 1.0 - shares)
    else:
        right, sure = shares.argmax(axis=1) == truth, shares.max(axis=1)
    # a sum of float32 probabilities may end a step above 1
    sure = np.minimum(sure, 1.0)
    if shares.min() < 0.0 or shares.max() > 1.0:
        shares = np.clip(shares, 0.0, 1.0)
    return ProbabilityQuality(
        accuracy=float(right.mean()),
        log_loss=negative_log_likelihood(shares, truth),
        brier=brier_score(shares, truth),
        ece=expected_calibration_error(sure, right),
        classwise_ece=classwise_calibration_error(shares, truth),
        debiased_ece=debiased_calibration_error(sure, right),
        rows=len(shares),
    )
