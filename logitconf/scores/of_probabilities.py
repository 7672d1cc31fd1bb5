"""Scores that say how far the probabilities are from putting all on one class: DOCTOR, GEN.

Labels and one logit follow the pair rule: a logit z is the pair (0, z), and the worst label counts.
With d = min abs z and o = exp(−d) its probabilities are 1 / (1 + o) and o / (1 + o), so that each
of these scores falls as d grows.
"""

from logitconf.arrays import Array, as_type, largest_values, lowest_float, namespace
from logitconf.blocks.memory import remembered
from logitconf.scores.reductions import (
    Form,
    Seal,
    exponential_moments,
    exponential_rest,
    exponential_squares,
    exponential_sum,
    log_reciprocal,
    negated_probability,
    nothing_of,
    over_negated,
    row_has_score,
    worst_label,
)
from logitconf.scores.top_two import half_deficit

_NAN = float("nan")
_INFINITY = float("inf")
# beyond every difference of logits that is not 0 once divided by T and exponentiated
_FAR = 1e30
# exp of it is below the smallest float32
_NEGLIGIBLE = -90.0
# a class so far below the second adds nothing to what that adds
_NEGLIGIBLE_BESIDE = 24.0
# after so many, classes that still lie together differ by at most 2e-6
_HALVINGS, _HALVINGS_OF_DOUBLE = 24, 48


def doctor_categorical(x: Array, temperature: Array, form: Form) -> Array:
    """D_α = (1 − g) / g with g = Σ p²: in [0, K − 1].

    Source: Granese et al. 2021, "DOCTOR: a simple method for detecting misclassification errors".
    It grows with the Gini impurity 1 − g, so both rank rows alike.
    """
    xp = namespace(x)
    if x.dtype == xp.float64:
        rest, squares = exponential_rest(x, temperature, form)
        return _collisions(rest, squares) * xp.reciprocal(1.0 + squares)
    total, squares = exponential_squares(x, temperature, form)
    return total * total * xp.reciprocal(squares) - 1.0


def doctor_bernoulli(x: Array, temperature: Array, form: Form) -> Array:
    """Max over labels of D_α = 2o / (1 + o²): in [0, 1]."""
    xp = namespace(x)
    odds, seal = _worst_odds(x, temperature, form)
    return seal(2.0 * odds * xp.reciprocal(1.0 + odds * odds))


def gini_categorical(x: Array, temperature: Array, form: Form) -> Array:
    """1 − Σ p²: in [0, 1 − 1/K].

    Source: Breiman et al. 1984, "Classification and regression trees".
    """
    xp = namespace(x)
    if x.dtype == xp.float64:
        rest, squares = exponential_rest(x, temperature, form)
        share = xp.reciprocal(1.0 + rest)
        return _collisions(rest, squares) * share * share
    total, squares = exponential_squares(x, temperature, form)
    share = xp.reciprocal(total)
    return 1.0 - squares * share * share


def gini_bernoulli(x: Array, temperature: Array, form: Form) -> Array:
    """Max over labels of 2p (1 − p) = 2o / (1 + o)²: in [0, 1/2]."""
    xp = namespace(x)
    odds, seal = _worst_odds(x, temperature, form)
    share = xp.reciprocal(1.0 + odds)
    return seal(2.0 * odds * share * share)


def doctor_beta_categorical(x: Array, temperature: Array, form: Form) -> Array:
    """D_β = (1 − max p) / max p: in [0, K − 1].

    Source: Granese et al. 2021. It falls as max p grows, so it ranks as the softmax.
    """
    xp = namespace(x)
    if x.dtype == xp.float64:
        rest, _ = exponential_rest(x, temperature, form)
        return xp.where(rest > -0.5, rest, _NAN)
    _, total = exponential_sum(x, temperature, form)
    return xp.where(total > 0.5, total - 1.0, _NAN)


def doctor_beta_bernoulli(x: Array, temperature: Array, form: Form) -> Array:
    """Max over labels of D_β = o: in [0, 1]."""
    odds, seal = _worst_odds(x, temperature, form)
    return seal(odds)


def softmax_margin_categorical(x: Array, temperature: Array, form: Form) -> Array:
    """−(largest p − second p): in [−1, 0].

    Source: Scheffer et al. 2001, "Active hidden Markov models for information extraction".
    """
    xp = namespace(x)
    margin = half_deficit(x, form, beside_largest=True) / (temperature * 0.5)
    largest, total = exponential_sum(x, temperature, form)
    score = (xp.exp(margin) - 1.0) * xp.reciprocal(total)
    # half_deficit takes the lowest float for a masked class, and here all of them are
    some = largest > lowest_float(x)
    return xp.where((margin < 1.0) & some, score, _NAN)


def softmax_margin_bernoulli(x: Array, temperature: Array, form: Form) -> Array:
    """−min over labels of abs(2p − 1) = (1 − o) / (1 + o): in [−1, 0]."""
    xp = namespace(x)
    odds, seal = _worst_odds(x, temperature, form)
    return seal((odds - 1.0) * xp.reciprocal(1.0 + odds))


def gen_categorical(x: Array, temperature: Array, form: Form) -> Array:
    """Σ over classes of (p (1 − p))^γ: at least 0.

    A small γ makes much of what is nearly 0, so 1 − p of the likeliest class is not subtracted but
    summed over the others, relative to the second largest logit; then it does not vanish.

    Source: Liu et al. 2023, "GEN: pushing the limits of softmax-based out-of-distribution
    detection", and the authors' code: gamma .1, the M = 100 largest of 1000 classes. Departures:
    lower is more confident here, and all classes count unless ``top`` says how many.
    """
    xp = namespace(x)
    axis = form.class_axis
    gamma, most = form.parameters["gamma"], int(form.parameters["top"])
    if form.n_classes is not None and most >= form.n_classes:
        most = 0
    inverse = xp.reciprocal(temperature)
    likeliest, shifted, exponentials, total, twice = _beside_second(x, inverse, form)
    largest, at_top, second, top = likeliest
    if most:
        sorts = not form.portable and form.n_classes is not None
        seen = largest_values(x, most, axis) if sorts else x
        shifted = (seen - largest) * inverse
        spread = shifted + xp.log(total - xp.exp(shifted)) - twice
        values = xp.exp(xp.where(seen == largest, top, spread) * gamma)
        total_spread = xp.sum(values, axis=axis)
        if not sorts:
            order = xp.where(at_top, 0.0, shifted * gamma)
            total_spread = _sum_of_largest(values, order, second * gamma, most, axis)
        return xp.where(row_has_score(x, xp.squeeze(largest, axis=axis), form), total_spread, _NAN)
    spread = xp.where(at_top, top, _log_spread(shifted, total, exponentials, twice))
    return xp.sum(xp.exp(spread * gamma), axis=axis)


@remembered
def _beside_second(
    x: Array, inverse: Array, form: Form
) -> tuple[tuple[Array, ...], Array, Array, Array, Array]:
    """What :func:`gen_categorical` takes of logits, whatever its parameters.

    Of the likeliest class its logit, where it is, how far the second, or one far below, lies under
    it, and log p (1 − p); then the shifted logits, their exponentials, the sum of those and twice
    its logarithm.
    """
    xp, axis = namespace(x), form.class_axis
    largest = xp.max(x, axis=axis, keepdims=True)
    at_top = x == largest
    count = xp.sum(as_type(at_top, x.dtype), axis=axis, keepdims=True)
    second = xp.max(xp.where(at_top, -_INFINITY, x), axis=axis, keepdims=True)
    second = xp.where(count > 1.5, largest, second)
    base = xp.maximum(second, largest - _FAR)
    # the likeliest adds 1 as the second does, which is taken away again
    below = xp.clip((x - base) * inverse, max=0.0)
    rest = xp.sum(xp.exp(below), axis=axis, keepdims=True) - 1.0
    shifted = (x - largest) * inverse
    exponentials = xp.exp(shifted)
    total = xp.sum(exponentials, axis=axis, keepdims=True)
    twice = xp.log(total) * 2.0
    second = (base - largest) * inverse
    top = second + xp.log(rest) - twice
    return (largest, at_top, second, top), shifted, exponentials, total, twice


@remembered
def _log_spread(shifted: Array, total: Array, exponentials: Array, twice: Array) -> Array:
    """The logarithm of p (1 − p), for all but the largest class."""
    return shifted + namespace(shifted).log(total - exponentials) - twice


def _sum_of_largest(values: Array, order: Array, second: Array, wanted: int, axis: int) -> Array:
    """The sum of those values (N, K, ...) whose order, at most 0, is among the largest wanted ones.

    Halving finds the limit between what counts and what does not; what lies within the last half
    counts in proportion, and so do ties. Nothing is sorted: TopK kills onnxruntime up to 1.30 on an
    empty batch and tract on a NaN.
    """
    xp = namespace(values)
    # the closer the ends, the fewer classes lie between them after the last halving
    second = xp.clip(second, min=_NEGLIGIBLE)
    # a runtime may round the second in another way here than among the others
    above = second * 0.999 if wanted > 1 else xp.max(order, axis=axis, keepdims=True)
    lowest = xp.min(order, axis=axis, keepdims=True)
    below = xp.maximum(lowest, second - _NEGLIGIBLE_BESIDE) * 1.001 - 1e-6
    for _ in range(_HALVINGS_OF_DOUBLE if values.dtype == xp.float64 else _HALVINGS):
        middle = (above + below) * 0.5
        few = xp.sum(as_type(order > middle, values.dtype), axis=axis, keepdims=True) < wanted
        above, below = xp.where(few, middle, above), xp.where(few, below, middle)
    sure, possible = order > above, order > below
    count = xp.sum(as_type(sure, values.dtype), axis=axis)
    between = xp.sum(as_type(possible, values.dtype), axis=axis) - count
    share = xp.clip((wanted - count) / xp.clip(between, min=1.0), max=1.0)
    total = xp.sum(xp.where(sure, values, 0.0), axis=axis)
    more = xp.sum(xp.where(possible, values, 0.0), axis=axis) - total
    return total + more * share


def gen_bernoulli(x: Array, temperature: Array, form: Form) -> Array:
    """Max over labels of 2 (p (1 − p))^γ: in [0, 2 · 4^−γ]; both of a pair always count."""
    xp = namespace(x)
    smallest, seal = worst_label(x, form)
    distance = smallest / temperature
    share = xp.reciprocal(1.0 + xp.exp(-distance))
    return seal(2.0 * xp.exp((xp.log(share) * 2.0 - distance) * form.parameters["gamma"]))


def _collisions(rest: Array, squares: Array) -> Array:
    """S² − Q from S − 1 and Q − 1: 0 for a class that is alone, and exact near it."""
    return (2.0 * rest - squares) + rest * rest


def _worst_odds(x: Array, temperature: Array, form: Form) -> tuple[Array, Seal]:
    """Exp(−min abs z) over the labels, (N, ...), and what to call on the score."""
    xp = namespace(x)
    smallest, seal = worst_label(x, form)
    return xp.exp(over_negated(smallest, temperature, form)), seal


def softmax_categorical(x: Array, temperature: Array, form: Form) -> Array:
    """−max softmax(z): in [−1, −1/K].

    Source: Hendrycks & Gimpel 2017, section 2.
    """
    return negated_probability(x, temperature, form)


def softmax_bernoulli(x: Array, temperature: Array, form: Form) -> Array:
    """−min over labels of max(p, 1 − p): in [−1, −1/2]."""
    xp = namespace(x)
    smallest, seal = worst_label(x, form)
    odds = xp.exp(over_negated(smallest, temperature, form))
    if form.axis is None:
        # -1, or NaN for what is not finite, in one pass less than sealing the score
        return (nothing_of(smallest, form) - 1.0) / (1.0 + odds)
    return seal(xp.reciprocal(-1.0 - odds))


def entropy_categorical(x: Array, temperature: Array, form: Form) -> Array:
    """−Σ p log p in nats: in [0, log K].

    Source: Shannon 1948; as log S − D / S, which is right for masked classes.
    """
    logarithm, moment = exponential_moments(x, temperature, form)
    return logarithm - moment


def entropy_bernoulli(x: Array, temperature: Array, form: Form) -> Array:
    """Max over labels of the Bernoulli entropy in nats: in [0, log 2]."""
    xp = namespace(x)
    smallest, seal = worst_label(x, form)
    # finite, since inf * 0 would be NaN
    distance = xp.clip(smallest / temperature, max=1e30)
    odds = xp.exp(-distance)
    return seal(distance * odds * xp.reciprocal(1.0 + odds) - log_reciprocal(odds))
