"""The first formulas: maximum softmax, entropy, energy, margin and the learned confidence.

Lower means more confident, everywhere. z = logits / T; natural logarithms.
"""

import torch
from torch import Tensor

from logitconf.reductions import (
    Form,
    bounded_score,
    exponential_moments,
    exponential_sum,
    half_deficit,
    largest_probability,
    least_label,
    log_reciprocal,
    softplus_sum,
    worst_label,
)


def softmax_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−max softmax(z): in [−1, −1/K].

    Source: Hendrycks & Gimpel 2017, section 2.
    """
    return -largest_probability(x, temperature, form)


def softmax_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−min over labels of max(p, 1 − p): in [−1, −1/2]."""
    smallest, seal = worst_label(x, form)
    return seal(torch.reciprocal(-1.0 - torch.exp(smallest / -temperature)))


def entropy_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−Σ p log p in nats: in [0, log K].

    Source: Shannon 1948; as log S − D / S, which is right for masked classes.
    """
    logarithm, moment = exponential_moments(x, temperature, form)
    return logarithm - moment


def entropy_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """Max over labels of the Bernoulli entropy in nats: in [0, log 2]."""
    smallest, seal = worst_label(x, form)
    # finite, since inf * 0 would be NaN
    distance = torch.clamp(smallest / temperature, max=1e30)
    odds = torch.exp(-distance)
    return seal(distance * odds * torch.reciprocal(1.0 + odds) - log_reciprocal(odds))


def energy_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−T·logsumexp(z), in units of the logits.

    Source: Liu et al. 2020, equation 4.
    """
    largest, total = exponential_sum(x, temperature, form)
    return -(largest + temperature * torch.log(total))


def energy_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−Σ over labels of T·softplus(z).

    Source: Wang et al. 2021 (JointEnergy). One logit comes here as its abs value.
    """
    return -softplus_sum(x, temperature, form)


def margin_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−(largest − second of z), exact up to the division: at most 0."""
    return half_deficit(x, form) / (temperature * 0.5)


def margin_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−min over labels of abs z: at most 0."""
    if form.axis is None:
        return bounded_score(x / -temperature, form)
    smallest, seal = worst_label(x, form)
    return seal(smallest / -temperature)


def learned_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−min over labels of sigmoid(z), z a confidence logit: in [−1, 0].

    Source: DeVries & Taylor 2018.
    """
    smallest, seal = least_label(x, form)
    z = smallest / temperature
    # exp of what is at most 0 on both sides of 0, so that neither end overflows
    negated_share = torch.reciprocal(-1.0 - torch.exp(-torch.abs(z)))
    return seal(torch.exp(torch.clamp(z, max=0.0)) * negated_share)
