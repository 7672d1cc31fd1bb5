"""How well a confidence score ranks: risk against coverage, separation, and bounds on a risk.

Scores are lower for more confident rows, and `wrong` is True where the prediction is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from logitconf.errors import LogitconfError
from logitconf.notebook.brief import brief

Vector: TypeAlias = npt.NDArray[np.float64]
Ties: TypeAlias = Literal["mean", "order"]


@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverage:
    """Risk among the k most confident rows for k = 1 to N.

    Attributes:
        coverage: (N,), k / N.
        risk: (N,), share of errors among the first k.
        scores: (N,), ascending.
    """

    coverage: Vector
    risk: Vector
    scores: Vector

    __repr__ = brief

    @property
    def area(self) -> float:
        """AURC: the mean over k of the risk among the k most confident rows."""
        return float(self.risk.mean())

    @property
    def generalized_area(self) -> float:
        """AUGRC, see `area_under_generalized_risk`."""
        # the trapezium between k - 1 and k is the mean of both; the curve starts at 0
        shares = self.risk * self.coverage
        return float(shares.mean() - shares[-1] / (2.0 * shares.size))


def risk_coverage(
    scores: npt.ArrayLike, wrong: npt.ArrayLike, *, ties: Ties = "mean"
) -> RiskCoverage:
    """The risk-coverage curve.

    Args:
        scores: (N,), lower is more confident; a row without a finite score comes last.
        wrong: (N,) booleans, or losses in [0, 1].
        ties: ``"mean"`` spreads the errors of equal scores, which no threshold can tell apart,
            evenly: the mean over all their orders. ``"order"`` takes them as the rows come, as many
            published figures do.

    Raises:
        LogitconfError: for other shapes or no rows.

    Source: El-Yaniv & Wiener 2010; Geifman & El-Yaniv 2017.
    """
    if ties not in ("mean", "order"):
        raise LogitconfError(f"ties must be 'mean' or 'order', got {ties!r}")
    values, losses = checked_columns(scores, wrong)
    values = np.where(np.isfinite(values), values, np.inf)
    order = np.argsort(values, kind="stable")
    values, losses = values[order], losses[order]
    if ties == "mean":
        group = np.cumsum(values != np.roll(values, 1)) - (values[0] != values[-1])
        losses = (np.bincount(group, weights=losses) / np.bincount(group))[group]
    counts = np.arange(1, values.size + 1)
    return RiskCoverage(counts / values.size, np.cumsum(losses) / counts, values)


def area_under_risk_coverage(
    scores: npt.ArrayLike, wrong: npt.ArrayLike, *, ties: Ties = "mean"
) -> float:
    """AURC: the mean over k of the risk among the k most confident rows; in [0, 1], low is good.

    Arguments as in `risk_coverage`.

    Source: Geifman, Uziel & El-Yaniv 2019, equation 2.

    >>> round(area_under_risk_coverage([-0.9, -0.8, -0.7], [False, True, False]), 4)  # 0, 1/2, 1/3
    0.2778
    """
    return risk_coverage(scores, wrong, ties=ties).area


def excess_area_under_risk_coverage(scores: npt.ArrayLike, wrong: npt.ArrayLike) -> float:
    """E-AURC: AURC minus that of the same errors ranked last; 0 for a perfect ranking.

    Ties: the mean over their orders.

    Source: Geifman, Uziel & El-Yaniv 2019, section 3. Departure: the best ranking's area is summed
    exactly, not approximated by r + (1 - r) log(1 - r).
    """
    _, losses = checked_columns(scores, wrong)
    return area_under_risk_coverage(scores, wrong) - area_under_risk_coverage(losses, losses)


def area_under_generalized_risk(scores: npt.ArrayLike, wrong: npt.ArrayLike) -> float:
    """AUGRC: the area under errors among the most confident, as a share of all rows, by coverage.

    In [0, 1/2]; low is good. Ties: the mean over their orders. With an accuracy a it equals
    (1 - AUROC) a (1 - a) + (1 - a)² / 2, the AUROC being that of telling errors from right rows.

    Source: Traub et al. 2024, "Overcoming common flaws in the evaluation of selective
    classification systems", equations 7 and 8; the area from coverage 0 on, by trapezia.

    >>> round(area_under_generalized_risk([-0.9, -0.8, -0.7], [False, True, False]), 6)
    0.166667
    """
    return risk_coverage(scores, wrong).generalized_area


def area_under_roc(negative: npt.ArrayLike, positive: npt.ArrayLike) -> float:
    """AUROC: how often a positive row scores higher than a negative one, ties counting half.

    Positives are what the score should be high for: errors, or out-of-distribution rows.

    Args:
        negative: (N,) scores of right, or in-distribution, rows.
        positive: (M,) scores of wrong, or out-of-distribution, rows. On both sides a score that is
            not finite counts as higher than all others.

    Raises:
        LogitconfError: for other shapes, or one side without rows.

    Source: Hanley & McNeil 1982, the Mann-Whitney statistic.

    >>> area_under_roc([-0.9, -0.8], [-0.8, -0.1])
    0.875
    """
    low, high = _sides(negative, positive)
    low.sort()
    high.sort()
    # a right row below an error is a pair, one beside it half a pair; all these sums are exact
    below, at_most = (np.searchsorted(low, high, side=side) for side in ("left", "right"))
    return float((below.sum() + at_most.sum()) / 2.0 / (low.size * high.size))


def false_positive_rate(
    negative: npt.ArrayLike, positive: npt.ArrayLike, *, true_positive_rate: float = 0.95
) -> float:
    """FPR95: the share of rows to be rejected that pass where 95 % of the good rows pass.

    Args:
        negative: (N,) scores of rows to accept (right, or in-distribution).
        positive: (M,) scores of rows to reject (wrong, or out-of-distribution).
        true_positive_rate: share of the rows to accept, at least; in (0, 1].

    Raises:
        LogitconfError: for other shapes or rates.

    Source: Hendrycks & Gimpel 2017; Liang et al. 2018. Acceptance takes ties with the last row.
    """
    if not 0.0 < true_positive_rate <= 1.0:
        raise LogitconfError(f"true_positive_rate must lie in (0, 1], got {true_positive_rate}")
    low, high = _sides(negative, positive)
    last = np.sort(low)[max(0, int(np.ceil(true_positive_rate * low.size - 1e-9)) - 1)]
    return float(np.mean(high <= last))


def checked_columns(scores: npt.ArrayLike, wrong: npt.ArrayLike) -> tuple[Vector, Vector]:
    """Two columns of one length as float64.

    Raises:
        LogitconfError: for other shapes or no rows.
    """
    values, losses = np.asarray(scores, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    if values.ndim != 1 or values.shape != losses.shape or values.size == 0:
        raise LogitconfError(
            f"scores and errors must be (N,) with N >= 1, got {values.shape} and {losses.shape}"
        )
    return values, losses


def _sides(negative: npt.ArrayLike, positive: npt.ArrayLike) -> tuple[Vector, Vector]:
    sides = [np.asarray(side, dtype=np.float64) for side in (negative, positive)]
    if any(side.ndim != 1 or side.size == 0 for side in sides):
        raise LogitconfError(
            f"both sides must be (N,) with N >= 1, got {sides[0].shape} and {sides[1].shape}"
        )
    low, high = (np.where(np.isfinite(side), side, np.inf) for side in sides)
    return low, high
