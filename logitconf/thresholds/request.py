"""From what a user asks of a threshold to the policy that chooses it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from logitconf.errors import LogitconfError
from logitconf.rows import Keys, shared_rows
from logitconf.scores.rounding import Rounding
from logitconf.thresholds.out_of_distribution import (
    choose_false_positive_rate,
    choose_true_positive_rate,
)
from logitconf.thresholds.per_class import choose_per_class, choose_per_label
from logitconf.thresholds.policies import (
    ThresholdChoice,
    choose_cost,
    choose_coverage,
    choose_quantile,
    choose_risk,
    choose_value,
)

FloatArray: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CalibrationRows:
    """What a fitted score keeps of its rows, in memory only.

    Attributes:
        scores: (N,) float32; (N, L) where each label is judged by itself.
        wrong: of the same shape, whether the prediction is an error; None without labels.
        predicted: (N,) the predicted class; None for labels and one logit.
        n_classes: number of columns.
        keys: (N,) what tells the rows apart; None without labels.
        fitted_keys: the same of the rows that were fitted on; None if they are not known.
    """

    scores: FloatArray
    wrong: npt.NDArray[np.bool_] | None
    predicted: npt.NDArray[np.int64] | None
    n_classes: int
    keys: Keys | None = None
    fitted_keys: Keys | None = None

    def fitted_rows(self) -> int | None:
        """How many of these rows were fitted on too; None if that is not known."""
        if self.keys is None or self.fitted_keys is None:
            return None
        return shared_rows(self.fitted_keys, self.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRequest:
    """The arguments of ``set_threshold``; ``ood_scores`` are the scores of its ``ood_logits``."""

    q: float | None = None
    coverage: float | None = None
    risk: float | None = None
    confidence: float = 0.95
    fpr: float | None = None
    tpr: float | None = None
    ood_scores: FloatArray | None = None
    cost: tuple[float, float] | None = None
    value: float | None = None
    per_class: bool = False

    def policy(self) -> str:
        """The one policy that is asked for.

        Raises:
            LogitconfError: for several, or out-of-distribution rows without a policy for them.
        """
        names = ("q", "coverage", "risk", "fpr", "tpr", "cost", "value")
        chosen = [name for name in names if getattr(self, name) is not None]
        if len(chosen) > 1:
            raise LogitconfError(f"set_threshold takes one policy, got {chosen}")
        policy = chosen[0] if chosen else "q"
        if (policy in ("fpr", "tpr")) != (self.ood_scores is not None):
            raise LogitconfError(
                f"fpr and tpr need ood_logits, and no other policy does, got {policy} "
                f"{'without' if self.ood_scores is None else 'with'} them"
            )
        if self.per_class and policy in ("fpr", "tpr", "value"):
            raise LogitconfError(f"per_class needs q, coverage, risk or cost, got {policy}")
        return policy


def choose_threshold(
    request: PolicyRequest, calibration: CalibrationRows | None, rounding: Rounding
) -> ThresholdChoice:
    """The threshold by the policy that is asked for.

    Raises:
        LogitconfError: if the policy needs rows or labels that there are not, or its number is out
            of range.
    """
    policy = request.policy()
    if policy == "value":
        value = _number(request.value, "value")
        if calibration is None:
            return choose_value(value)
        scores, wrong = calibration.scores, calibration.wrong
        flags = None if wrong is None else wrong.reshape(-1)
        return replace(choose_value(value, scores.reshape(-1), wrong=flags), rows=len(scores))
    if calibration is None:
        raise LogitconfError(
            f"the policy {policy} needs the scores of calibration rows, got none; call fit(...) "
            "first (a loaded score keeps no rows) or set_threshold(value=...)"
        )
    if policy in ("risk", "cost") and calibration.wrong is None:
        raise LogitconfError(f"the policy {policy} needs labels, got scores alone; fit with labels")
    if policy == "q" and request.q is not None and not 0.0 < _number(request.q, "q") < 1.0:
        raise LogitconfError(f"q must be in (0, 1), got {request.q}")
    if calibration.scores.ndim == 2:
        return _choose_per_label(request, policy, calibration, rounding)
    choose = _POLICIES[policy](request, rounding)
    if not request.per_class:
        choice: ThresholdChoice = choose(calibration.scores, wrong=calibration.wrong)
        return choice
    if calibration.predicted is None:
        raise LogitconfError(
            "per_class needs classes that compete in one model, got one logit, labels (make the "
            "score with per_label=True) or members"
        )
    return choose_per_class(
        calibration.scores,
        calibration.predicted,
        choose,
        n_classes=calibration.n_classes,
        wrong=calibration.wrong,
    )


def _choose_per_label(
    request: PolicyRequest, policy: str, calibration: CalibrationRows, rounding: Rounding
) -> ThresholdChoice:
    """One threshold for each label, from its own scores alone."""
    if request.per_class:
        raise LogitconfError(
            "a score with per_label=True has a threshold for each label, got per_class too"
        )
    asked = [request] * calibration.n_classes
    if request.ood_scores is not None:
        asked = [replace(request, ood_scores=own) for own in request.ood_scores.T]
    choose = [_POLICIES[policy](own, rounding) for own in asked]
    return choose_per_label(calibration.scores, choose, wrong=calibration.wrong)


_POLICIES: Mapping[str, Any] = {
    "q": lambda ask, _: partial(choose_quantile, q=0.99 if ask.q is None else ask.q),
    "coverage": lambda ask, rounding: partial(
        choose_coverage, coverage=_number(ask.coverage, "coverage"), rounding=rounding
    ),
    "risk": lambda ask, rounding: partial(
        choose_risk,
        risk=_number(ask.risk, "risk"),
        confidence=_number(ask.confidence, "confidence"),
        rounding=rounding,
    ),
    "fpr": lambda ask, rounding: partial(
        choose_false_positive_rate,
        ood_scores=ask.ood_scores,
        rate=_number(ask.fpr, "fpr"),
        rounding=rounding,
    ),
    "tpr": lambda ask, rounding: partial(
        choose_true_positive_rate,
        ood_scores=ask.ood_scores,
        rate=_number(ask.tpr, "tpr"),
        rounding=rounding,
    ),
    "cost": lambda ask, rounding: partial(
        choose_cost, error_cost=ask.cost[0], rejection_cost=ask.cost[1], rounding=rounding
    ),
}


def _number(value: object, what: str) -> float:
    if isinstance(value, (bool, str, bytes)) or value is None:
        raise LogitconfError(f"{what} must be a number, got {value!r}")
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise LogitconfError(f"{what} must be a number, got {value!r}") from error
