"""The confidence scores that users fit, one class a row of their table; cards read back."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from logitconf.calibration.names import TEMPERATURE
from logitconf.card.score_card import ScoreCard
from logitconf.errors import not_among
from logitconf.fitting.conventions import signature_of
from logitconf.fitting.learned_score import LearnedConfidenceScore
from logitconf.fitting.logit_score import LogitScore
from logitconf.scores.table import SCORE_SYNONYMS, check_parameters


class SoftmaxScore(LogitScore):
    """Maximum softmax probability, negated: −max softmax(z).

    >>> SoftmaxScore().score([[2.0, 0.0], [0.0, 0.0]]).round(4)
    array([-0.8808, -0.5   ])
    """

    name = "softmax"


class EntropyScore(LogitScore):
    """Entropy of the predicted distribution in nats: −Σ p log p; for labels the largest of all.

    >>> EntropyScore().score([[0.0] * 4]).round(4)
    array([1.3863])
    """

    name = "entropy"


class EnergyScore(LogitScore):
    """Free energy: −T·logsumexp(z); for labels −Σ T·softplus(z).

    One logit uses the pair (0, abs z), since the offset has no meaning there.

    >>> EnergyScore().score([[3.0, 0.0, 0.0]]).round(4)
    array([-3.0949])
    """

    name = "energy"


class MarginScore(LogitScore):
    """Largest minus second largest of z, negated; for labels −min abs z.

    >>> MarginScore(temperature=2.0).score([[3.0, 1.0, 0.0]]).round(4)
    array([-1.])
    """

    name = "margin"


class SoftmaxMarginScore(LogitScore):
    """Largest minus second largest probability, negated; for labels −min abs(2p − 1).

    >>> SoftmaxMarginScore().score([[50.0, 0.0, 0.0], [1.0, 1.0, 0.0]]).round(4)
    array([-1.,  0.])
    """

    name = "softmax_margin"


class MaxLogitScore(LogitScore):
    """Maximum logit, negated: −max z; for labels of all of them, for one logit its size.

    It keeps the size of the logits, which the softmax divides out: for inputs from elsewhere.

    >>> MaxLogitScore(temperature=2.0).score([[3.0, 1.0, 0.0]]).round(4)
    array([-1.5])
    """

    name = "max_logit"


class MaxLogitNormScore(LogitScore):
    """Largest centred logit over the p-norm of all, negated; for three classes and more.

    ``fit`` chooses p by AURC on labelled rows, with maximum softmax (p = 0) as the fallback. T
    cancels otherwise, and two logits would all score alike.

    >>> MaxLogitNormScore(p=2).score([[3.0, 0.0, 0.0]]).round(4)
    array([-0.8165])
    """

    name = "max_logit_norm"

    def __init__(
        self,
        temperature: float | None = None,
        task: str = "multiclass",
        per_member: bool = False,
        *,
        p: int | None = None,
    ) -> None:
        """Makes the score.

        Args:
            temperature: as for every score; used by the fallback alone.
            task: what the columns mean.
            per_member: whether the logits have members along their last axis.
            p: of the norm, 1 to 10, or 0 for maximum softmax; None means 4 until ``fit`` chooses.
        """
        super().__init__(temperature, task, per_member, parameters={"p": p})


class GenScore(LogitScore):
    """Generalised entropy: Σ (p (1 − p))^γ over the likeliest classes; of labels the worst pair's.

    A small γ lets unlikely classes count. ``fit`` chooses γ by AURC on labelled rows, and how many
    classes count if it is given some to choose from. Not counting all costs 22 passes over the
    logits more, or with ``runtime="onnxruntime"`` one TopK, which kills onnxruntime before 1.31 on
    a batch without rows.

    >>> GenScore(gamma=1.0).score([[0.0, 0.0]]).round(4)
    array([0.5])
    """

    name = "gen"

    def __init__(
        self,
        temperature: float | None = None,
        task: str = "multiclass",
        per_member: bool = False,
        *,
        per_label: bool = False,
        calibration: str = TEMPERATURE,
        gamma: float | None = None,
        top: int | Sequence[int] | None = None,
    ) -> None:
        """Makes the score.

        Args:
            temperature: divides the logits, > 0; None means 1 until ``fit`` finds one.
            task: what the columns mean.
            per_member: whether the logits have members along their last axis.
            per_label: whether each label is judged by itself.
            calibration: what the logits are calibrated with, as for every score.
            gamma: the exponent, in [0.001, 1]; None means 0.1 until ``fit`` chooses.
            top: how many of the likeliest classes count, 100 of 1000 in the paper; 0 or None means
                all; several are what ``fit`` chooses from, and the first of them holds until then.
                Labels are pairs, both of which always count.
        """
        choices = top if isinstance(top, Sequence) else () if top is None else (top,)
        tops = tuple(check_parameters(self.name, {"top": value})["top"] for value in choices)
        first = tops[0] if tops else None
        super().__init__(
            temperature,
            task,
            per_member,
            per_label=per_label,
            calibration=calibration,
            parameters={"gamma": gamma, "top": first},
        )
        if len(tops) > 1:
            self._tried["top"] = tops


class DoctorScore(LogitScore):
    """DOCTOR's D_α = (1 − Σ p²) / Σ p², the estimated odds of an error if the class is drawn.

    >>> DoctorScore().score([[0.0] * 4]).round(4)
    array([3.])
    """

    name = "doctor"


class GiniScore(LogitScore):
    """Gini impurity: 1 − Σ p²; for labels the largest of the pairs'; it ranks as DOCTOR.

    >>> GiniScore().score([[0.0] * 4]).round(4)
    array([0.75])
    """

    name = "gini"


class DoctorBetaScore(LogitScore):
    """DOCTOR's D_β = (1 − max p) / max p; it ranks as maximum softmax and is 0, not −1, at best.

    >>> DoctorBetaScore().score([[0.0] * 4]).round(4)
    array([3.])
    """

    name = "doctor_beta"


class MutualInformationScore(LogitScore):
    """Mutual information of prediction and member (BALD) in nats; for labels the largest of all.

    >>> MutualInformationScore().score([[[9.0, -9.0], [-9.0, 9.0]]]).round(4)
    array([0.6931])
    """

    name = "mutual_information"

    def __init__(self, temperature: float | None = None, task: str = "multiclass") -> None:
        """Makes the score; the logits have at least 2 members along their last axis."""
        super().__init__(temperature, task, per_member=True)


class PredictiveVarianceScore(LogitScore):
    """Variance of the probabilities over the members, summed over classes; for labels the largest.

    >>> PredictiveVarianceScore(task="binary").score([[50.0, -50.0]]).round(4)
    array([0.25])
    """

    name = "predictive_variance"

    def __init__(self, temperature: float | None = None, task: str = "multiclass") -> None:
        """Makes the score; the logits have at least 2 members along their last axis."""
        super().__init__(temperature, task, per_member=True)


SCORE_CLASSES: Mapping[str, type[LogitScore]] = {
    one.name: one
    for one in (
        SoftmaxScore,
        EntropyScore,
        EnergyScore,
        MarginScore,
        SoftmaxMarginScore,
        MaxLogitScore,
        MaxLogitNormScore,
        GenScore,
        DoctorScore,
        GiniScore,
        DoctorBetaScore,
        MutualInformationScore,
        PredictiveVarianceScore,
        LearnedConfidenceScore,
    )
}
"""Every score class by the name of its score."""


def from_card(card: ScoreCard) -> LogitScore:
    """The score that a card describes; it has no calibration rows.

    Raises:
        LogitconfError: if the card names no score of this version.
    """
    if card.score not in SCORE_CLASSES:
        raise not_among("score", card.score, SCORE_CLASSES, SCORE_SYNONYMS)
    check_parameters(card.score, card.parameters)
    made = SCORE_CLASSES[card.score]
    told: dict[str, Any] = {"per_member": card.members is not None, "per_label": card.per_label}
    if card.calibration_map is not None:
        told["calibration"] = card.calibration_map.kind
    known = signature_of(made).parameters
    shape: dict[str, Any] = {name: value for name, value in told.items() if value and name in known}
    score = made(temperature=card.temperature, task=card.task, **shape)
    score.card = card
    return score


def load(path: str | Path) -> LogitScore:
    """The score in a card written by :meth:`LogitScore.save`, exact to the last bit.

    Raises:
        LogitconfError: if the file is not a score card.
    """
    return from_card(ScoreCard.load(path))


def score_class(name: str) -> type[LogitScore]:
    """The class of a score.

    Raises:
        LogitconfError: for a name that is none.
    """
    if name not in SCORE_CLASSES:
        raise not_among("score", name, SCORE_CLASSES, SCORE_SYNONYMS)
    return SCORE_CLASSES[name]
