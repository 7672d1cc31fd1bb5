"""Scores of ensembles and of MC-dropout, whose M members lie along the last axis.

Scores of one model are averaged over the members; two scores say how far the members disagree.
"""

from dataclasses import replace

from logitconf.arrays import Array, as_type, namespace
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


def member_mean(values: Array, form: Form) -> Array:
    """The mean over the last axis; a member without a finite value leaves none, (N, ..., M)."""
    xp = namespace(values)
    # a share of each, since the sum of finite values may overflow
    return xp.sum(values * (1.0 / _count(form)), axis=values.ndim - 1)


def only_complete(values: Array, x: Array, form: Form) -> Array:
    """The values (N, ...), NaN unless every member of the logits has a score.

    OpenVINO may lose a member's NaN, and a mean would hide it among the others.
    """
    xp = namespace(values)
    if form.axis is None:
        complete = xp.abs(x) < _INFINITY
    else:
        complete = row_has_score(x, xp.max(x, axis=form.axis), form)
    # tract takes a factor out of a sum, so that a sum of the logits themselves may overflow
    lacking = xp.sum(1.0 - as_type(complete, x.dtype), axis=complete.ndim - 1)
    return xp.where(lacking < 0.5, values, _NAN)


def mutual_information_categorical(x: Array, temperature: Array, form: Form) -> Array:
    """Mean over members of KL(p_m ‖ mean p), in nats: in [0, log M].

    It equals H(mean p) − mean H(p), without the difference of two large numbers.

    Source: Houlsby et al. 2011 (BALD); Smith & Gal 2018.
    """
    x, form = _classes_last(x, form)
    share = _softmax(x, temperature, form)
    return member_mean(over_classes("sum", _divergence(share, form), form), form)


def mutual_information_bernoulli(x: Array, temperature: Array, form: Form) -> Array:
    """Max over labels of the same for the pair (p, 1 − p): in [0, log 2]."""
    xp = namespace(x)
    odds = xp.exp(x * xp.reciprocal(temperature))
    yes, no = xp.reciprocal(1.0 + xp.reciprocal(odds)), xp.reciprocal(1.0 + odds)
    information = member_mean(_divergence(yes, form) + _divergence(no, form), form)
    return _worst(information, x, form)


def predictive_variance_categorical(x: Array, temperature: Array, form: Form) -> Array:
    """Σ over classes of the population variance of p over the members: in [0, 1).

    Source: Kendall & Gal 2017; Gal 2016.
    """
    xp = namespace(x)
    x, form = _classes_last(x, form)
    share = _softmax(x, temperature, form)
    off = share - _average(share, form)
    if x.dtype == xp.float64:
        # What is left of p near 1 has few places: the other classes know it better. Of no two
        # classes the mean is so large, however it was rounded.
        likely = _average(share, form) > 0.75
        others = over_classes("sum", xp.where(likely, 0.0, off), form, keepdims=True)
        off = xp.where(likely, -others, off)
    return member_mean(over_classes("sum", off * off, form), form)


def predictive_variance_bernoulli(x: Array, temperature: Array, form: Form) -> Array:
    """Max over labels of the population variance of p over the members: in [0, 1/4]."""
    xp = namespace(x)
    odds = xp.exp(-(x * xp.reciprocal(temperature)))
    share = xp.reciprocal(1.0 + odds)
    if x.dtype == xp.float64:
        # p and 1 − p vary alike; the smaller has more places
        share = xp.where(
            _average(share, form) < 0.5, share, xp.reciprocal(1.0 + xp.reciprocal(odds))
        )
    off = share - _average(share, form)
    return _worst(member_mean(off * off, form), x, form)


def _count(form: Form) -> int:
    if form.members is None:
        raise LogitconfError("a score of members must know how many there are, got none")
    return form.members


def _classes_last(x: Array, form: Form) -> tuple[Array, Form]:
    """Logits (N, K, M) as (N, M, K), and their form; others as they are.

    onnxruntime reduces the last axis best where it is long, and worst where it is a few members.
    """
    xp = namespace(x)
    if form.rank != 3 or form.axis != 1:
        return x, form
    return xp.permute_dims(x, (0, 2, 1)), replace(form, axis=2)


def _softmax(x: Array, temperature: Array, form: Form) -> Array:
    xp = namespace(x)
    largest = over_classes("max", x, form, keepdims=True)
    exponentials = xp.exp((x - largest) * xp.reciprocal(temperature))
    total = over_classes("sum", exponentials, form, keepdims=True)
    return exponentials * xp.reciprocal(total)


def _average(share: Array, form: Form) -> Array:
    xp = namespace(share)
    # before the classes, where those lie last
    axis = form.class_axis - 1 if form.last else share.ndim - 1
    return xp.sum(share, axis=axis, keepdims=True) * (1.0 / _count(form))


def _divergence(share: Array, form: Form) -> Array:
    """Terms p log(p / mean p); 0 where p is 0.

    In double p log(p / q) − p + q with q the mean p, which sums to the same over the members; no
    term is negative, so that nothing cancels where the members agree.
    """
    xp = namespace(share)
    average = _average(share, form)
    inverse = xp.reciprocal(xp.clip(average, min=_LEAST))
    if share.dtype == xp.float64:
        return average * _gain((share - average) * inverse)
    return share * xp.log(xp.clip(share * inverse, min=_LEAST))


def _gain(u: Array) -> Array:
    """(1 + u) log(1 + u) − u for u >= −1: at least 0, exact near 0 too."""
    xp = namespace(u)
    far = (1.0 + u) * xp.log(xp.clip(1.0 + u, min=_LEAST)) - u
    # log(1 + u) is 2 atanh(s)
    s = u * xp.reciprocal(2.0 + u)
    square = s * s
    tail = square * _SERIES[-1] + _SERIES[-2]
    for coefficient in reversed(_SERIES[:-2]):
        tail = tail * square + coefficient
    near = 2.0 * square * (1.0 + (1.0 + s) * s * tail) * xp.reciprocal(1.0 - s)
    return xp.where(xp.abs(u) < _NEAR, near, far)


def _worst(values: Array, x: Array, form: Form) -> Array:
    """The largest over the labels, NaN unless every member has a score."""
    xp = namespace(values)
    worst = values if form.axis is None else xp.max(values, axis=form.axis)
    return only_complete(worst, x, form)
