"""The table of confidence scores: pure functions of canonical logits, one row a score.

Lower means more confident, everywhere. z = logits / T; natural logarithms.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import torch
from torch import Tensor

from logitconf.errors import LogitconfError
from logitconf.reductions import (
    Form,
    exponential_moments,
    exponential_sum,
    half_deficit,
    largest_probability,
    least_label,
    softplus_sum,
    worst_label,
)
from logitconf.tasks import Family

_NAN = float("nan")
ScoreFunction: TypeAlias = Callable[[Tensor, Tensor, Form], Tensor]


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One score.

    Attributes:
        categorical: (logits (N, K, ...), T, form) -> (N, ...), for competing classes.
        bernoulli: the same for independent labels (N, L, ...).
        floor: every value that the score can take lies above; a runtime that loses a NaN on the
            way ends below, and the row is not accepted.
        learned: whether the logits are those of a learned confidence: their sign counts, and the
            labels that belong to them say whether a prediction was right.
    """

    categorical: ScoreFunction
    bernoulli: ScoreFunction
    floor: float
    learned: bool = False

    def function(self, family: Family) -> ScoreFunction:
        """The formula for one family of logits."""
        return self.categorical if family == "categorical" else self.bernoulli


def softmax_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−max softmax(z): in [−1, −1/K].

    Source: Hendrycks & Gimpel 2017, section 2.
    """
    return -largest_probability(x, temperature, form)


def softmax_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−min over labels of max(p, 1 − p): in [−1, −1/2]."""
    smallest, has_score = worst_label(x, form)
    score = torch.reciprocal(-1.0 - torch.exp(smallest / -temperature))
    return torch.where(has_score, score, _NAN)


def entropy_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−Σ p log p in nats: in [0, log K].

    Source: Shannon 1948; as log S − D / S, which is right for masked classes.
    """
    total, moment = exponential_moments(x, temperature, form)
    return torch.log(total) - moment * torch.reciprocal(total)


def entropy_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """Max over labels of the Bernoulli entropy in nats: in [0, log 2]."""
    smallest, has_score = worst_label(x, form)
    # finite, since inf * 0 would be NaN
    distance = torch.clamp(smallest / temperature, max=1e30)
    odds = torch.exp(-distance)
    # OpenVINO 2026.4 would fuse log(1 + exp) to a softplus that is off by 60 ulp
    share = torch.reciprocal(1.0 + odds)
    score = distance * odds * share - torch.log(share)
    return torch.where(has_score, score, _NAN)


def energy_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−T·logsumexp(z), in units of the logits.

    Source: Liu et al. 2020, equation 4.
    """
    largest, total = exponential_sum(x, temperature, form)
    return -(largest + temperature * torch.log(total))


def energy_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−Σ over labels of T·softplus(z).

    Source: Wang et al. 2021 (JointEnergy), equation 6. One logit comes here as its abs value.
    """
    return -softplus_sum(x, temperature, form)


def margin_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−(largest − second of z), exact up to the division: at most 0."""
    return half_deficit(x, form) / (temperature * 0.5)


def margin_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−min over labels of abs z: at most 0."""
    smallest, has_score = worst_label(x, form)
    return torch.where(has_score, smallest / -temperature, _NAN)


def learned_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:  # noqa: ARG001
    """A learned confidence is not one of several that compete.

    Raises:
        LogitconfError: always.
    """
    raise LogitconfError(
        "a learned confidence must be one logit a row (task 'binary') or one a label "
        "(task 'multilabel'), got classes that compete"
    )


def learned_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−min over labels of sigmoid(z), z a confidence logit: in [−1, 0].

    Source: DeVries & Taylor 2018, section 2.1.
    """
    smallest, has_score = least_label(x, form)
    z = smallest / temperature
    # exp of what is at most 0 on both sides of 0, so that neither end overflows
    negated_share = torch.reciprocal(-1.0 - torch.exp(-torch.abs(z)))
    score = torch.exp(torch.clamp(z, max=0.0)) * negated_share
    return torch.where(has_score, score, _NAN)


_UNBOUNDED = -float("inf")

SCORES: Mapping[str, ScoreRow] = MappingProxyType(
    {
        "softmax": ScoreRow(softmax_categorical, softmax_bernoulli, floor=-1.5),
        "entropy": ScoreRow(entropy_categorical, entropy_bernoulli, floor=-1.0),
        "energy": ScoreRow(energy_categorical, energy_bernoulli, floor=_UNBOUNDED),
        "margin": ScoreRow(margin_categorical, margin_bernoulli, floor=_UNBOUNDED),
        "learned": ScoreRow(learned_categorical, learned_bernoulli, floor=-1.5, learned=True),
    }
)
