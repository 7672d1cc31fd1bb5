"""Reductions over the class axis that carry what cannot be computed on as NaN.

This is the one place that chooses how a graph is written. The choice looks only at what is static
when a head is exported (:class:`Form`), never at values. ``runtime="any"`` takes forms that are
right on every runtime; ``"onnxruntime"`` the fastest right one on a CPU; ``"cuda"`` the one of
fewest nodes, each of which a GPU launches by itself, right on a CPU too. tests/benchmarks has the
measurements behind each choice.
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from logitconf.arrays import (
    Array,
    as_type,
    filled,
    largest_along,
    log_softmax,
    lowest_float,
    namespace,
    softmax,
    split,
    sum_along,
)
from logitconf.blocks.memory import remembered
from logitconf.scores.form_table import pays

Runtime: TypeAlias = Literal["any", "onnxruntime", "cuda"]

# A sum of finite float32 values times this cannot overflow below 2**100 terms.
_SHRINK = 2.0**-100
# Below every finite difference of logits, yet finite: exp(-inf) * -inf would be NaN.
_LOWEST = -1e30
# Up to here classes are taken one by one, beyond in pieces first.
_FEW = 16
# Beyond, an axis that is not the last would need too many pieces.
MOST_IN_PIECES = 256
# Lost beside every 1 + x - 1 that is not 0. Smaller still, onnxruntime 1.31 would take it for 0.
_TINY = 1e-30
_INFINITY = float("inf")
_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Form:
    """What is static about the tensor that is reduced.

    Attributes:
        axis: the class axis, counted from the front; None for a single logit, which has none.
        rank: the number of axes.
        n_classes: the size of the class axis, None if free.
        runtime: which forms are allowed.
        parameters: the numbers of the score besides T, by name.
        members: how many members of an ensemble lie along the last axis; None if there is none.
    """

    axis: int | None = 1
    rank: int = 2
    n_classes: int | None = None
    runtime: Runtime = "any"
    parameters: Mapping[str, float] = field(default_factory=dict)
    members: int | None = None

    @property
    def last(self) -> bool:
        """Whether the class axis is the last."""
        return self.axis == self.rank - 1

    @property
    def portable(self) -> bool:
        """Whether only what is right on every runtime may be used."""
        return self.runtime == "any"

    @property
    def few_nodes(self) -> bool:
        """Whether nodes cost more than passes over the classes: a GPU takes the last axis whole."""
        return self.runtime == "cuda" and self.last

    @property
    def memory_key(self) -> tuple[object, ...]:
        """All that reductions ask for."""
        return self.axis, self.rank, self.n_classes, self.runtime, self.members

    @property
    def class_axis(self) -> int:
        """The class axis of logits that have one."""
        return -1 if self.axis is None else self.axis


def negated_probability(x: Array, temperature: Array, form: Form) -> Array:
    """−max softmax(x / T), (N, ...): in [−1, −1/K]; NaN for a row without a score.

    On the last axis onnxruntime's fused Softmax reads the classes fewer times from some tens of
    them on. It divides before it takes the maximum off, so there the error grows with the size of
    the logits, and for T < 1 a row beyond T times the largest float has no score.
    """
    xp = namespace(x)
    axis = form.class_axis
    if form.few_nodes:
        # a row of -inf stays one, whatever its maximum is, and Softmax makes NaN of it
        shifted = (x - xp.max(x, axis=axis, keepdims=True)) / temperature
        return -xp.max(softmax(shifted, axis), axis=axis)
    if divides_first(form):
        return -xp.max(softmax(x * xp.reciprocal(temperature), axis), axis=axis)
    _, total = exponential_sum(x, temperature, form)
    negated = -1.0 / total
    if form.portable:
        return negated
    # CUDA gives the lowest float as the maximum of -inf, so that the sum is 0; others are in [1, K]
    return xp.where(total > 0.5, negated, _NAN)


def divides_first(form: Form) -> bool:
    """Whether :func:`negated_probability` divides by T before it takes the maximum off."""
    return _fuses("softmax", form)


def _fuses(choice: str, form: Form) -> bool:
    if form.runtime != "onnxruntime" or not form.last or form.n_classes is None:
        return False
    return pays(choice, form.n_classes)


def log_largest_probability(x: Array, temperature: Array, form: Form) -> Array:
    """−log S with S = Σ exp((x − m) / T), (N, ...), by a softmax that divides first.

    NaN for a row without a score, and for T < 1 for one beyond T times the largest float.
    """
    xp = namespace(x)
    axis = form.class_axis
    quotients = x / temperature if form.few_nodes else x * xp.reciprocal(temperature)
    if x.dtype == xp.float64:
        # onnxruntime's LogSoftmax in double makes a finite number of a NaN
        return xp.log(xp.max(softmax(quotients, axis), axis=axis))
    return xp.max(log_softmax(quotients, axis), axis=axis)


def one_softmax(form: Form) -> bool:
    """Whether the sum of exponentials is taken from one fused Softmax that divides first."""
    return form.few_nodes or _fuses("energy", form)


@remembered
def exponential_sum(x: Array, temperature: Array, form: Form) -> tuple[Array, Array]:
    """The largest logit m and S = Σ exp((x − m) / T), both (N, ...).

    S is in [1, K]; it is NaN for a row with a NaN, a +inf or no finite value. The maximum is
    taken off before the division, so that no finite row overflows.
    """
    xp = namespace(x)
    largest, shifted = _shifted(x, temperature, form)
    total = over_classes("sum", xp.exp(shifted), form)
    return xp.squeeze(largest, axis=form.class_axis), total


@remembered
def exponential_moments(x: Array, temperature: Array, form: Form) -> tuple[Array, Array]:
    """Log S and D / S, with S = Σ e, D = Σ e·d, d = (x − m) / T, e = exp(d), both (N, ...).

    A masked class (−inf) adds 0 to both sums. With LogSoftmax onnxruntime is hardly quicker and
    the entropy up to three times less exact.
    """
    xp = namespace(x)
    _, shifted = _shifted(x, temperature, form)
    exponentials = xp.exp(shifted)
    weighted = exponentials * xp.clip(shifted, min=_LOWEST)
    total = over_classes("sum", exponentials, form)
    moment = over_classes("sum", weighted, form)
    # OpenCV 5 takes exp, sum and a division for a softmax
    moment = moment * xp.reciprocal(total) if form.portable else moment / total
    if x.dtype != xp.float64:
        return xp.log(total), moment
    return -log_reciprocal(_others(exponentials, shifted, form)), moment


def _others(values: Array, shifted: Array, form: Form) -> Array:
    """Σ of `values` − 1 over the classes, (N, ...); 1 is the value of a largest class.

    The largest is left out before the sum, or the last places of a small rest are lost.
    """
    at_top = as_type(shifted == 0.0, values.dtype)
    others = over_classes("sum", values - at_top, form)
    return others + (over_classes("sum", at_top, form) - 1.0)


def log_reciprocal(x: Array) -> Array:
    """log(1 / (1 + x)), at most 0, for x >= 0; in float64 exact for small x too."""
    xp = namespace(x)
    if x.dtype != xp.float64:
        # OpenVINO 2026.4 would fuse log(1 + exp) to a softplus that is off by 60 ulp
        return xp.log(xp.reciprocal(1.0 + x))
    # log(u) / (u - 1) forgives the rounding of u = 1 + x; it is 1 where u is
    rounded = 1.0 + x
    slope = (xp.log(rounded) + _TINY) / ((rounded - 1.0) + _TINY)
    return -(x * slope)


@remembered
def exponential_squares(x: Array, temperature: Array, form: Form) -> tuple[Array, Array]:
    """S = Σ e and Q = Σ e² with e = exp((x − m) / T), both (N, ...), so that Σ p² = Q / S²."""
    xp = namespace(x)
    _, shifted = _shifted(x, temperature, form)
    exponentials = xp.exp(shifted)
    squares = exponentials * exponentials
    return over_classes("sum", exponentials, form), over_classes("sum", squares, form)


def exponential_rest(x: Array, temperature: Array, form: Form) -> tuple[Array, Array]:
    """S − 1 and Q − 1 of :func:`exponential_squares`, exact near 0 too, both (N, ...)."""
    xp = namespace(x)
    _, shifted = _shifted(x, temperature, form)
    exponentials = xp.exp(shifted)
    others = _others(exponentials, shifted, form)
    return others, _others(exponentials * exponentials, shifted, form)


@remembered
def _shifted(x: Array, temperature: Array, form: Form) -> tuple[Array, Array]:
    xp = namespace(x)
    largest = over_classes("max", x, form, keepdims=True)
    return largest, (x - largest) * xp.reciprocal(temperature)


Reduction: TypeAlias = Literal["max", "min", "sum"]

_PAIRWISE: dict[Reduction, str] = {"max": "maximum", "min": "minimum", "sum": "add"}


def adds_apart(form: Form) -> bool:
    """Whether :func:`over_classes` reduces along an axis that is not the last, not in pieces.

    There onnxruntime 1.31 adds one class after the other if the axis before has size one.
    """
    in_pieces = form.n_classes is not None and form.n_classes <= MOST_IN_PIECES
    return not form.last and not in_pieces


def over_classes(reduction: Reduction, x: Array, form: Form, *, keepdims: bool = False) -> Array:
    """The largest, the smallest or the sum over the class axis, (N, ...).

    On an axis that is not the last, onnxruntime reduces in strides of a whole image (150 x 128 x
    128: 23 ms); piece by piece, every step runs along memory (4 ms).
    """
    xp = namespace(x)
    if form.last or adds_apart(form):
        if reduction == "sum":
            return sum_along(x, form.class_axis, keepdims=keepdims)
        if reduction == "max":
            return largest_along(x, form.class_axis, keepdims=keepdims)
        return getattr(xp, reduction)(x, axis=form.class_axis, keepdims=keepdims)
    pairwise = getattr(xp, _PAIRWISE[reduction])
    value = _folded(pairwise, x, form)
    return value if keepdims else xp.squeeze(value, axis=form.class_axis)


def _folded(combine: Callable[[Array, Array], Array], x: Array, form: Form) -> Array:
    """One value of all classes, from one class and the next: pieces first, then singles."""
    axis, classes = form.class_axis, form.n_classes or 0
    size = piece_size(classes)
    pieces = split(x, size, axis)
    whole = classes // size
    joined = functools.reduce(combine, pieces[:whole])
    if size == 1:
        return joined
    singles = [one for part in (joined, *pieces[whole:]) for one in split(part, 1, axis)]
    return functools.reduce(combine, singles)


def piece_size(n_classes: int) -> int:
    """How many classes to lay side by side: 1 of few, else the power of two from the root on.

    8 of 32 classes, 16 of 150.
    """
    return 1 if n_classes <= _FEW else 1 << math.isqrt(n_classes - 1).bit_length()


@remembered
def carrier(x: Array, above: Array, form: Form) -> Array:
    """NaN or +inf for a row with a NaN or a +inf, else below +inf, (N, ...).

    Runtimes drop a NaN in a maximum, never in a sum.

    Args:
        x: logits.
        above: at least as large, infinite where they are: the largest of each row, an axis of size
            one left, or all sizes.
        form: of the logits.
    """
    xp = namespace(x)
    if form.portable or form.rank > 2 or form.axis != 1 or form.n_classes is None:
        # At most 0, and inf - inf is NaN. A factor against overflow would be taken out of the sum
        # by tract 0.23; a column of weights takes 4 bytes a class in the file.
        return over_classes("sum", x - above, form)
    # One pass, in .55 to .8 of the time from 64 rows of 1000 classes on; only its being finite
    # counts, whatever its precision. OpenCV 5 would not survive an empty batch.
    row = filled((1, form.n_classes), _SHRINK, x)
    return xp.squeeze(xp.matmul(row, xp.matrix_transpose(x)), axis=0)


# makes NaN of the score of a row that has none; comes last, since much drops a NaN on its way
Seal: TypeAlias = Callable[[Array], Array]


def worst_label(x: Array, form: Form) -> tuple[Array, Seal]:
    """The smallest abs logit over the labels, (N, ...), and what to call on the score.

    Probability, entropy and margin of a label are monotone in abs x, so the worst label is found
    before any of them is computed. A row with a NaN, a +inf or no finite value has no score. A
    single logit comes here as its abs value.
    """
    xp = namespace(x)
    if form.axis is None:
        return x, functools.partial(_sealed, x, form)
    largest_float, sizes = -lowest_float(x), xp.abs(x)
    smallest = over_classes("min", sizes, form)
    # OpenVINO, tract and OpenCV give the largest float as the minimum of +inf
    has_score = (carrier(x, sizes, form) < _INFINITY) & (smallest < largest_float)
    return smallest, lambda score: xp.where(has_score, score, _NAN)


def least_label(x: Array, form: Form) -> tuple[Array, Seal]:
    """The smallest logit over the labels, its sign kept, (N, ...), and what to call on the score.

    A row with a NaN, a +inf or no finite value has no score.
    """
    xp = namespace(x)
    if form.axis is None:
        return x, functools.partial(_sealed, xp.abs(x), form)
    has_score = row_has_score(x, over_classes("max", x, form), form)
    return over_classes("min", x, form), lambda score: xp.where(has_score, score, _NAN)


def _sealed(size: Array, form: Form, score: Array) -> Array:
    return score + nothing_of(size, form)


def nothing_of(size: Array, form: Form) -> Array:
    """0 for each finite size, at least 0, and NaN for others, at a fifth of the price of Where."""
    if form.portable:
        # runtimes fold x - x; inf is no number that they compute with as they load
        return namespace(size).reciprocal(_INFINITY - size)
    return size - size


def bounded_score(score: Array, form: Form) -> Array:
    """The score of single logits, NaN where it is not finite; it can be −inf or NaN, never +inf."""
    if form.portable:
        return score + namespace(score).reciprocal(score + _INFINITY)
    return score + (score - score)


def over_negated(x: Array, temperature: Array, form: Form) -> Array:
    """−x / T; of single logits as a product where onnxruntime folds 1 / T, which costs less."""
    if form.portable or form.axis is not None:
        return x / -temperature
    return x * namespace(x).reciprocal(-temperature)


def largest_logit(x: Array, form: Form) -> Array:
    """The largest logit, (N, ...); NaN for a row of several with a NaN, a +inf or none finite."""
    xp = namespace(x)
    if form.axis is None:
        return x
    largest = over_classes("max", x, form)
    return xp.where(row_has_score(x, largest, form), largest, _NAN)


def row_has_score(x: Array, largest: Array, form: Form) -> Array:
    """Whether a row with this largest value has no NaN, no +inf and a finite value, (N, ...)."""
    # OpenVINO, tract and OpenCV give the lowest float as the maximum of -inf
    above = namespace(x).expand_dims(largest, axis=form.class_axis)
    return (carrier(x, above, form) < _INFINITY) & (largest > lowest_float(x))


def softplus_sum(x: Array, temperature: Array, form: Form) -> Array:
    """Σ over labels of T·log(1 + exp(x / T)), (N, ...).

    NaN for a row with a NaN, a +inf or no finite value; −inf, a certain no, adds 0.
    """
    xp = namespace(x)
    odds = xp.exp(-(xp.abs(x) * xp.reciprocal(temperature)))
    tails = temperature * log_reciprocal(odds)
    if form.axis is None:
        return _sealed(x, form, x - tails)
    # OpenCV 5 makes NaN of relu(-inf), not of a maximum
    total = over_classes("sum", xp.clip(x, min=0.0), form)
    total = total - over_classes("sum", tails, form)
    largest = over_classes("max", x, form)
    return xp.where(xp.abs(largest) < -lowest_float(x), total, _NAN)
