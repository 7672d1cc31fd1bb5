"""Sums of the negative log-likelihood and of its derivatives in the inverse temperature.

With b = 1/T and x the logits, a categorical row costs f = log sum exp(b x) - b x_y nats. Its
derivatives in b are cumulants of x under p = softmax(b x): f' = E[x] - x_y, f'' = Var[x], and f'''
is the third central moment. A Bernoulli label y in [0, 1] costs f = softplus(b x) - y b x. All are
sums over rows, so chunks, threads and machines add up. They are taken in float64, so that T is
the same whichever library and device the logits lie in; a search for the root's neighbourhood may
take them in float32, which errs by less than 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from logitconf.arrays import FEW_COLUMNS, Array, namespace, to_numpy
from logitconf.tasks import Family

Vector: TypeAlias = npt.NDArray[np.float64]

# Machines exchange sums alone, so "one class only" is read off the added-up bits of the labels.
LABEL_BITS = 32
_LOWEST = float(np.finfo(np.float64).min)
# In units of 1/b, far below what adds to any sum, and with a cube that float32 holds.
_NEGLIGIBLE = -1e12


@dataclass(frozen=True, slots=True)
class _Point:
    """Where the sums are taken.

    Attributes:
        b: the inverse temperature.
        initial: inverse of the initial temperature in the first pass, else None.
        masked: whether a logit may be -inf.
        quick: whether exponentials and moments are taken in float32, 2^-24 off each.
    """

    b: float
    initial: float | None
    masked: bool
    quick: bool


@dataclass(frozen=True, slots=True)
class LikelihoodSums:
    """Sums over the rows of one pass at one inverse temperature b; weighted, but for the counts.

    Attributes:
        rows: rows used.
        left_out: rows without a usable score (see `chunk_sums`).
        weight: sum of the weights of the terms (rows; Bernoulli: rows times labels).
        gap: sum of (largest logit - label's logit), the limit of f' as b grows; 0 if no row errs.
            Right in the first pass alone.
        nll_initial: nats, at the initial temperature; 0 but in the first pass.
        nll: nats, at b.
        slope: f' at b.
        curvature: f'' at b.
        third: f''' at b.
        label_bits: for each bit of the label, the number of terms times the share, 0, 1/2 or 1, of
            the lowest and the highest label that have it set (Bernoulli: times the middle of the
            labels' range, in the first place); 0 but in the first pass.
    """

    rows: float
    left_out: float
    weight: float
    terms: float
    gap: float
    nll_initial: float
    nll: float
    slope: float
    curvature: float
    third: float
    label_bits: tuple[float, ...]

    @classmethod
    def from_vector(cls, vector: Vector) -> LikelihoodSums:
        """The sums in a vector of `chunk_sums`, after adding up over chunks and machines."""
        values = [float(value) for value in vector]
        scalars = dict(zip(SCALAR_NAMES, values, strict=False))
        return cls(**scalars, label_bits=tuple(values[SCALARS:]))

    @property
    def one_class(self) -> bool:
        """Whether all labels are one class (Bernoulli: all 0 or all 1)."""
        return not any(0.0 < count < self.terms for count in self.label_bits)


SCALAR_NAMES = tuple(field.name for field in fields(LikelihoodSums))[:-1]
SCALARS = len(SCALAR_NAMES)
VECTOR_SIZE = SCALARS + LABEL_BITS


def chunk_sums(
    logits: Array,
    labels: Array,
    weights: Array | None,
    *,
    family: Family,
    inverse_temperature: float,
    initial: float | None,
    quick: bool = False,
) -> Vector:
    """One chunk's sums in the order of `LikelihoodSums`, float64, shape (42,).

    Rows with a NaN, a +inf, no finite value, or a label whose own probability is 0 (its logit is
    -inf) are left out and counted; any other -inf is a masked class or a certain negative.

    Args:
        logits: (N, K) or (N, L), floating, of any library.
        labels: (N,) integers below K, or (N, L) in [0, 1]; of the same library and device.
        weights: (N,) non-negative, or None for ones; of the same.
        family: whether the columns compete.
        inverse_temperature: b >= 0.
        initial: inverse of the initial temperature when this is the first pass, else None.
        quick: whether float32 will do, at a third of the cost.
    """
    xp = namespace(logits)
    labels = _as_labels(xp, labels, family)
    weights = None if weights is None else xp.astype(weights, xp.float64, copy=False)
    terms = _TERMS[family]
    total = logits.shape[0]
    # Most chunks are finite, and then need no further look: all else shows in the sums.
    # At b = 0 all that counts is which logits are there.
    quick = quick and inverse_temperature > 0.0
    at = _Point(inverse_temperature, initial, masked=False, quick=quick)
    with np.errstate(all="ignore"):
        summed = weighed(xp, terms(xp, logits, labels, at), weights)
        if not np.isfinite(summed).all():
            usable = usable_rows(logits, labels, family)
            logits, labels = logits[usable], labels[usable]
            weights = None if weights is None else weights[usable]
            at = replace(at, masked=True)
            summed = weighed(xp, terms(xp, logits, labels, at), weights)
    used, columns = int(logits.shape[0]), 1 if family == "categorical" else int(logits.shape[1])
    mass = float(used) if weights is None else float(xp.sum(weights))
    counts = [float(used), float(total - used), mass * columns, float(used * columns)]
    bits = [0.0] * LABEL_BITS
    if initial is not None and used > 0:
        bits = _label_bits(xp, labels, family)
    return np.concatenate([counts, summed, bits])


def weighed(xp: Any, terms: list[Array], weights: Array | None) -> Vector:
    """The sums over rows, (6,), of six terms (N,)."""
    stacked = xp.stack(terms)
    sums: Vector = to_numpy(xp.sum(stacked, axis=1) if weights is None else stacked @ weights)
    return sums


def _label_bits(xp: Any, labels: Array, family: Family) -> list[float]:
    """The `label_bits` of `LikelihoodSums` for labels (N,) or (N, L), at least one."""
    if family == "categorical":
        return range_bits(xp, labels)
    bits = [0.0] * LABEL_BITS
    middle = (float(xp.min(labels)) + float(xp.max(labels))) / 2.0
    bits[0] = labels.shape[0] * labels.shape[1] * middle
    return bits


def range_bits(xp: Any, labels: Array) -> list[float]:
    """The `label_bits` of labels (N,), at least one."""
    ends, rows = (int(xp.min(labels)), int(xp.max(labels))), int(labels.shape[0])
    return [rows * sum(end >> bit & 1 for end in ends) / 2.0 for bit in range(LABEL_BITS)]


def row_terms(
    logits: Array, labels: Array, *, family: Family, inverse_temperatures: Sequence[float]
) -> npt.NDArray[np.float64]:
    """What each usable row adds to the sums: (B, 4, N) float64, for each of B points b.

    Along the second axis: NLL, slope, curvature, third derivative. A row's terms depend on nothing
    but the row.

    Args:
        logits: (N, K) or (N, L), NumPy; rows that :func:`usable_rows` allows.
        labels: (N,) integers below K, or (N, L) in [0, 1].
        family: whether the columns compete.
        inverse_temperatures: each b >= 0.
    """
    xp = namespace(logits)
    labels = _as_labels(xp, labels, family)
    with np.errstate(all="ignore"):
        points = [
            _TERMS[family](xp, logits, labels, _Point(b, None, masked=True, quick=False))[2:]
            for b in inverse_temperatures
        ]
    return np.array(points, dtype=np.float64)


def usable_rows(logits: Array, labels: Array, family: Family) -> Array:
    """Which rows, (N,), have a finite likelihood."""
    xp = namespace(logits)
    # A maximum carries NaN, so the largest logit alone shows NaN, +inf and a row of -inf.
    usable = xp.isfinite(xp.max(logits, axis=1))
    if family == "categorical":
        own = xp.take_along_axis(logits, labels[:, None], axis=1)
        return usable & xp.isfinite(own[:, 0])
    return usable & ~xp.any((logits == -xp.inf) & (labels > 0), axis=1)


def _as_labels(xp: Any, labels: Array, family: Family) -> Array:
    return xp.astype(labels, xp.int64, copy=False) if family == "categorical" else labels


def _turned(xp: Any, values: Array) -> tuple[Array, int]:
    """Values (N, K) as (K, N) if K is small, and the axis of K then."""
    rows, columns = values.shape
    if columns > FEW_COLUMNS:
        return values, 1
    # a flat copy, since one of the transpose alone may keep its strides
    return xp.reshape(xp.reshape(values.T, (-1,)), (columns, rows)), 0


def _own_double(xp: Any, values: Array) -> Array:
    """A float64 copy."""
    return xp.astype(values, xp.float64, copy=True)


def _categorical_terms(xp: Any, logits: Array, labels: Array, at: _Point) -> list[Array]:
    """Gap, initial NLL, NLL and its three derivatives, (N,) each, for labels (N,)."""
    values, axis = _turned(xp, logits)
    own = xp.take_along_axis(values, xp.expand_dims(labels, axis=axis), axis=axis)
    largest = xp.astype(xp.max(values, axis=axis, keepdims=True), xp.float64, copy=False)
    gap = xp.squeeze(largest - xp.astype(own, xp.float64, copy=False), axis=axis)
    moments = _quick_moments if at.quick else _exact_moments
    nll_initial, total, first, second, cubic = moments(xp, values, largest, axis, at)
    if at.initial is not None:
        nll_initial = nll_initial + at.initial * gap
    return [
        gap,
        nll_initial,
        xp.log(total) + at.b * gap,
        first + gap,
        second - first * first,
        cubic - first * (3.0 * second - 2.0 * first * first),
    ]


def _exact_moments(xp: Any, x: Array, largest: Array, axis: int, at: _Point) -> tuple[Array, ...]:
    """Log of the sum of exponentials at the initial b or 0, that sum at b, E[d], E[d^2], E[d^3].

    Where d = x - largest; (N,) each, float64.
    """
    d = _own_double(xp, x)
    d -= largest
    if at.masked:
        # Makes 0 * (-inf), a masked class's share of a moment, 0 instead of NaN.
        d = xp.where(d == -xp.inf, _LOWEST, d)
    initial = xp.zeros_like(xp.squeeze(largest, axis=axis))
    if at.initial is not None:
        initial = xp.log(xp.sum(xp.exp(d * at.initial), axis=axis))
    power = xp.exp(d * at.b) if at.b > 0.0 else xp.astype(d > _LOWEST, d.dtype)
    total = xp.sum(power, axis=axis)
    moments = []
    for _ in range(3):
        power *= d
        moments.append(xp.sum(power, axis=axis) / total)
    return initial, total, *moments


def _quick_moments(xp: Any, x: Array, largest: Array, axis: int, at: _Point) -> tuple[Array, ...]:
    """What `_exact_moments` gives, from float32 exponentials and powers of b d."""
    if x.dtype == xp.float64:
        # their differences are what float32 must hold
        d = xp.astype(x - largest, xp.float32)
    else:
        d = xp.astype(x, xp.float32, copy=True)
        d -= xp.astype(largest, xp.float32)
    if at.masked:
        d = xp.where(d == -xp.inf, _NEGLIGIBLE / at.b, d)
    initial = xp.zeros_like(xp.squeeze(largest, axis=axis))
    if at.initial is not None:
        power = xp.exp(d * at.initial)
        initial = xp.log(xp.astype(xp.sum(power, axis=axis), xp.float64))
    d *= at.b
    power = xp.exp(d)
    sums = [xp.sum(power, axis=axis)]
    for _ in range(3):
        if axis == 1:
            # one step for a product and its sum, which is not written
            sums.append(xp.vecdot(power, d))
            power *= d
        else:
            power *= d
            sums.append(xp.sum(power, axis=axis))
    total, *moments = (xp.astype(each, xp.float64) for each in sums)
    return initial, total, *(m / (total * at.b**k) for k, m in enumerate(moments, start=1))


def _bernoulli_terms(xp: Any, logits: Array, labels: Array, at: _Point) -> list[Array]:
    """Gap, initial NLL, NLL and its three derivatives, summed over labels, (N,) each.

    With a = abs x and g = max(x, 0) - y x: f = b g + log(1 + exp(-b a)). w = sigmoid(-b a) is the
    probability of the less likely answer.
    """
    (x, axis), (y, _) = _turned(xp, logits), _turned(xp, labels)
    kind = xp.float32 if at.quick else xp.float64
    x, y = (xp.astype(each, kind, copy=False) for each in (x, y))
    if at.masked:
        # A certain negative adds nothing: far below zero its terms vanish, at b = 0 those of zero
        # do.
        far = _NEGLIGIBLE / at.b if at.quick else _LOWEST
        x = xp.where(x == -xp.inf, far if at.b > 0.0 else 0.0, x)
    size = xp.abs(x)

    def summed(values: Array) -> Array:
        return xp.sum(values, axis=axis, dtype=xp.float64)

    gap = summed((x + size) * 0.5 - y * x)
    nll_initial = xp.zeros_like(gap)
    if at.initial is not None:
        tail = xp.exp(size * -at.initial)
        nll_initial = summed(xp.log1p(tail)) + at.initial * gap
    # a b, whose cube float32 holds wherever it adds to a sum
    size = size * at.b if at.quick else size
    scale = at.b if at.quick else 1.0
    tail = xp.exp(-size if at.quick else size * -at.b)
    nll = summed(xp.log1p(tail)) + at.b * gap
    moment = tail / (tail + 1.0)
    moment *= size
    first = summed(moment) / scale
    # with w a in `moment`: (1 - w) a, then (1 - 2 w) a
    rest = size - moment
    product = moment * rest
    curvature = summed(product) / scale**2
    product *= rest - moment
    return [gap, nll_initial, nll, gap - first, curvature, -summed(product) / scale**3]


_TERMS: Mapping[Family, Callable[[Any, Array, Array, _Point], list[Array]]] = {
    "categorical": _categorical_terms,
    "bernoulli": _bernoulli_terms,
}
