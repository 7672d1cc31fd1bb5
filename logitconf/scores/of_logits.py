"""The first formulas: maximum softmax, entropy, energy, margin and the learned confidence.

Lower means more confident, everywhere. z = logits / T; natural logarithms.
"""

from logitconf.arrays import Array, as_type, lowest_float, namespace, only_finite
from logitconf.blocks.memory import remembered
from logitconf.scores.reductions import (
    Form,
    bounded_score,
    exponential_sum,
    largest_logit,
    least_label,
    log_largest_probability,
    negated_probability,
    one_softmax,
    over_negated,
    row_has_score,
    softplus_sum,
    worst_label,
)
from logitconf.scores.top_two import half_deficit, margin_of_few_nodes


def energy_categorical(x: Array, temperature: Array, form: Form) -> Array:
    """−T·logsumexp(z), in units of the logits.

    Source: Liu et al. 2020, equation 4.
    """
    xp = namespace(x)
    if one_softmax(form):
        log_probability = log_largest_probability(x, temperature, form)
        score = log_probability * temperature - xp.max(x, axis=form.class_axis)
        # in one node, but with a division for each row
        return only_finite(score) if form.few_nodes else bounded_score(score, form)
    largest, total = exponential_sum(x, temperature, form)
    return xp.log(total) * -temperature - largest


def energy_bernoulli(x: Array, temperature: Array, form: Form) -> Array:
    """−Σ over labels of T·softplus(z).

    Source: Wang et al. 2021 (JointEnergy). One logit comes here as its abs value.
    """
    return -softplus_sum(x, temperature, form)


def margin_categorical(x: Array, temperature: Array, form: Form) -> Array:
    """−(largest − second of z), exact up to the division: at most 0."""
    if form.few_nodes:
        return margin_of_few_nodes(x, temperature, form)
    return half_deficit(x, form) / (temperature * 0.5)


def margin_bernoulli(x: Array, temperature: Array, form: Form) -> Array:
    """−min over labels of abs z: at most 0."""
    if form.axis is None:
        return bounded_score(over_negated(x, temperature, form), form)
    smallest, seal = worst_label(x, form)
    return seal(smallest / -temperature)


def learned_bernoulli(x: Array, temperature: Array, form: Form) -> Array:
    """−min over labels of sigmoid(z), z a confidence logit: in [−1, 0].

    Source: DeVries & Taylor 2018.
    """
    xp = namespace(x)
    smallest, seal = least_label(x, form)
    z = smallest / temperature
    # exp of what is at most 0 on both sides of 0, so that neither end overflows
    negated_share = xp.reciprocal(-1.0 - xp.exp(-xp.abs(z)))
    return seal(xp.exp(xp.clip(z, max=0.0)) * negated_share)


_NAN = float("nan")
# a row that spreads less counts as flat: far above what runtimes flush to zero; in float64 below
# all that float32 logits can differ by
_TINY, _TINY_OF_DOUBLE = 2.0**-100, 2.0**-200


def max_logit_categorical(x: Array, temperature: Array, form: Form) -> Array:
    """−max z.

    Source: Hendrycks et al. 2022, "Scaling out-of-distribution detection for real-world settings".
    Departure: T divides the logits, which changes no order.
    """
    return largest_logit(x, form) / -temperature


def max_logit_bernoulli(x: Array, temperature: Array, form: Form) -> Array:
    """−max over labels of z; one logit comes here as its abs value.

    Source: Hendrycks et al. 2022 (multi-label).
    """
    score = over_negated(largest_logit(x, form), temperature, form)
    return bounded_score(score, form) if form.axis is None else score


def max_logit_norm_categorical(x: Array, temperature: Array, form: Form) -> Array:
    """−max c / ‖c‖_p with c the logits minus their mean: in [−1, 0]; 0 where all are alike.

    T cancels. p = 0 stands for the fallback where no norm does better, −max softmax(z). A masked
    class counts neither in the mean nor in the norm.

    Source: Cattelan & Silva 2024, "How to fix a broken confidence estimator" (MaxLogit-pNorm of
    centred logits, with fallback). Departure: whole p from 1 to 10 are tried here, in the authors'
    code 0 to 8, where 0 is no norm; 4 before a fit is a middle of them, not theirs.
    """
    xp = namespace(x)
    power = int(form.parameters["p"])
    if power == 0:
        return negated_probability(x, temperature, form)
    axis = form.class_axis
    largest, mean, centred = _centred(x, form, power == 1)
    total = xp.sum(_whole_power(centred, power), axis=axis)
    # at least 2 but for a flat row
    norm = xp.exp(xp.log(xp.clip(total, min=1.0)) * (-1.0 / power))
    score = xp.squeeze(mean, axis=axis) * norm
    return xp.where(row_has_score(x, xp.squeeze(largest, axis=axis), form), score, _NAN)


@remembered
def _centred(x: Array, form: Form, all_alike: bool) -> tuple[Array, Array, Array]:
    """The largest logit, the mean of all less that, and how far each is from the mean.

    Mean and distances are in units of half the row's reach, so that their norm is above 1;
    distances are 0 for a masked class. With `all_alike` the mean is so exact that it does not move
    the sum of the distances.
    """
    xp, axis = namespace(x), form.class_axis
    largest, present, unit, count, mean = _in_units(x, form)
    centred = (unit - mean) * present
    if all_alike:
        # a mean that is a little off would move all classes alike, by K times that in all
        rest = xp.sum(centred, axis=axis, keepdims=True) / count
        mean, centred = mean + rest, (centred - rest) * present
    return largest, mean, xp.abs(centred)


@remembered
def _in_units(x: Array, form: Form) -> tuple[Array, ...]:
    """The largest logit, 1 for a class that is there, what is less than the largest, count, mean.

    The last but the count in units of half the row's reach.
    """
    xp = namespace(x)
    axis, lowest = form.class_axis, lowest_float(x)
    largest = xp.max(x, axis=axis, keepdims=True)
    present = as_type(x > lowest, x.dtype)
    # a quarter, so that no difference of finite logits overflows; masked classes become 0
    below = xp.clip(x * 0.25 - largest * 0.25, min=lowest) * present
    tiny = _TINY_OF_DOUBLE if x.dtype == xp.float64 else _TINY
    reach = xp.clip(xp.min(below, axis=axis, keepdims=True) * -0.5, min=tiny)
    unit = below / reach
    count = xp.clip(xp.sum(present, axis=axis, keepdims=True), min=1.0)
    return largest, present, unit, count, xp.sum(unit, axis=axis, keepdims=True) / count


@remembered
def _whole_power(x: Array, power: int) -> Array:
    """X to a whole power by multiplication, which rounds alike everywhere."""
    if power == 1:
        return x
    half = _whole_power(x, power // 2)
    return half * half * x if power % 2 else half * half
