"""Scores of ensembles and of MC-dropout, whose M members lie along the last axis.

Scores of one model are averaged over the members; two scores say how far the members disagree.
"""

import torch
from torch import Tensor

from logitconf.errors import LogitconfError
from logitconf.reductions import Form, row_has_score

_NAN = float("nan")
_INFINITY = float("inf")
_SHRINK = 2.0**-100
# below every probability that counts, yet its reciprocal is finite
_LEAST = 1e-37


def member_mean(values: Tensor, form: Form) -> Tensor:
    """The mean over the last axis; a member without a finite value leaves none, (N, ..., M)."""
    # a share of each, since the sum of finite values may overflow
    return torch.sum(values * (1.0 / _count(form)), dim=values.ndim - 1)


def mutual_information_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """Mean over members of KL(p_m ‖ mean p), in nats: in [0, log M].

    It equals H(mean p) − mean H(p), without the difference of two large numbers.

    Source: Houlsby et al. 2011 (BALD), equation 2; Smith & Gal 2018.
    """
    share = _softmax(x, temperature, form)
    return torch.sum(member_mean(_divergence(share, form), form), dim=form.class_axis)


def mutual_information_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """Max over labels of the same for the pair (p, 1 − p): in [0, log 2]."""
    odds = torch.exp(x * torch.reciprocal(temperature))
    yes, no = torch.reciprocal(1.0 + torch.reciprocal(odds)), torch.reciprocal(1.0 + odds)
    information = member_mean(_divergence(yes, form) + _divergence(no, form), form)
    return _worst(information, x, form)


def predictive_variance_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """Σ over classes of the population variance of p over the members: in [0, 1).

    Source: Kendall & Gal 2017, section 2; Gal 2016, section 3.3.
    """
    share = _softmax(x, temperature, form)
    return torch.sum(_variance(share, form), dim=form.class_axis)


def predictive_variance_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """Max over labels of the population variance of p over the members: in [0, 1/4]."""
    odds = torch.exp(-(x * torch.reciprocal(temperature)))
    return _worst(_variance(torch.reciprocal(1.0 + odds), form), x, form)


def _count(form: Form) -> int:
    if form.members is None:
        raise LogitconfError("a score of members must know how many there are, got none")
    return form.members


def _softmax(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    largest = torch.amax(x, dim=form.class_axis, keepdim=True)
    exponentials = torch.exp((x - largest) * torch.reciprocal(temperature))
    total = torch.sum(exponentials, dim=form.class_axis, keepdim=True)
    return exponentials * torch.reciprocal(total)


def _average(share: Tensor, form: Form) -> Tensor:
    return torch.sum(share, dim=share.ndim - 1, keepdim=True) * (1.0 / _count(form))


def _divergence(share: Tensor, form: Form) -> Tensor:
    """Terms p log(p / mean p); 0 where p is 0."""
    ratio = share * torch.reciprocal(torch.clamp(_average(share, form), min=_LEAST))
    return share * torch.log(torch.clamp(ratio, min=_LEAST))


def _variance(share: Tensor, form: Form) -> Tensor:
    off = share - _average(share, form)
    return member_mean(off * off, form)


def _worst(values: Tensor, x: Tensor, form: Form) -> Tensor:
    """The largest over the labels, NaN unless every member has a score."""
    last = x.ndim - 1
    if form.axis is None:
        carrier = torch.sum(torch.abs(x) * _SHRINK, dim=last)
        return torch.where(carrier < _INFINITY, values, _NAN)
    largest = torch.amax(x, dim=form.axis)
    lacking = 1.0 - row_has_score(x, largest, form).to(x.dtype)
    complete = torch.sum(lacking, dim=last - 1) < 0.5
    return torch.where(complete, torch.amax(values, dim=form.axis), _NAN)
