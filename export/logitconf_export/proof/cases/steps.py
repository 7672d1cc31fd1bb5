"""Operations on what numbers of a row and of its classes can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, TypeAlias

from logitconf_export.proof.cases import kinds
from logitconf_export.proof.cases.kinds import DOWN, NAN, NOTHING, ONE, UP, ZERO, Kinds
from logitconf_export.proof.composing.tensors import CannotProveError, Known


@dataclass(frozen=True, slots=True)
class Places:
    """Numbers of the classes.

    Attributes:
        one: what one of them is at least; None if none is known.
        others: what each of the others can be, of which there are some; None if there are none.
        at: the places of the class that is known, none of it in others; None where the tensor's
            places are not followed. Then it is somewhere, in all tensors of the classes alike.
    """

    one: Kinds | None
    others: Kinds | None
    at: frozenset[int] | None = None

    def each(self, step: Callable[[Kinds], Kinds]) -> Places:
        """The same done to each number."""
        return Places(
            None if self.one is None else step(self.one),
            None if self.others is None else step(self.others),
            self.at,
        )

    def any(self) -> Kinds:
        """What any of them can be."""
        return (self.one or NOTHING) | (self.others or NOTHING)


Truths: TypeAlias = frozenset[bool]


@dataclass(frozen=True, slots=True)
class TruthPlaces:
    """What a comparison of each class can say: of one class another thing than of the next.

    Attributes:
        one: of the class that is known; None if none is.
        others: of each of the others; None if there are none.
        at: as of numbers.
    """

    one: Truths | None
    others: Truths | None
    at: frozenset[int] | None = None

    def any(self) -> Truths:
        """What it can say of any of them."""
        return (self.one or frozenset()) | (self.others or frozenset())


Abstract: TypeAlias = "Kinds | Places | Truths | TruthPlaces"


PIECES = frozenset({"Split", "Slice", "Gather"})
"""Operators whose outputs hold some of the classes."""
COMPARISONS = frozenset({"Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal"})
MOVES = frozenset(
    {
        *PIECES,
        *("Concat", "Dropout", "Flatten", "Identity", "Reshape"),
        *("Squeeze", "Transpose", "Unsqueeze"),
    }
)
UNARY: Mapping[str, Callable[[Kinds], Kinds]] = {
    "Abs": kinds.size,
    "Exp": kinds.exponential,
    "Log": kinds.logarithm,
    "Neg": kinds.negative,
    "Reciprocal": kinds.reciprocal,
    "Sqrt": kinds.square_root,
    "Relu": lambda a: kinds.larger(a, ZERO) | (ZERO if a.nan else NOTHING),
    "Sigmoid": lambda a: kinds.reciprocal(kinds.add(ONE, kinds.exponential(kinds.negative(a)))),
}
BINARY: Mapping[str, Callable[[Kinds, Kinds], Kinds]] = {
    "Add": kinds.add,
    "Div": kinds.divide,
    "Mul": kinds.multiply,
    "Sub": lambda a, b: kinds.add(a, kinds.negative(b)),
}


def each_of(step: Callable[[Kinds], Kinds], value: Any) -> Abstract:
    """The same done to each number."""
    if isinstance(value, Places):
        return value.each(step)
    if isinstance(value, Kinds):
        return step(value)
    raise CannotProveError("arithmetic with comparisons")


def paired(step: Callable[[Kinds, Kinds], Kinds], a: Any, b: Any) -> Abstract:
    """Two numbers made one, place by place."""
    if isinstance(a, Places) or isinstance(b, Places):
        return Places(*of_each(step, a, b))
    if isinstance(a, Kinds) and isinstance(b, Kinds):
        return step(a, b)
    raise CannotProveError("arithmetic with comparisons")


def of_each(step: Callable[..., Any], *values: Any) -> tuple[Any, Any, frozenset[int] | None]:
    """What a step makes of the class that is known and of each other, and where that class is.

    Values are of each class, or of the row and then the same for all, as are those in which the
    class that is known is not.
    """
    own = [v for v in values if isinstance(v, Places | TruthPlaces)]
    places = {v.at for v in own if v.one is not None and v.one != v.others}
    places = places or {v.at for v in own if v.one is not None}
    ones, others, every = [], [], []
    for v in values:
        if not isinstance(v, Kinds | frozenset) and v not in own:
            raise CannotProveError("arithmetic with comparisons")
        whole = v if isinstance(v, Kinds | frozenset) else v.any() if v.one is None else None
        ones.append(v.one if whole is None else whole)
        others.append(v.others if whole is None else whole)
        every.append(v.any() if whole is None else whole)
    if len(places) != 1:
        return None, step(*every), None
    rest = None if any(other is None for other in others) else step(*others)
    return step(*ones), rest, places.pop()


def moved(op: str, inputs: list[Any], *, by_class: bool) -> Abstract:
    """What is moved, in its new place as far as it is known."""
    first = inputs[0]
    if op == "Concat":
        return _put_together(inputs, by_class=by_class)
    if op in PIECES and isinstance(first, Places):
        # a piece need not hold the class that is known
        return Places(None, first.any())
    if isinstance(first, Places) and not by_class:
        return first.any()
    if isinstance(first, Known):
        raise CannotProveError("a shape that is computed")
    if op in PIECES and isinstance(first, TruthPlaces):
        return TruthPlaces(None, first.any())
    result: Abstract = first
    return result


def _put_together(inputs: list[Any], *, by_class: bool) -> Abstract:
    """One tensor of several, each part of which may have a class that is known."""
    if all(isinstance(v, Kinds) for v in inputs):
        together: Kinds = reduce(or_, inputs)
        # each place holds its own
        return Places(None, together) if by_class else together
    if not all(isinstance(v, Places) for v in inputs):
        raise CannotProveError("a Concat of unlike tensors")
    return Places(None, reduce(or_, [p.any() for p in inputs], NOTHING))


def sum_of(places: Places, *, two: bool = False) -> Kinds:
    """The one and any number of the others, one at least, or of two places; NaN is carried."""
    one, others = places.one, places.others
    if one is None:
        assert others is not None
        one = others
    alone = places.at is not None and len(places.at) == 1
    if two and alone and places.one is not None and others is not None:
        return kinds.add(one, others)
    result = NOTHING
    # more than any row has
    many = 2.0**24
    if others is None:
        others = NOTHING
    rest = (
        kinds.finite(min(0.0, others.low * many), max(0.0, others.high * many))
        if others.finite
        else ZERO
    )
    for part in (*one.parts(),):
        if part.nan:
            result |= NAN
            continue
        if part == DOWN and not others.finite and not others.nan and not others.up:
            result |= DOWN
            continue
        base = kinds.add(part, rest) if part.finite else part
        # others that are there count
        if others.finite or places.one is None or places.others is None:
            result |= base
        if others.nan:
            result |= NAN
        if others.up:
            result |= kinds.add(part, UP)
        if others.down:
            result |= kinds.add(part, DOWN)
        if others.up and others.down:
            result |= NAN
    if places.others is not None and places.others == places.one and one.finite:
        result |= kinds.finite(min(one.low, one.low * many), max(one.high, one.high * many))
    return result


def sorts_of(each: Kinds) -> Iterator[Places]:
    """Rows of classes each of which is that, by the worst that one of them is."""
    if each.finite:
        yield Places(each, each)
        return
    if each.nan:
        yield Places(NAN, each)
    if each.up:
        yield Places(UP, UP | DOWN if each.down else UP)
    if each.down:
        yield Places(DOWN, DOWN)


def product_of(inputs: list[Any], *, two: bool = False) -> Kinds:
    """A product of matrices, one of which is the classes."""
    products = paired(kinds.multiply, *inputs[:2])
    if not isinstance(products, Places):
        raise CannotProveError("a product of matrices without the classes")
    return sum_of(products, two=two)


def as_number(value: Truths) -> Kinds:
    """A comparison as 0 or 1."""
    return reduce(or_, [ONE if v else ZERO for v in value], NOTHING)


def chosen(condition: Any, a: Any, b: Any) -> Abstract:
    """One or the other, by a condition, which may be another for each class."""
    if not isinstance(condition, frozenset | TruthPlaces):
        raise CannotProveError("a choice by something other than a comparison")
    if not all(isinstance(value, Kinds | Places) for value in (a, b)):
        raise CannotProveError("a choice between what are no numbers")
    if isinstance(condition, frozenset) and isinstance(a, Kinds) and isinstance(b, Kinds):
        return _picked(condition, a, b)
    return Places(*of_each(_picked, condition, a, b))


def _picked(condition: Truths, a: Kinds, b: Kinds) -> Kinds:
    return (a if True in condition else NOTHING) | (b if False in condition else NOTHING)


def logic(op: str, inputs: list[Any]) -> Truths | TruthPlaces:
    """And, Or, Not."""
    if not all(isinstance(value, frozenset | TruthPlaces) for value in inputs):
        raise CannotProveError(f"{op} of what is no comparison")
    steps: Mapping[str, Callable[..., Truths]] = {
        "And": lambda a, b: frozenset(x and y for x in a for y in b),
        "Or": lambda a, b: frozenset(x or y for x in a for y in b),
        "Not": lambda a: frozenset(not x for x in a),
    }
    if any(isinstance(value, TruthPlaces) for value in inputs):
        return TruthPlaces(*of_each(steps[op], *inputs))
    return steps[op](*inputs)


def whether(holds: Callable[[Kinds], bool], value: Any) -> Truths | TruthPlaces:
    """Whether numbers are NaN, or infinite."""

    def step(a: Kinds) -> Truths:
        return frozenset(holds(part) for part in a.parts())

    if isinstance(value, Places):
        return TruthPlaces(*of_each(step, value))
    if not isinstance(value, Kinds):
        raise CannotProveError("a question about what is no number")
    return step(value)
