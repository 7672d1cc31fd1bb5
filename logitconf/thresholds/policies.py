"""Policies that turn calibration scores into a threshold.

Scores are float32 and lower is more confident; a row is accepted if its score is finite and
strictly below the threshold. Rows without a finite score count as rejected rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from logitconf.errors import LogitconfError
from logitconf.scores.rounding import Rounding, rounding_band
from logitconf.thresholds.gaps import (
    NOTHING,
    GapThreshold,
    RankedScores,
    measure_gaps,
    place,
    rank_scores,
    threshold_in,
)
from logitconf.thresholds.risk_control import CertifiedThreshold, certify

__all__ = [
    "Rounding",
    "ThresholdChoice",
    "choose_cost",
    "choose_coverage",
    "choose_quantile",
    "choose_risk",
    "choose_value",
    "rounding_band",
]

TIED_AT_QUANTILE = "scores tie at the quantile: {accepted} of {rows} rows lie below it"
UNSCORED = "only {finite} of {rows} rows have a finite score and can be accepted"


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """A threshold and what it does on the calibration rows.

    Attributes:
        threshold: exactly a float32 value; or one for each predicted class.
        policy: name and parameters, as JSON values.
        rows: calibration rows.
        accepted: how many of them the threshold accepts.
        errors: how many of the accepted are wrong; None without labels.
        notes: what the user should know, in words.
    """

    threshold: float | tuple[float, ...]
    policy: dict[str, Any]
    rows: int
    accepted: int
    errors: int | None
    notes: tuple[str, ...] = ()

    @property
    def counted_policy(self) -> dict[str, Any]:
        """The policy with its counts, as a card keeps it."""
        return {**self.policy, "accepted": self.accepted, "errors": self.errors}


def choose_value(
    value: float, scores: npt.ArrayLike | None = None, *, wrong: npt.ArrayLike | None = None
) -> ThresholdChoice:
    """The threshold that the user names, rounded to float32.

    Args:
        value: finite.
        scores: (N,) calibration scores to count on, if there are any.
        wrong: (N,) booleans.

    Raises:
        LogitconfError: for a value that float32 cannot hold.

    >>> choose_value(-0.5, np.float32([-0.9, -0.5, -0.1])).accepted
    1
    """
    with np.errstate(over="ignore"):
        threshold = float(np.float32(value))
    if not math.isfinite(threshold):
        raise LogitconfError(f"a threshold must be a finite float32 value, got {value}")
    policy = {"name": "value", "value": threshold}
    if scores is None:
        return ThresholdChoice(threshold, policy, 0, 0, None)
    ranked = rank_scores(scores, wrong)
    accepted = ranked.count_below(threshold)
    notes = () if accepted else (NOTHING,)
    return choice_of(ranked, GapThreshold(threshold, accepted, notes), policy)


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
    ranked = rank_scores(scores, wrong)
    position = q * (ranked.rows - 1)
    below = math.floor(position)
    notes: list[str] = []
    last = ranked.values.size - 1
    if math.ceil(position) > last:
        # The quantile falls among rows without a score: all others are accepted.
        threshold = float(np.nextafter(ranked.values[last], np.float32(np.inf)))
        notes.append(f"more than 1 - q of the {ranked.rows} rows have no finite score")
    else:
        lower, upper = (float(ranked.values[i]) for i in (below, math.ceil(position)))
        threshold = float(np.float32(lower + (position - below) * (upper - lower)) + np.float32(0))
    accepted = ranked.count_below(threshold)
    if accepted == 0:
        notes.append(NOTHING)
    elif accepted < math.floor(position):
        notes.append(TIED_AT_QUANTILE.format(accepted=accepted, rows=ranked.rows))
    placement = GapThreshold(threshold, accepted, tuple(notes))
    return choice_of(ranked, placement, {"name": "quantile", "q": float(q)})


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
    if not 0.0 < coverage <= 1.0:
        raise LogitconfError(f"coverage must lie in (0, 1], got {coverage}")
    ranked = rank_scores(scores, wrong)
    wanted, finite = at_least(coverage, ranked.rows), ranked.values.size
    placement = place(measure_gaps(ranked, rounding), min(wanted, finite), looser=True)
    if wanted > finite:
        note = UNSCORED.format(finite=finite, rows=ranked.rows)
        placement = replace(placement, notes=(*placement.notes, note))
    return choice_of(ranked, placement, {"name": "coverage", "coverage": float(coverage)})


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
        "name": "risk",
        "risk": float(risk),
        "confidence": float(confidence),
        "bound": certified.bound,
        "candidates": certified.candidates,
        "tested": certified.tested,
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
    if not (0.0 < error_cost < math.inf and 0.0 < rejection_cost < math.inf):
        raise LogitconfError(f"costs must be positive, got {error_cost} and {rejection_cost}")
    ranked = rank_scores(scores, wrong)
    gaps = measure_gaps(ranked, rounding)
    counts = np.flatnonzero(gaps.wide)
    if ranked.errors is None:
        raise LogitconfError("a cost needs labels, got scores alone")
    costs = ranked.errors[counts] * error_cost + (ranked.rows - counts) * rejection_cost
    best = counts.size - 1 - int(np.argmin(costs[::-1]))
    accepted = int(counts[best])
    policy = {
        "name": "cost",
        "error_cost": float(error_cost),
        "rejection_cost": float(rejection_cost),
        "mean_cost": float(costs[best]) / ranked.rows,
    }
    notes = () if accepted else (NOTHING,)
    threshold = threshold_in(gaps, accepted)
    return choice_of(ranked, GapThreshold(threshold, accepted, notes), policy)


def at_least(share: float, rows: int) -> int:
    """The fewest rows that are a share of `rows`; at least one."""
    # A product such as 0.07 * 100 lies a rounding above the 7 that is meant.
    return max(1, math.ceil(share * rows - 1e-9 * rows))


def choice_of(
    ranked: RankedScores, placement: GapThreshold, policy: dict[str, Any]
) -> ThresholdChoice:
    """A placement on the ranked rows as the result of a policy."""
    return ThresholdChoice(
        threshold=placement.threshold,
        policy=policy,
        rows=ranked.rows,
        accepted=placement.accepted,
        errors=ranked.errors_among(placement.accepted),
        notes=placement.notes,
    )
