"""Scores that say how far the probabilities are from putting all on one class: DOCTOR, GEN.

Labels and one logit follow the pair rule: a logit z is the pair (0, z), and the worst label counts.
With d = min abs z and o = exp(−d) its probabilities are 1 / (1 + o) and o / (1 + o), so that each
of these scores falls as d grows.
"""

import torch
from torch import Tensor

from logitconf.scores.reductions import (
    Form,
    Seal,
    exponential_moments,
    exponential_rest,
    exponential_squares,
    exponential_sum,
    half_deficit,
    largest_probability,
    log_reciprocal,
    row_has_score,
    worst_label,
)

_NAN = float("nan")
_INFINITY = float("inf")
# beyond every difference of logits that is not 0 once divided by T and exponentiated
_FAR = 1e30
# exp of it is below the smallest float32
_NEGLIGIBLE = -90.0
# after so many, classes that still lie together differ by at most 2e-5, most often by 1e-6
_HALVINGS, _HALVINGS_OF_DOUBLE = 22, 48


def doctor_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """D_α = (1 − g) / g with g = Σ p²: in [0, K − 1].

    Source: Granese et al. 2021, "DOCTOR: a simple method for detecting misclassification errors".
    It grows with the Gini impurity 1 − g, so both rank rows alike.
    """
    if x.dtype == torch.float64:
        rest, squares = exponential_rest(x, temperature, form)
        return _collisions(rest, squares) * torch.reciprocal(1.0 + squares)
    total, squares = exponential_squares(x, temperature, form)
    return total * total * torch.reciprocal(squares) - 1.0


def doctor_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """Max over labels of D_α = 2o / (1 + o²): in [0, 1]."""
    odds, seal = _worst_odds(x, temperature, form)
    return seal(2.0 * odds * torch.reciprocal(1.0 + odds * odds))


def gini_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """1 − Σ p²: in [0, 1 − 1/K].

    Source: Breiman et al. 1984, "Classification and regression trees".
    """
    if x.dtype == torch.float64:
        rest, squares = exponential_rest(x, temperature, form)
        share = torch.reciprocal(1.0 + rest)
        return _collisions(rest, squares) * share * share
    total, squares = exponential_squares(x, temperature, form)
    share = torch.reciprocal(total)
    return 1.0 - squares * share * share


def gini_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """Max over labels of 2p (1 − p) = 2o / (1 + o)²: in [0, 1/2]."""
    odds, seal = _worst_odds(x, temperature, form)
    share = torch.reciprocal(1.0 + odds)
    return seal(2.0 * odds * share * share)


def doctor_beta_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """D_β = (1 − max p) / max p: in [0, K − 1].

    Source: Granese et al. 2021. It falls as max p grows, so it ranks as the softmax.
    """
    if x.dtype == torch.float64:
        rest, _ = exponential_rest(x, temperature, form)
        return torch.where(rest > -0.5, rest, _NAN)
    _, total = exponential_sum(x, temperature, form)
    return torch.where(total > 0.5, total - 1.0, _NAN)


def doctor_beta_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """Max over labels of D_β = o: in [0, 1]."""
    odds, seal = _worst_odds(x, temperature, form)
    return seal(odds)


def softmax_margin_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−(largest p − second p): in [−1, 0].

    Source: Scheffer et al. 2001, "Active hidden Markov models for information extraction".
    """
    margin = half_deficit(x, form) / (temperature * 0.5)
    largest, total = exponential_sum(x, temperature, form)
    score = (torch.exp(margin) - 1.0) * torch.reciprocal(total)
    # half_deficit takes the lowest float for a masked class, and here all of them are
    some = largest > torch.finfo(x.dtype).min
    return torch.where((margin < 1.0) & some, score, _NAN)


def softmax_margin_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−min over labels of abs(2p − 1) = (1 − o) / (1 + o): in [−1, 0]."""
    odds, seal = _worst_odds(x, temperature, form)
    return seal((odds - 1.0) * torch.reciprocal(1.0 + odds))


def gen_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """Σ over classes of (p (1 − p))^γ: at least 0.

    A small γ makes much of what is nearly 0, so 1 − p of the likeliest class is not subtracted but
    summed over the others, relative to the second largest logit; then it does not vanish.

    Source: Liu et al. 2023, "GEN: pushing the limits of softmax-based out-of-distribution
    detection", and the authors' code: gamma .1, the M = 100 largest of 1000 classes. Departures:
    lower is more confident here, and all classes count unless ``top`` says how many.
    """
    axis = form.class_axis
    gamma, most = form.parameters["gamma"], int(form.parameters["top"])
    if form.n_classes is not None and most >= form.n_classes:
        most = 0
    inverse = torch.reciprocal(temperature)
    largest = torch.amax(x, dim=axis, keepdim=True)
    at_top = x == largest
    count = torch.sum(at_top.to(x.dtype), dim=axis, keepdim=True)
    second = torch.amax(torch.where(at_top, -_INFINITY, x), dim=axis, keepdim=True)
    second = torch.maximum(second, torch.where(count > 1.5, largest, -_INFINITY))
    base = torch.maximum(second, largest - _FAR)
    below = torch.where(at_top, -_INFINITY, (x - base) * inverse)
    rest = torch.sum(torch.exp(below), dim=axis, keepdim=True) + (count - 1.0)
    shifted = (x - largest) * inverse
    exponentials = torch.exp(shifted)
    total = torch.sum(exponentials, dim=axis, keepdim=True)
    twice = torch.log(total) * 2.0
    top = torch.exp(((base - largest) * inverse + torch.log(rest) - twice) * gamma)
    if most:
        sorts = form.runtime == "onnxruntime" and form.n_classes is not None
        seen = torch.topk(x, most, dim=axis).values if sorts else x
        shifted = (seen - largest) * inverse
        spread = (shifted + torch.log(total - torch.exp(shifted)) - twice) * gamma
        values = torch.where(seen == largest, top, torch.exp(spread))
        found = torch.sum(values, dim=axis)
        if not sorts:
            order = torch.where(at_top, 0.0, shifted * gamma)
            found = _sum_of_largest(values, order, most, axis)
        return torch.where(row_has_score(x, torch.squeeze(largest, axis), form), found, _NAN)
    spread = (shifted + torch.log(total - exponentials) - twice) * gamma
    others = torch.sum(torch.exp(torch.where(at_top, -_INFINITY, spread)), dim=axis)
    return others + torch.squeeze(top * count, axis)


def _sum_of_largest(values: Tensor, order: Tensor, wanted: int, axis: int) -> Tensor:
    """The sum of those values (N, K, ...) whose order, at most 0, is among the largest wanted ones.

    Halving finds the limit between what counts and what does not; what lies within the last half
    counts in proportion, and so do ties. Nothing is sorted: TopK kills onnxruntime up to 1.30 on an
    empty batch and tract on a NaN.
    """
    above = torch.amax(order, dim=axis, keepdim=True)
    below = torch.clamp(torch.amin(order, dim=axis, keepdim=True), min=_NEGLIGIBLE) * 1.001 - 1e-6
    for _ in range(_HALVINGS_OF_DOUBLE if values.dtype == torch.float64 else _HALVINGS):
        middle = (above + below) * 0.5
        few = torch.sum((order > middle).to(values.dtype), dim=axis, keepdim=True) < wanted
        above, below = torch.where(few, middle, above), torch.where(few, below, middle)
    sure, possible = order > above, order > below
    count = torch.sum(sure.to(values.dtype), dim=axis)
    between = torch.sum(possible.to(values.dtype), dim=axis) - count
    share = torch.clamp((wanted - count) / torch.clamp(between, min=1.0), max=1.0)
    total = torch.sum(torch.where(sure, values, 0.0), dim=axis)
    more = torch.sum(torch.where(possible, values, 0.0), dim=axis) - total
    return total + more * share


def gen_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """Max over labels of 2 (p (1 − p))^γ: in [0, 2 · 4^−γ]; both of a pair always count."""
    smallest, seal = worst_label(x, form)
    distance = smallest / temperature
    share = torch.reciprocal(1.0 + torch.exp(-distance))
    return seal(2.0 * torch.exp((torch.log(share) * 2.0 - distance) * form.parameters["gamma"]))


def _collisions(rest: Tensor, squares: Tensor) -> Tensor:
    """S² − Q from S − 1 and Q − 1: 0 for a class that is alone, and exact near it."""
    return (2.0 * rest - squares) + rest * rest


def _worst_odds(x: Tensor, temperature: Tensor, form: Form) -> tuple[Tensor, Seal]:
    """Exp(−min abs z) over the labels, (N, ...), and what to call on the score."""
    smallest, seal = worst_label(x, form)
    return torch.exp(smallest / -temperature), seal


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
