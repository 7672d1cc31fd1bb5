"""Scores of ensembles and of MC-dropout, whose M members lie along the last axis.

Scores of one model are averaged over the members; two scores say how far the members disagree.
"""

from dataclasses import replace

import torch
from torch import Tensor

from logitconf.errors import LogitconfError
from logitconf.scores.reductions import Form, over_classes, row_has_score

_NAN = float("nan")
_INFINITY = float("inf")
# below every probability that counts, yet its reciprocal is finite
_LEAST = 1e-37
# up to here (1 + u) log(1 + u) − u is summed as a series: beyond, it keeps 14 digits by itself
_NEAR = 0.1
# of atanh(s) = s + s³ (1/3 + s²/5 + ...): the next would add less than 1e-17 of the whole
_SERIES = tuple(1.0 / (2 * k + 3) for k in range(6))


def member_mean(values: Tensor, form: Form) -> Tensor:
    """The mean over the last axis; a member without a finite value leaves none, (N, ..., M)."""
    # a share of each, since the sum of finite values may overflow
    return torch.sum(values * (1.0 / _count(form)), dim=values.ndim - 1)


def only_complete(values: Tensor, x: Tensor, form: Form) -> Tensor:
    """The values (N, ...), NaN unless every member of the logits has a score.

    OpenVINO may lose a member's NaN, and a mean would hide it among the others.
    """
    if form.axis is None:
        complete = torch.abs(x) < _INFINITY
    else:
        complete = row_has_score(x, torch.amax(x, dim=form.axis), form)
    # tract takes a factor out of a sum, so that a sum of the logits themselves may overflow
    lacking = torch.sum(1.0 - complete.to(x.dtype), dim=complete.ndim - 1)
    return torch.where(lacking < 0.5, values, _NAN)


def mutual_information_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """Mean over members of KL(p_m ‖ mean p), in nats: in [0, log M].

    It equals H(mean p) − mean H(p), without the difference of two large numbers.

    Source: Houlsby et al. 2011 (BALD); Smith & Gal 2018.
    """
    x, form = _classes_last(x, form)
    share = _softmax(x, temperature, form)
    return member_mean(over_classes(torch.sum, _divergence(share, form), form), form)


def mutual_information_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """Max over labels of the same for the pair (p, 1 − p): in [0, log 2]."""
    odds = torch.exp(x * torch.reciprocal(temperature))
    yes, no = torch.reciprocal(1.0 + torch.reciprocal(odds)), torch.reciprocal(1.0 + odds)
    information = member_mean(_divergence(yes, form) + _divergence(no, form), form)
    return _worst(information, x, form)


def predictive_variance_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """Σ over classes of the population variance of p over the members: in [0, 1).

    Source: Kendall & Gal 2017; Gal 2016.
    """
    x, form = _classes_last(x, form)
    share = _softmax(x, temperature, form)
    off = share - _average(share, form)
    if x.dtype == torch.float64:
        # what is left of p near 1 has few places: the other classes know it better
        likely = _average(share, form) > 0.5
        others = over_classes(torch.sum, torch.where(likely, 0.0, off), form, keepdim=True)
        off = torch.where(likely, -others, off)
    return member_mean(over_classes(torch.sum, off * off, form), form)


def predictive_variance_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """Max over labels of the population variance of p over the members: in [0, 1/4]."""
    odds = torch.exp(-(x * torch.reciprocal(temperature)))
    share = torch.reciprocal(1.0 + odds)
    if x.dtype == torch.float64:
        # p and 1 − p vary alike; the smaller has more places
        share = torch.where(
            _average(share, form) < 0.5, share, torch.reciprocal(1.0 + torch.reciprocal(odds))
        )
    off = share - _average(share, form)
    return _worst(member_mean(off * off, form), x, form)


def _count(form: Form) -> int:
    if form.members is None:
        raise LogitconfError("a score of members must know how many there are, got none")
    return form.members


def _classes_last(x: Tensor, form: Form) -> tuple[Tensor, Form]:
    """Logits (N, K, M) as (N, M, K), and their form; others as they are.

    onnxruntime reduces the last axis best where it is long, and worst where it is a few members.
    """
    if form.rank != 3 or form.axis != 1:
        return x, form
    return torch.permute(x, (0, 2, 1)), replace(form, axis=2)


def _softmax(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    largest = over_classes(torch.amax, x, form, keepdim=True)
    exponentials = torch.exp((x - largest) * torch.reciprocal(temperature))
    total = over_classes(torch.sum, exponentials, form, keepdim=True)
    return exponentials * torch.reciprocal(total)


def _average(share: Tensor, form: Form) -> Tensor:
    # before the classes, where those lie last
    axis = form.class_axis - 1 if form.last else share.ndim - 1
    return torch.sum(share, dim=axis, keepdim=True) * (1.0 / _count(form))


def _divergence(share: Tensor, form: Form) -> Tensor:
    """Terms p log(p / mean p); 0 where p is 0.

    In double p log(p / q) − p + q with q the mean p, which sums to the same over the members; no
    term is negative, so that nothing cancels where the members agree.
    """
    average = _average(share, form)
    inverse = torch.reciprocal(torch.clamp(average, min=_LEAST))
    if share.dtype == torch.float64:
        return average * _gain((share - average) * inverse)
    return share * torch.log(torch.clamp(share * inverse, min=_LEAST))


def _gain(u: Tensor) -> Tensor:
    """(1 + u) log(1 + u) − u for u >= −1: at least 0, exact near 0 too."""
    far = (1.0 + u) * torch.log(torch.clamp(1.0 + u, min=_LEAST)) - u
    # log(1 + u) is 2 atanh(s)
    s = u * torch.reciprocal(2.0 + u)
    square = s * s
    tail = square * _SERIES[-1] + _SERIES[-2]
    for coefficient in reversed(_SERIES[:-2]):
        tail = tail * square + coefficient
    near = 2.0 * square * (1.0 + (1.0 + s) * s * tail) * torch.reciprocal(1.0 - s)
    return torch.where(torch.abs(u) < _NEAR, near, far)


def _worst(values: Tensor, x: Tensor, form: Form) -> Tensor:
    """The largest over the labels, NaN unless every member has a score."""
    worst = values if form.axis is None else torch.amax(values, dim=form.axis)
    return only_complete(worst, x, form)
