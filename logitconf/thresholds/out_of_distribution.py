"""Thresholds set against the scores of out-of-distribution rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from logitconf.errors import LogitconfError, share_hint
from logitconf.scores.rounding import Rounding
from logitconf.thresholds.gaps import (
    NOTHING,
    GapThreshold,
    Note,
    NoteKind,
    RankedScores,
    measure_gaps,
    place,
    pool,
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

if TYPE_CHECKING:
    from logitconf.thresholds.calibration_rows import CalibrationRows


@dataclass(frozen=True, slots=True)
class FalsePositiveRate(Policy):
    """Accept at most a share of the out-of-distribution rows.

    Attributes:
        fpr: that share, in [0, 1].
    """

    name: ClassVar[str] = "fpr"
    needs_outliers: ClassVar[bool] = True
    fpr: float

    def __post_init__(self) -> None:
        Policy.__post_init__(self)
        _check_rate(self.fpr)

    def choose(self, rows: CalibrationRows, rounding: Rounding) -> ThresholdChoice:
        """See `choose_false_positive_rate`."""
        return choose_false_positive_rate(
            rows.scores, _outliers(rows), self.fpr, rounding=rounding, wrong=rows.wrong
        )


@dataclass(frozen=True, slots=True)
class TruePositiveRate(Policy):
    """Accept at least a share of the calibration rows, and count the out-of-distribution ones.

    Attributes:
        tpr: that share, in (0, 1].
    """

    name: ClassVar[str] = "tpr"
    needs_outliers: ClassVar[bool] = True
    tpr: float

    def __post_init__(self) -> None:
        Policy.__post_init__(self)
        check_accepted_share(self.tpr, "the true positive rate")

    def choose(self, rows: CalibrationRows, rounding: Rounding) -> ThresholdChoice:
        """See `choose_true_positive_rate`."""
        return choose_true_positive_rate(
            rows.scores, _outliers(rows), self.tpr, rounding=rounding, wrong=rows.wrong
        )


def choose_false_positive_rate(
    scores: npt.ArrayLike,
    ood_scores: npt.ArrayLike,
    rate: float,
    *,
    rounding: Rounding,
    wrong: npt.ArrayLike | None = None,
) -> ThresholdChoice:
    """The loosest threshold that accepts at most a share of the out-of-distribution rows.

    Args:
        scores: (N,), of calibration rows, counted in the result.
        ood_scores: (M,), of out-of-distribution rows.
        rate: share of the M rows, in [0, 1].
        rounding: how the score is computed.
        wrong: (N,) booleans.

    Raises:
        LogitconfError: for another rate, or without a finite score on either side.
    """
    _check_rate(rate)
    ranked, outside, pooled = _pool(scores, ood_scores, wrong)
    gaps = measure_gaps(pooled, rounding)
    allowed = math.floor(rate * outside.rows + 1e-9 * outside.rows)
    limit = pooled.values.size
    if allowed < outside.values.size:
        limit = pooled.count_below(float(outside.values[allowed]))
    if limit == 0:
        placement = GapThreshold(threshold_in(gaps, 0), 0)
    else:
        placement = place(gaps, limit, looser=False)
    return _pooled_choice(ranked, outside, placement, {"name": "fpr", "fpr": float(rate)})


def choose_true_positive_rate(
    scores: npt.ArrayLike,
    ood_scores: npt.ArrayLike,
    rate: float,
    *,
    rounding: Rounding,
    wrong: npt.ArrayLike | None = None,
) -> ThresholdChoice:
    """The strictest threshold that accepts at least a share of the calibration rows.

    As `choose_coverage`, but in a gap of the out-of-distribution scores too, and counting those.

    Args:
        scores: (N,), of calibration rows.
        ood_scores: (M,), of out-of-distribution rows.
        rate: share of the N rows, in (0, 1].
        rounding: how the score is computed.
        wrong: (N,) booleans.

    Raises:
        LogitconfError: for another rate, or without a finite score on either side.
    """
    check_accepted_share(rate, "the true positive rate")
    ranked, outside, pooled = _pool(scores, ood_scores, wrong)
    gaps = measure_gaps(pooled, rounding)
    wanted = at_least(rate, ranked.rows)
    finite = ranked.values.size
    last = ranked.values[min(wanted, finite) - 1]
    count = int(np.searchsorted(pooled.values, last, side="right"))
    placement = place(gaps, count, looser=True)
    if wanted > finite:
        placement = replace(
            placement,
            notes=(*placement.notes, Note(NoteKind.UNSCORED, accepted=finite, rows=ranked.rows)),
        )
    return _pooled_choice(ranked, outside, placement, {"name": "tpr", "tpr": float(rate)})


def _check_rate(rate: float) -> None:
    if not 0.0 <= rate <= 1.0:
        raise LogitconfError(
            f"the false positive rate must lie in [0, 1], got {rate}{share_hint(rate)}"
        )


def _outliers(rows: CalibrationRows) -> npt.ArrayLike:
    if rows.outliers is None:
        raise LogitconfError("fpr and tpr need ood_logits, got none")
    return rows.outliers


def _pool(
    scores: npt.ArrayLike, ood_scores: npt.ArrayLike, wrong: npt.ArrayLike | None
) -> tuple[RankedScores, RankedScores, RankedScores]:
    """The calibration rows, the out-of-distribution rows, and both in one order."""
    ranked, outside = rank_scores(scores, wrong), rank_scores(ood_scores)
    return ranked, outside, pool(ranked, outside)


def _pooled_choice(
    ranked: RankedScores, outside: RankedScores, placement: GapThreshold, policy: dict[str, Any]
) -> ThresholdChoice:
    """Counts both kinds of rows, since the placement counts them together."""
    accepted = ranked.count_below(placement.threshold)
    counts = {
        "ood_rows": outside.rows,
        "ood_accepted": outside.count_below(placement.threshold),
    }
    notes = tuple(note for note in placement.notes if note.kind is not NoteKind.NOTHING)
    if accepted == 0:
        notes = (*notes, NOTHING)
    placement = GapThreshold(placement.threshold, accepted, notes)
    return choice_of(ranked, placement, {**policy, **counts})
