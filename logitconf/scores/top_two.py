"""The two largest classes of each row, exact: what the margin is made of."""

import math
from collections.abc import Sequence

from logitconf.arrays import (
    Array,
    as_type,
    constant,
    largest_of,
    largest_values,
    lowest_float,
    namespace,
    only_finite,
    split,
    sum_of_sizes,
)
from logitconf.scores.form_table import pays
from logitconf.scores.reductions import MOST_IN_PIECES, Form, carrier, piece_size

_LINES = 128
# Up to here two classes after two are compared. At 10 classes that is 28 nodes for 22, with which
# one row takes 1.2 times as long, but 8192 rows .6 of the time (TopK: 3 times).
_NARROW = 10
# The same where the largest is found for the score's other parts anyway.
_NARROW_BESIDE = 5
# From here on the halves of the classes meet first: 6 nodes and 400 bytes fewer at 10.
_HALVED = 8
_INFINITY = float("inf")
_NAN = float("nan")


def half_deficit(x: Array, form: Form, *, beside_largest: bool = False) -> Array:
    """Half of the second largest logit minus the largest, exact, (N, ...); 0 for a tie.

    Half, because the whole of it may lie beyond float32 where the margin, divided by T, does not.
    −inf where only one class is finite; NaN for a row with a NaN, a +inf or no finite value.

    Args:
        x: logits.
        form: of them.
        beside_largest: whether the score takes the largest logit for other parts too.
    """
    xp = namespace(x)
    axis = form.class_axis
    if form.n_classes == 2:
        halves = x * 0.5
        before = (slice(None),) * axis
        first, other = (halves[(*before, i, ...)] for i in (0, 1))
        deficit = -xp.abs(first - other)
        return xp.where(xp.maximum(first, other) < _INFINITY, deficit, _NAN)
    if _one_by_one(form, _NARROW_BESIDE if beside_largest else _NARROW):
        # onnxruntime takes 80 µs to halve 8192 rows of one, and 3 where that axis is dropped first
        above, lost = _compared(x, form)
        largest, second = (xp.squeeze(part, axis=axis) for part in (above, lost))
    else:
        largest, second = _top_two(x, form)
        above = xp.expand_dims(largest, axis=axis)
        # OpenVINO, tract, OpenCV and CUDA give the lowest float as the maximum of -inf
        second = xp.where(second > lowest_float(x), second, -_INFINITY)
    deficit = second * 0.5 - largest * 0.5
    return xp.where(carrier(x, above, form) < _INFINITY, deficit, _NAN)


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
    rows = _rows(form)
    if classes is None or rows is None:
        return _mask_largest(x, axis, expected=1)
    # Two values differ in their row or in their column, so the second largest is second among the
    # maxima of all rows and columns. The largest is there twice, more often for a tie.
    table = xp.reshape(x, (*x.shape[:axis], rows, classes // rows))
    maxima = xp.concat([xp.max(table, axis=axis + 1), xp.max(table, axis=axis)], axis=axis)
    return _mask_largest(maxima, axis, expected=2)


def _one_by_one(form: Form, narrow: int) -> bool:
    """Whether the two largest classes are sought class by class, without a reduction."""
    most = narrow if form.last else MOST_IN_PIECES
    return form.n_classes is not None and form.n_classes <= most


def _compared(x: Array, form: Form) -> tuple[Array, Array]:
    """The two largest values, an axis of size one left: pieces first, then class by class.

    What lost to another once can still be second, so it waits for one maximum of all that lost.
    """
    axis, classes = form.class_axis, form.n_classes or 0
    size = classes // 2 if _HALVED <= classes <= _NARROW else piece_size(classes)
    pieces = split(x, size, axis)
    whole = classes // size
    best, beaten = _contest(pieces[:whole])
    if size > 1:
        singles = [one for part in (best, *pieces[whole:]) for one in split(part, 1, axis)]
        lost = split(largest_of(beaten), 1, axis)
        best, beaten = _contest(singles)
        beaten = [*beaten, *lost]
    return best, largest_of(beaten)


def _contest(values: Sequence[Array]) -> tuple[Array, list[Array]]:
    """The larger of each and all before it, place by place, and what was smaller."""
    xp = namespace(values[0])
    best, beaten = values[0], []
    for value in values[1:]:
        beaten.append(xp.minimum(best, value))
        best = xp.maximum(best, value)
    return best, beaten


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
