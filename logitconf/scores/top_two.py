"""The two largest classes of each row, exact: what the margin is made of."""

import functools
import math

from logitconf.arrays import (
    Array,
    as_type,
    constant,
    largest_values,
    lowest_float,
    namespace,
    only_finite,
    sum_of_sizes,
)
from logitconf.scores.form_table import pays
from logitconf.scores.reductions import MOST_IN_PIECES, Form, Known, carrier, fold

_LINES = 128
# Up to here two classes after two are compared. Beyond, the largest is masked for a second maximum:
# 23 nodes for 43 at 10 classes, with which one row takes .7 of the time and the file 1.7 kB less,
# but 8192 rows 1.9 times (TopK: 5 times).
_NARROW = 5
_INFINITY = float("inf")
_NAN = float("nan")


def half_deficit(x: Array, form: Form) -> Array:
    """Half of the second largest logit minus the largest, exact, (N, ...); 0 for a tie.

    Half, because the whole of it may lie beyond float32 where the margin, divided by T, does not.
    −inf where only one class is finite; NaN for a row with a NaN, a +inf or no finite value.
    """
    xp = namespace(x)
    if form.n_classes == 2:
        before = (slice(None),) * form.class_axis
        first, other = (x[(*before, i, ...)] for i in (0, 1))
        deficit = -xp.abs(first * 0.5 - other * 0.5)
        return xp.where(xp.maximum(first, other) < _INFINITY, deficit, _NAN)
    largest, second = _top_two(x, form)
    if form.portable or not _one_by_one(form):
        # OpenVINO, tract, OpenCV and CUDA give the lowest float as the maximum of -inf
        second = xp.where(second > lowest_float(x), second, -_INFINITY)
    deficit = second * 0.5 - largest * 0.5
    return xp.where(carrier(x, form) < _INFINITY, deficit, _NAN)


def margin_of_few_nodes(x: Array, temperature: Array, form: Form) -> Array:
    """The second largest logit minus the largest, divided by T, (N, ...), in seven nodes.

    NaN for a row with a NaN, a +inf, fewer than two finite classes, or one of the two largest
    beyond half the largest float.
    """
    xp = namespace(x)
    # Doubled, what CUDA's TopK gives for -inf, the lowest float, becomes -inf again.
    weights = as_type(constant([-2.0, 2.0], x, "gap"), x.dtype)
    doubled = xp.sum(largest_values(x, 2, form.class_axis) * weights, axis=form.class_axis)
    margin = doubled / (temperature * 2.0)
    # TopK drops a NaN; a sum of sizes, at least 0 and so above every margin, does not
    return only_finite(xp.minimum(margin, sum_of_sizes(x, form.class_axis)))


def _top_two(x: Array, form: Form) -> tuple[Array, Array]:
    """The two largest values, equal for a tie, (N, ...) each."""
    xp = namespace(x)
    axis, classes = form.class_axis, form.n_classes
    if _one_by_one(form):
        largest, second = fold(_better_two, x, form)
        return xp.squeeze(largest, axis=axis), xp.squeeze(second, axis=axis)
    rows = _rows(form)
    if classes is None or rows is None:
        return _mask_largest(x, axis, expected=1)
    # Two values differ in their row or in their column, so the second largest is second among the
    # maxima of all rows and columns. The largest is there twice, more often for a tie.
    table = xp.reshape(x, (*x.shape[:axis], rows, classes // rows))
    maxima = xp.concat([xp.max(table, axis=axis + 1), xp.max(table, axis=axis)], axis=axis)
    return _mask_largest(maxima, axis, expected=2)


def _one_by_one(form: Form) -> bool:
    """Whether the two largest classes are sought class by class, without a reduction."""
    most = _NARROW if form.last else MOST_IN_PIECES
    return form.n_classes is not None and form.n_classes <= most


def _better_two(a: Known, b: Known) -> Known:
    """The two largest of what is known; a single class has no second."""
    xp = namespace(a[0])
    losers = [xp.minimum(a[0], b[0]), *a[1:], *b[1:]]
    return xp.maximum(a[0], b[0]), functools.reduce(xp.maximum, losers)


def _rows(form: Form) -> int | None:
    """How many rows to lay the classes out in; None where it cannot be done.

    As many as columns would be best, but rows that lie a multiple of 128 classes apart share the
    same lines of a CPU's cache: then fewer, or a quarter of as many.
    """
    classes = form.n_classes
    if classes is None or not form.last or not pays("table", classes):
        return None
    root = math.isqrt(classes)
    divisors = [rows for rows in range(4, root + 1) if classes % rows == 0]
    if not divisors:
        return None
    apart = [rows for rows in divisors if (classes // rows) % _LINES and 8 * rows >= root]
    return max(apart) if apart else min(divisors, key=lambda rows: abs(math.log(4 * rows / root)))


def _mask_largest(x: Array, axis: int, *, expected: int) -> tuple[Array, Array]:
    """The largest value and the next, equal if the largest is there more often than expected."""
    xp = namespace(x)
    largest = xp.max(x, axis=axis, keepdims=True)
    at_top = x == largest
    runner_up = xp.max(xp.where(at_top, -_INFINITY, x), axis=axis)
    count = xp.sum(as_type(at_top, x.dtype), axis=axis)
    largest = xp.squeeze(largest, axis=axis)
    return largest, xp.where(count > expected + 0.5, largest, runner_up)
