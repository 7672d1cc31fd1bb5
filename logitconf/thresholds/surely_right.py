"""The policy that accepts what is right with at least some probability, as its confidence says."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from logitconf.errors import LogitconfError
from logitconf.outputs.confidence import score_at
from logitconf.thresholds.gaps import GapThreshold, Ranked, measure_gaps, place, rank_scores
from logitconf.thresholds.policy import Policy, ThresholdChoice, choice_of

if TYPE_CHECKING:
    from logitconf.card.confidence import ConfidenceMap
    from logitconf.scores.rounding import Rounding
    from logitconf.thresholds.calibration_rows import CalibrationRows


@dataclass(frozen=True, slots=True)
class MinConfidence(Policy):
    """Accept rows whose confidence is at least so high: each of them, not all on average.

    Attributes:
        min_confidence: the least probability of being right, in (0, 1).
    """

    name: ClassVar[str] = "confidence"
    needs_confidence: ClassVar[bool] = True
    min_confidence: float

    def choose(self, rows: CalibrationRows, rounding: Rounding) -> ThresholdChoice:
        """The score at which the confidence falls below, in a gap between scores if it can be.

        Raises:
            LogitconfError: for a share that is none, rows without labels, or where no score is as
                sure as that.
        """
        scores = rows.scores.reshape(-1)
        wrong = None if rows.wrong is None else rows.wrong.reshape(-1)
        if not np.isfinite(scores).any():
            limit = float(np.float32(self._limit(rows.confidence)))
            return ThresholdChoice(limit, self.to_card(), len(rows.scores), 0, None)
        ranked = rank_scores(scores, wrong)
        gaps = measure_gaps(ranked, rounding)
        return self.choice_on(
            ranked, rows.confidence, lambda accepted: place(gaps, accepted, looser=False)
        )

    def choice_on(
        self,
        ranked: Ranked,
        confidence: ConfidenceMap | None,
        placed: Callable[[int], GapThreshold],
    ) -> ThresholdChoice:
        """The choice on scores in order.

        Args:
            ranked: at least one.
            confidence: by the score.
            placed: where a threshold goes that accepts so many rows, or fewer.

        Raises:
            LogitconfError: as `choose`.
        """
        limit = self._limit(confidence)
        accepted = ranked.count_below(limit)
        if accepted:
            return choice_of(ranked, placed(accepted), self.to_card())
        errors = ranked.errors_among(0)
        return ThresholdChoice(float(np.float32(limit)), self.to_card(), ranked.rows, 0, errors)

    def _limit(self, confidence: ConfidenceMap | None) -> float:
        """The score up to which rows are sure enough."""
        if not 0.0 < self.min_confidence < 1.0:
            raise LogitconfError(f"min_confidence must be in (0, 1), got {self.min_confidence}")
        if confidence is None:
            raise LogitconfError(
                "min_confidence needs a score that was fitted on rows with labels, got none"
            )
        limit = score_at(self.min_confidence, confidence)
        return float(np.finfo(np.float32).max) if math.isinf(limit) else limit
