"""Comparisons and what is made of them: decided for all rows of the range, or kept as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from logitconf_export.proof.composing.composition import Composition
from logitconf_export.proof.composing.nodes import constant_of, repeated
from logitconf_export.proof.composing.places import (
    along,
    beside_top,
    direction,
    extreme,
    of_single_classes,
    shape_of,
    together,
)
from logitconf_export.proof.composing.tensors import (
    CannotProveError,
    Dim,
    Known,
    Tensor,
    Truth,
    Value,
    key_of,
)
from logitconf_export.proof.exact.abstract_rows import BELOW, GAP, atom_of
from logitconf_export.proof.exact.expressions import (
    AT_TOP,
    BESIDE,
    expression_multiple,
    is_zero,
    number,
    row,
    substituted,
)
from logitconf_export.proof.exact.intervals import Interval, above

Side = Tensor | Known
# what logits that differ by less than a normal float change where they are taken for equal
_NEARLY = 2.0**-100
# with the smallest float32 number far above the smallest double
_LEAST_FACTOR = Fraction(1, 2**100)


def _range(steps: Composition, side: Side) -> Interval:
    if isinstance(side, Tensor):
        return steps.computed(side)
    values = np.asarray(side.values, dtype=np.float64)
    return Interval(np.full((1, 1), values.min()), np.full((1, 1), values.max()))


def _sides(node: Any) -> tuple[Side, Side]:
    a, b = node.inputs[:2]
    for side in (a, b):
        if not isinstance(side, Tensor | Known):
            raise CannotProveError("a comparison of what is no number")
    return a, b


def _less(steps: Composition, node: Any) -> list[Value]:
    return [_compare(steps, *_sides(node))]


def _greater(steps: Composition, node: Any) -> list[Value]:
    a, b = _sides(node)
    return [_compare(steps, b, a)]


def _compare(steps: Composition, a: Side, b: Side) -> Truth:
    key, columns = key_of("Less", (a.key, b.key)), _of_columns(a, b)
    if columns is not None:
        # whether they are thresholds of columns is seen at the end
        return Truth(None, columns, key, below=frozenset([(a, b)]))
    dims = shape_of(a, b)
    if isinstance(b, Tensor) and b.source is not None and b.source[0] == "count":
        if isinstance(a, Known) and a.values.size == 1:
            return Truth(None, dims, key, source=("more", b.source[1], float(a.values.ravel()[0])))
        raise CannotProveError("a comparison of a count of largest values")
    sources = [s.source[0] for s in (a, b) if isinstance(s, Tensor) and s.source is not None]
    if sources == ["limit"] and isinstance(b, Tensor) and b.source is not None:
        return Truth(None, dims, key, below=frozenset([(a, b)]))
    if sources:
        raise CannotProveError("a comparison of what marks the largest places")
    if any(isinstance(side, Known) and side.values.tobytes() in steps.kept for side in (a, b)):
        return Truth(None, dims, key, below=frozenset([(a, b)]))
    return _decided(steps, a, b, key)


def _of_columns(a: Side, b: Side) -> tuple[Dim, ...] | None:
    """The shape of numbers that are rows here, beside constants of several of them; else None."""
    for one, other in ((a, b), (b, a)):
        if not isinstance(one, Known) or not isinstance(other, Tensor) or other.source is not None:
            continue
        pairs = list(zip(reversed(one.dims), reversed(other.dims), strict=False))
        several = any(isinstance(d, str) and size not in (1, d) for size, d in pairs)
        if several and len(one.dims) <= len(other.dims):
            return other.dims
    return None


def _decided(steps: Composition, a: Side, b: Side, key: str) -> Truth:
    """A < b where it is the same for all rows, or marks the largest places."""
    left, right, dims = _range(steps, a), _range(steps, b), shape_of(a, b)
    members = together(a, b)
    if (left.high < right.low).all() or (left.low >= right.high).all():
        return Truth(bool((left.high < right.low).all()), dims, key, members=members)
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        if _is_top(steps, a, b):
            return Truth(None, dims, key, source=("others", a), members=members)
        if _is_top(steps, b, a):
            return Truth(False, dims, key, members=members)
    return Truth(None, dims, key, below=frozenset([(a, b)]))


def _is_top(steps: Composition, of: Tensor, top: Tensor) -> bool:
    """Whether `top` is the largest value of what was not rounded."""
    if of.members is None or top.members is not None or of.added is not None:
        return False
    if of.source is not None or top.source is not None:
        return False
    if not ((of.error == 0.0).all() and (top.error == 0.0).all()):
        return False
    every = frozenset().union(*(c.singles or () for c in of.members.ravel()))
    if len(every) != steps.rows.n_classes:
        return False
    try:
        return top.expression == extreme(steps.rows, of.expression, largest=True)
    except CannotProveError:
        return False


def limits_of(steps: Composition, condition: Truth, numbers: Known, rest: Known) -> Tensor | None:
    """A number for each class at the largest places, +inf elsewhere; None if it is not that.

    Its source is ``("limits", v, limits)`` with the numbers in the order of the classes.
    """
    given = along(numbers.values, condition.dims)
    if given is None or condition.members is None or condition.source is None:
        return None
    if not np.isposinf(rest.values).all() or not np.isfinite(given).all():
        return None
    indices = [choice.index for choice in condition.members.ravel()]
    if sorted(-1 if i is None else i for i in indices) != list(range(steps.rows.n_classes)):
        return None
    limits = np.empty_like(given)
    limits[indices] = given
    key = key_of("limits", (condition.key, numbers.key, rest.key))
    source = ("limits", condition.source[1], limits)
    return _limit(steps, condition.dims, limits, key).having(
        members=condition.members, source=source
    )


def least_limit(steps: Composition, t: Tensor, dims: tuple[Any, ...], key: str) -> Tensor:
    """The limit of the class that is largest, the smallest of them for a tie."""
    assert t.source is not None
    if any(isinstance(d, int) and d > 1 for d in dims):
        raise CannotProveError("a minimum over some of the classes")
    _, of, limits = t.source
    return _limit(steps, dims, limits, key).having(source=("limit", of, limits))


def _limit(steps: Composition, dims: tuple[Any, ...], limits: Any, key: str) -> Tensor:
    expression = row(f"limit {key}")
    ends = (np.full((1, 1), float(end)) for end in (limits.min(), limits.max()))
    steps.rows.know(expression, Interval(*ends))
    return Tensor(expression, np.zeros((1, 1)), dims, limits.dtype.name, key)


def second_of(steps: Composition, a: Value, b: Value, of: Tensor, more_than: float) -> Tensor:
    """The largest where it is there more often than expected, else the next: the second of all."""
    runner = isinstance(b, Tensor) and b.source is not None and b.source[0] == "runner"
    if not runner or not isinstance(a, Tensor) or of.members is None:
        raise CannotProveError("a choice by a count of largest values")
    assert isinstance(b, Tensor)
    assert b.source is not None
    expected = int(np.floor(more_than))
    largest = extreme(steps.rows, of.expression, largest=True)
    same = a.members is None and a.expression == largest and (a.error == 0.0).all()
    same = same and a.source is None and a.dims == b.dims
    if b.source[1].key != of.key or not same or not 0.0 < more_than - expected < 1.0:
        raise CannotProveError("a choice by a count of largest values")
    places: dict[int, list[int]] = {}
    for place, choice in enumerate(of.members.ravel()):
        if choice.singles is None or choice.pairs:
            raise CannotProveError("a choice by a count of largest values")
        for index in choice.singles:
            places.setdefault(index, []).append(place)
    # Each class is in so many places and no two are in the same ones: then the largest of all is
    # there so often, or oftener for a tie, and the next is the second of all.
    every = len(places) == steps.rows.n_classes
    if not every or any(len(p) != expected for p in places.values()):
        raise CannotProveError("a table in which a class is not as often as it is counted")
    if len({tuple(p) for p in places.values()}) != len(places):
        raise CannotProveError("a table that does not tell two classes apart")
    if direction(steps.rows, of.expression) != (next(iter(steps.rows.extremes)), 1):
        raise CannotProveError("the second largest of what falls with the logits")
    base = next(iter(steps.rows.extremes))
    expression = substituted(of.expression, {base: GAP}.get)
    return a.having(expression=expression, key=key_of("second", [of.key]), largest_of="")


def _equal(steps: Composition, node: Any) -> list[Value]:
    a, b = _sides(node)
    key, dims, members = key_of("Equal", (a.key, b.key)), shape_of(a, b), together(a, b)
    if any(isinstance(side, Tensor) and side.source is not None for side in (a, b)):
        raise CannotProveError("an equality of what marks the largest places")
    for one, other in ((a, b), (b, a)):
        if isinstance(one, Tensor) and isinstance(other, Tensor) and _is_top(steps, one, other):
            return [Truth(None, dims, key, source=("top", one), members=members)]
        if isinstance(one, Tensor) and isinstance(other, Known) and dims == one.dims:
            zero = other.values.size == 1 and float(other.values.ravel()[0]) == 0.0
            if zero and _is_distance(steps, one):
                exact = one.having(error=np.zeros((1, 1)))
                return [Truth(None, dims, key, source=("top", exact), members=members)]
    left, right = _range(steps, a), _range(steps, b)
    if ((left.high < right.low) | (right.high < left.low)).all():
        return [Truth(False, dims, key, members=members)]
    raise CannotProveError("an equality that depends on the row")


def _is_distance(steps: Composition, t: Tensor) -> bool:
    """Whether it is the distance from the largest logit, and 0 only where that is.

    In double no difference of two float32 logits that is not 0 underflows, nor does what is left of
    it after a product with a number near 1. Logits that were rounded before may have become equal,
    and those behind a calibration map are no float32 numbers.
    """
    if t.element != "float64" or t.members is None or steps.off:
        return False
    name, inputs = steps.origins.get(t.key, ("", ()))
    if name in ("Mul", "Div"):
        factors = [abs(n) for n in (x.expression.number for x in inputs) if n is not None]
        if len(factors) != 1 or not _LEAST_FACTOR < factors[0] < 1 / _LEAST_FACTOR:
            return False
        (t,) = [x for x in inputs if x.expression.number is None]
        name, inputs = steps.origins.get(t.key, ("", ()))
    exact = name == "Sub" and all((x.error == 0.0).all() for x in inputs)
    return exact and expression_multiple(t.expression, BELOW) is not None


def _truths(node: Any) -> list[Truth]:
    for value in node.inputs:
        if not isinstance(value, Truth):
            raise CannotProveError(f"{node.operation} of what is no comparison")
    return list(node.inputs)


def _and(steps: Composition, node: Any) -> list[Value]:
    del steps
    a, b = _truths(node)
    key, dims, members = key_of("And", (a.key, b.key)), shape_of(a, b), together(a, b)
    for one, other in ((a, b), (b, a)):
        if one.value is not None:
            same = Truth(False, dims, key, members=members)
            return [_in_shape(other, dims) if one.value else same]
    if a.source is not None or b.source is not None:
        raise CannotProveError("And of what marks the largest places")
    return [Truth(None, dims, key, a.below | b.below)]


def _in_shape(truth: Truth, dims: tuple[Dim, ...]) -> Truth:
    """A comparison that another, which changes nothing, leaves in its shape."""
    if truth.value is not None:
        return replace(truth, dims=dims)
    if truth.dims != dims:
        raise CannotProveError("a comparison that is repeated by another")
    return truth


def _or(steps: Composition, node: Any) -> list[Value]:
    del steps
    a, b = _truths(node)
    key, dims, members = key_of("Or", (a.key, b.key)), shape_of(a, b), together(a, b)
    for one, other in ((a, b), (b, a)):
        if one.value is not None:
            same = Truth(True, dims, key, members=members)
            return [same if one.value else _in_shape(other, dims)]
    raise CannotProveError("Or of comparisons that depend on the row")


def _not(steps: Composition, node: Any) -> list[Value]:
    del steps
    (a,) = _truths(node)
    key = key_of("Not", (a.key,))
    if a.value is not None:
        return [Truth(not a.value, a.dims, key, members=a.members)]
    if a.source is not None and a.source[0] in ("top", "others"):
        kind = "top" if a.source[0] == "others" else "others"
        return [Truth(None, a.dims, key, source=(kind, a.source[1]), members=a.members)]
    raise CannotProveError("Not of a comparison, which is True for a NaN")


def _never(steps: Composition, node: Any) -> list[Value]:
    """IsNaN and IsInf: no number of a row in the range is, or the composition has stopped."""
    del steps
    (value,) = node.inputs
    if not isinstance(value, Tensor) or value.source is not None:
        raise CannotProveError(f"{node.operation} of what is no number of the row")
    key = key_of(node.operation, [value.key])
    return [Truth(False, value.dims, key, members=value.members)]


def _choose(steps: Composition, node: Any) -> list[Value]:
    condition, a, b = node.inputs
    if not isinstance(condition, Truth) or a is None or b is None:
        raise CannotProveError("a choice by something other than a comparison")
    shape = shape_of(condition, a, b)
    together(condition, a, b)
    if condition.value is not None:
        chosen = a if condition.value else b
        if isinstance(chosen, Known):
            return [repeated(chosen, shape)]
        if shape != chosen.dims:
            raise CannotProveError("a choice that changes the shape")
        return [chosen]
    source = condition.source
    if source is not None and source[0] == "others":
        source, a, b = ("top", *source[1:]), b, a
    top = source is not None and source[0] == "top" and constant_of(a) == -np.inf
    own = isinstance(b, Tensor) and source is not None and b.key == source[1].key
    if source is not None and top and own and isinstance(b, Tensor) and shape == b.dims:
        return [b.having(source=("rest", b), key=key_of("rest", [b.key]))]
    if source is not None and source[0] == "top" and isinstance(a, Known) and isinstance(b, Known):
        limits = limits_of(steps, condition, a, b)
        if limits is not None:
            return [limits]
    if source is not None and source[0] == "top" and isinstance(b, Tensor):
        return [_beside_largest(steps, condition, a, b)]
    if source is not None and source[0] == "more" and shape == condition.dims:
        return [second_of(steps, a, b, source[1], source[2])]
    raise CannotProveError("a choice between values that depends on the row")


def _beside_largest(steps: Composition, at_top: Truth, a: Value, b: Tensor) -> Tensor:
    """A number of the row for the largest classes, which is what those of all classes are there.

    Raises:
        CannotProveError: if it is anything else.
    """
    of = at_top.source[1] if at_top.source is not None else b
    own = isinstance(a, Tensor) and a.members is None and a.source is None and not a.astray
    if not own or not of_single_classes(b) or b.source is not None:
        raise CannotProveError("a choice between values that depends on the row")
    assert isinstance(a, Tensor)
    same = of_single_classes(of) and bool(np.all(b.members == of.members))
    if not same or shape_of(at_top, a, b) != b.dims:
        raise CannotProveError("a choice by the largest of other classes")
    if direction(steps.rows, of.expression) != (atom_of(BELOW), 1) or a.element != b.element:
        raise CannotProveError("a choice by what need not be the largest logits")
    there = {atom_of(BELOW): number(0), atom_of(BESIDE): number(0), atom_of(AT_TOP): number(1)}
    if not is_zero(substituted(b.expression, there.get) - a.expression):
        raise CannotProveError("a number for the largest classes that is not theirs")
    # where floats below the normal ones are taken for 0, the largest may be some that are just not
    beside = above(np.maximum(b.error, above(a.error + _NEARLY)))
    cells = steps.rows.cells[atom_of(BELOW)]
    error = np.where(cells.high >= 0.0, beside, b.error)
    return b.having(
        error=beside_top(steps.rows, error, a.error),
        key=key_of("Where", [at_top.key, a.key, b.key]),
        sign=a.sign if a.sign == b.sign else 0,
        astray=False,
    )


COMPARISONS: Mapping[str, Callable[[Composition, Any], list[Value]]] = {
    "And": _and,
    "Equal": _equal,
    "Greater": _greater,
    "IsInf": _never,
    "IsNaN": _never,
    "Less": _less,
    "Not": _not,
    "Or": _or,
    "Where": _choose,
}
