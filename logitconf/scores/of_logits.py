"""The first formulas: maximum softmax, entropy, energy, margin and the learned confidence.

Lower means more confident, everywhere. z = logits / T; natural logarithms.
"""

import torch
from torch import Tensor

from logitconf.scores.reductions import (
    Form,
    bounded_score,
    exponential_sum,
    half_deficit,
    largest_logit,
    largest_probability,
    least_label,
    row_has_score,
    softplus_sum,
    worst_label,
)


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


_NAN = float("nan")
# a row that spreads less counts as flat: far above what runtimes flush to zero; in float64 below
# all that float32 logits can differ by
_TINY, _TINY_OF_DOUBLE = 2.0**-100, 2.0**-200


def max_logit_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−max z.

    Source: Hendrycks et al. 2022, "Scaling out-of-distribution detection for real-world settings".
    Departure: T divides the logits, which changes no order.
    """
    return largest_logit(x, form) / -temperature


def max_logit_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−max over labels of z; one logit comes here as its abs value.

    Source: Hendrycks et al. 2022 (multi-label).
    """
    score = largest_logit(x, form) / -temperature
    return bounded_score(score, form) if form.axis is None else score


def max_logit_norm_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−max c / ‖c‖_p with c the logits minus their mean: in [−1, 0]; 0 where all are alike.

    T cancels. p = 0 stands for the fallback where no norm does better, −max softmax(z). A masked
    class counts neither in the mean nor in the norm.

    Source: Cattelan & Silva 2024, "How to fix a broken confidence estimator" (MaxLogit-pNorm of
    centred logits, with fallback). Departure: whole p from 1 to 10 are tried here, in the authors'
    code 0 to 8, where 0 is no norm; 4 before a fit is a middle of them, not theirs.
    """
    power = int(form.parameters["p"])
    if power == 0:
        return -largest_probability(x, temperature, form)
    axis = form.class_axis
    lowest = torch.finfo(x.dtype).min
    largest = torch.amax(x, dim=axis, keepdim=True)
    present = (x > lowest).to(x.dtype)
    # a quarter, so that no difference of finite logits overflows; masked classes become 0
    below = torch.clamp(x * 0.25 - largest * 0.25, min=lowest) * present
    tiny = _TINY_OF_DOUBLE if x.dtype == torch.float64 else _TINY
    reach = torch.clamp(-torch.amin(below, dim=axis, keepdim=True), min=tiny)
    unit = below / reach
    count = torch.clamp(torch.sum(present, dim=axis, keepdim=True), min=1.0)
    mean = torch.sum(unit, dim=axis, keepdim=True) / count
    centred = (unit - mean) * present
    total = torch.sum(_whole_power(torch.abs(centred), power), dim=axis)
    # at least 2**-power but for a flat row
    norm = torch.exp(torch.log(torch.clamp(total, min=2.0**-20)) * (-1.0 / power))
    score = torch.squeeze(mean, axis) * norm
    return torch.where(row_has_score(x, torch.squeeze(largest, axis), form), score, _NAN)


def _whole_power(x: Tensor, power: int) -> Tensor:
    """X to a whole power by multiplication, which rounds alike everywhere."""
    if power == 1:
        return x
    half = _whole_power(x, power // 2)
    return half * half * x if power % 2 else half * half
