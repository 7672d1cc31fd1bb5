"""Policies that turn calibration scores into a threshold.

Scores are float32 and lower is more confident; a row is accepted if its score is finite and
strictly below the threshold. Rows without a finite score count as rejected rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from logitconf.errors import LogitconfError, share_hint
from logitconf.metrics.intervals import check_share
from logitconf.scores.rounding import Rounding, rounding_band
from logitconf.thresholds.gaps import (
    NOTHING,
    GapThreshold,
    Note,
    NoteKind,
    Ranked,
    measure_gaps,
    place,
    rank_scores,
    threshold_in,
)
from logitconf.thresholds.policy import (
    Policy,
    ThresholdChoice,
    at_least,
    check_accepted_share,
    choice_of,
)
from logitconf.thresholds.reach import Value, choose_value
from logitconf.thresholds.risk_control import CertifiedThreshold, certify

if TYPE_CHECKING:
    from logitconf.thresholds.calibration_rows import CalibrationRows

__all__ = [
    "Cost",
    "Coverage",
    "Quantile",
    "Risk",
    "Rounding",
    "ThresholdChoice",
    "Value",
    "choose_cost",
    "choose_coverage",
    "choose_quantile",
    "choose_risk",
    "choose_value",
    "rounding_band",
]


@dataclass(frozen=True, slots=True)
class Quantile(Policy):
    """A quantile of the scores, interpolated as the reference implementation does.

    Attributes:
        q: in (0, 1).
    """

    name: ClassVar[str] = "quantile"
    q: float = 0.99

    def __post_init__(self) -> None:
        Policy.__post_init__(self)
        if not 0.0 < self.q < 1.0:
            raise LogitconfError(f"q must be in (0, 1), got {self.q}{share_hint(self.q)}")

    def choose(self, rows: CalibrationRows, rounding: Rounding) -> ThresholdChoice:
        """See `choose_quantile`."""
        del rounding
        return choose_quantile(rows.scores, self.q, wrong=rows.wrong)


@dataclass(frozen=True, slots=True)
class Coverage(Policy):
    """Accept at least a share of the rows.

    Attributes:
        coverage: that share, in (0, 1].
    """

    name: ClassVar[str] = "coverage"
    coverage: float

    def __post_init__(self) -> None:
        Policy.__post_init__(self)
        check_accepted_share(self.coverage, "coverage")

    def choose(self, rows: CalibrationRows, rounding: Rounding) -> ThresholdChoice:
        """See `choose_coverage`."""
        return choose_coverage(rows.scores, self.coverage, rounding=rounding, wrong=rows.wrong)


@dataclass(frozen=True, slots=True)
class Risk(Policy):
    """At most a share of the accepted rows is wrong, certified.

    Attributes:
        risk: that share, in (0, 1).
        confidence: of the promise, in (0, 1).
    """

    name: ClassVar[str] = "risk"
    needs_labels: ClassVar[bool] = True
    certifies: ClassVar[bool] = True
    risk: float
    confidence: float = 0.95

    def __post_init__(self) -> None:
        Policy.__post_init__(self)
        check_share("risk", self.risk)
        check_share("confidence", self.confidence)

    def choose(self, rows: CalibrationRows, rounding: Rounding) -> ThresholdChoice:
        """See `choose_risk`."""
        return choose_risk(
            rows.scores,
            wrong=_errors(rows),
            risk=self.risk,
            confidence=self.confidence,
            rounding=rounding,
        )

    @property
    def promise(self) -> tuple[float, float]:
        """The risk and its confidence."""
        return self.risk, self.confidence

    def shared(self, parts: int) -> Risk:
        """The promise of each of so many parts that makes one of all at once (Bonferroni)."""
        return replace(self, confidence=1.0 - (1.0 - self.confidence) / parts)


@dataclass(frozen=True, slots=True)
class Cost(Policy):
    """The least mean cost on the calibration rows.

    Attributes:
        error_cost: of a row that is accepted and wrong; > 0.
        rejection_cost: of a row that is rejected; > 0.
    """

    name: ClassVar[str] = "cost"
    needs_labels: ClassVar[bool] = True
    error_cost: float
    rejection_cost: float

    @classmethod
    def from_arguments(cls, **given: Any) -> Cost:
        """The policy of ``cost=(error, rejection)``."""
        try:
            error, rejection = given["cost"]
        except (TypeError, ValueError) as wrong_count:
            raise LogitconfError(
                f"cost must be two numbers, of an error and of a rejection, got {given['cost']!r}"
            ) from wrong_count
        return cls(error, rejection)

    def checked_costs(self) -> tuple[float, float]:
        """Both costs.

        Raises:
            LogitconfError: unless they are positive.
        """
        costs = self.error_cost, self.rejection_cost
        if not all(0.0 < cost < math.inf for cost in costs):
            raise LogitconfError(f"costs must be positive, got {costs[0]} and {costs[1]}")
        return costs

    def to_arguments(self) -> dict[str, Any]:
        """The pair ``cost``."""
        return {"cost": (self.error_cost, self.rejection_cost)}

    def choose(self, rows: CalibrationRows, rounding: Rounding) -> ThresholdChoice:
        """See `choose_cost`."""
        return choose_cost(
            rows.scores,
            wrong=_errors(rows),
            error_cost=self.error_cost,
            rejection_cost=self.rejection_cost,
            rounding=rounding,
        )


def _errors(rows: CalibrationRows) -> npt.ArrayLike:
    if rows.wrong is None:
        raise LogitconfError("the policy needs labels, got scores alone; fit with labels")
    return rows.wrong


def choose_quantile(
    scores: npt.ArrayLike, q: float = 0.99, *, wrong: npt.ArrayLike | None = None
) -> ThresholdChoice:
    """The q-quantile of the scores, interpolated linearly, as the reference implementation does.

    Args:
        scores: (N,).
        q: in [0, 1].
        wrong: (N,) booleans.

    Raises:
        LogitconfError: for another q, or without a finite score.

    >>> choose_quantile(np.float32([-4, -3, -2, -1]), 0.5).threshold
    -2.5
    """
    if not 0.0 <= q <= 1.0:
        raise LogitconfError(f"q must lie in [0, 1], got {q}")
    return quantile_of(rank_scores(scores, wrong), q)


def quantile_of(ranked: Ranked, q: float) -> ThresholdChoice:
    """`choose_quantile` of scores in order, for a q in [0, 1]."""
    position = q * (ranked.rows - 1)
    below = math.floor(position)
    notes: list[Note] = []
    last = ranked.finite - 1
    if math.ceil(position) > last:
        # The quantile falls among rows without a score: all others are accepted.
        threshold = float(np.nextafter(np.float32(ranked.value_at(last)), np.float32(np.inf)))
        notes.append(Note(NoteKind.BEYOND_SCORES, rows=ranked.rows))
    else:
        lower, upper = (ranked.value_at(rank) for rank in (below, math.ceil(position)))
        threshold = float(np.float32(lower + (position - below) * (upper - lower)) + np.float32(0))
    accepted = ranked.count_below(threshold)
    if accepted == 0:
        notes.append(NOTHING)
    elif accepted < math.floor(position):
        notes.append(Note(NoteKind.TIED_AT_QUANTILE, accepted=accepted, rows=ranked.rows))
    placement = GapThreshold(threshold, accepted, tuple(notes))
    policy = {"name": Quantile.name, "q": float(q)}
    return choice_of(ranked, placement, policy)


def choose_coverage(
    scores: npt.ArrayLike,
    coverage: float,
    *,
    rounding: Rounding,
    wrong: npt.ArrayLike | None = None,
) -> ThresholdChoice:
    """A threshold that accepts at least a share of the rows, placed where rounding flips nothing.

    Args:
        scores: (N,).
        coverage: share of all N rows to accept at least, in (0, 1].
        rounding: how the score is computed.
        wrong: (N,) booleans.

    Raises:
        LogitconfError: for another coverage, or without a finite score.

    >>> scores = np.float32([-0.9, -0.8, -0.5, -0.1])
    >>> round(choose_coverage(scores, 0.5, rounding=Rounding("softmax", 10)).threshold, 6)
    -0.65
    """
    check_accepted_share(coverage, "coverage")
    ranked = rank_scores(scores, wrong)
    gaps = measure_gaps(ranked, rounding)
    return coverage_of(ranked, coverage, lambda wanted: place(gaps, wanted, looser=True))


def coverage_of(
    ranked: Ranked, coverage: float, placed: Callable[[int], GapThreshold]
) -> ThresholdChoice:
    """`choose_coverage` on scores in order.

    Args:
        ranked: at least one.
        coverage: in (0, 1].
        placed: where a threshold goes that accepts so many rows, or more.
    """
    wanted, finite = at_least(coverage, ranked.rows), ranked.finite
    placement = placed(min(wanted, finite))
    if wanted > finite:
        note = Note(NoteKind.UNSCORED, accepted=finite, rows=ranked.rows)
        placement = replace(placement, notes=(*placement.notes, note))
    return choice_of(ranked, placement, Coverage(coverage).to_card())


def choose_risk(
    scores: npt.ArrayLike,
    *,
    wrong: npt.ArrayLike,
    risk: float,
    confidence: float,
    rounding: Rounding,
) -> ThresholdChoice:
    """The loosest threshold found whose share of errors is certified to be at most `risk`.

    With probability `confidence` over the calibration rows, drawn as the rows to come are, at most
    a share `risk` of the accepted rows to come is wrong.

    Args:
        scores: (N,).
        wrong: (N,) booleans.
        risk: share of errors among the accepted, in (0, 1).
        confidence: in (0, 1).
        rounding: how the score is computed.

    Raises:
        UncertifiableError: where the rows cannot certify it; `needed_rows` says how many could.
        LogitconfError: for other numbers, or without a finite score.

    Source: see `logitconf.thresholds.risk_control.certify`.
    """
    ranked = rank_scores(scores, wrong)
    certified = certify(measure_gaps(ranked, rounding), risk, confidence)
    return choice_of(ranked, certified.placement, risk_policy(certified, risk, confidence))


def risk_policy(certified: CertifiedThreshold, risk: float, confidence: float) -> dict[str, Any]:
    """The policy of a certified risk as JSON values."""
    return {
        **Risk(risk, confidence).to_card(),
        "bound": certified.bound,
        "candidates": certified.candidates,
        "tested": certified.tested,
        "significance": certified.significance,
    }


def choose_cost(
    scores: npt.ArrayLike,
    *,
    wrong: npt.ArrayLike,
    error_cost: float,
    rejection_cost: float,
    rounding: Rounding,
) -> ThresholdChoice:
    """The threshold of least mean cost on the calibration rows; no promise for other rows.

    Only gaps wider than two rounding bands are looked at; at equal cost the looser wins.

    Args:
        scores: (N,).
        wrong: (N,) booleans.
        error_cost: of a row that is accepted and wrong; > 0.
        rejection_cost: of a row that is rejected; > 0.
        rounding: how the score is computed.

    Raises:
        LogitconfError: for other costs, or without a finite score.

    Source: Chow 1970, "On optimum recognition error and reject tradeoff", with the observed share
    of errors in place of the posterior.

    >>> scores, wrong = np.float32([-0.9, -0.8, -0.5]), np.array([False, False, True])
    >>> choose_cost(scores, wrong=wrong, error_cost=5.0, rejection_cost=1.0,
    ...             rounding=Rounding("softmax", 10)).accepted
    2
    """
    Cost(error_cost, rejection_cost).checked_costs()
    ranked = rank_scores(scores, wrong)
    gaps = measure_gaps(ranked, rounding)
    counts = np.flatnonzero(gaps.wide)
    if ranked.labelled is None:
        raise LogitconfError("a cost needs labels, got scores alone")
    costs = ranked.errors_at(counts) * error_cost + (ranked.rows - counts) * rejection_cost
    best = counts.size - 1 - int(np.argmin(costs[::-1]))
    accepted = int(counts[best])
    policy = {
        **Cost(error_cost, rejection_cost).to_card(),
        "mean_cost": float(costs[best]) / ranked.rows,
    }
    notes = () if accepted else (NOTHING,)
    threshold = threshold_in(gaps, accepted)
    return choice_of(ranked, GapThreshold(threshold, accepted, notes), policy)
