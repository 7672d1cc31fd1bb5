"""Operations on what numbers of a row and of its classes can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
        others: what each of the others can be; None if there are none.
        index: of two classes, the one that is known; None where there are more.
    """

    one: Kinds | None
    others: Kinds | None
    index: int | None = None

    def each(self, step: Callable[[Kinds], Kinds]) -> Places:
        """The same done to each number."""
        return Places(
            None if self.one is None else step(self.one),
            None if self.others is None else step(self.others),
            self.index,
        )

    def of_class(self, index: int) -> Kinds | None:
        """What one of two classes can be; None where there are more."""
        if self.index is None:
            return None
        return self.one if index == self.index else self.others

    def any(self) -> Kinds:
        """What any of them can be."""
        return (self.one or NOTHING) | (self.others or NOTHING)


Truths: TypeAlias = frozenset[bool]
Abstract: TypeAlias = "Kinds | Places | Truths"


PIECES = frozenset({"Split", "Slice", "Gather"})
"""Operators whose outputs hold some of the classes."""
BOTH = frozenset((False, True))
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
    if isinstance(a, Places) and isinstance(b, Places):
        one = None if a.one is None or b.one is None else step(a.one, b.one)
        if a.one is None and b.one is None:
            others = step(a.any(), b.any())
        elif a.others is None or b.others is None:
            others = None
        else:
            others = step(a.others, b.others)
        if one is None and others is not None:
            others = others | step(a.any(), b.any())
        return Places(one, others, a.index if a.index == b.index else None)
    if isinstance(a, Places):
        return a.each(lambda x: step(x, b))
    if isinstance(b, Places):
        return b.each(lambda x: step(a, x))
    if isinstance(a, Kinds) and isinstance(b, Kinds):
        return step(a, b)
    raise CannotProveError("arithmetic with comparisons")


def moved(op: str, inputs: list[Any], *, by_class: bool) -> Abstract:
    """What is moved, in its new place as far as it is known."""
    first = inputs[0]
    if op == "Concat" and all(isinstance(v, Kinds) for v in inputs):
        together: Kinds = reduce(or_, inputs)
        return together
    if op == "Concat":
        places = [v for v in inputs if isinstance(v, Places)]
        if len(places) != len(inputs):
            raise CannotProveError("a Concat of unlike tensors")
        ones = [p.one for p in places]
        one = None if None in ones else reduce(or_, [o for o in ones if o is not None])
        others = [p.others for p in places if p.others is not None]
        rest = reduce(or_, others) if others else None
        return Places(one, rest if one is not None else reduce(or_, [p.any() for p in places]))
    if op in PIECES and isinstance(first, Places):
        # a piece need not hold the class that is known
        return first if first.index is not None else Places(None, first.any())
    if isinstance(first, Places) and not by_class:
        return first.any()
    if isinstance(first, Known):
        raise CannotProveError("a shape that is computed")
    result: Abstract = first
    return result


def sum_of(places: Places) -> Kinds:
    """Some of the one and any number of the others; NaN is carried."""
    one, others = places.one, places.others
    if one is None:
        assert others is not None
        one = others
    if places.index is not None and places.one is not None and others is not None:
        # there are two
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


def chosen(condition: Any, a: Any, b: Any) -> Abstract:
    """One or the other, by a condition."""
    if not isinstance(condition, frozenset):
        raise CannotProveError("a choice by something other than a comparison")
    picked = [value for truth, value in ((True, a), (False, b)) if truth in condition]
    if len(picked) == 1:
        chosen: Abstract = picked[0]
        return chosen
    if isinstance(a, Places) or isinstance(b, Places):
        x = a if isinstance(a, Places) else Places(a, a)
        y = b if isinstance(b, Places) else Places(b, b)
        one = None if x.one is None or y.one is None else x.one | y.one
        others = (x.others or NOTHING) | (y.others or NOTHING)
        return Places(one, others if one is not None else x.any() | y.any())
    both: Abstract = a | b
    return both


def logic(op: str, inputs: list[Any]) -> Truths:
    """And, Or, Not."""
    if not all(isinstance(value, frozenset) for value in inputs):
        raise CannotProveError(f"{op} of what is no comparison")
    if op == "Not":
        return frozenset(not v for v in inputs[0])
    a, b = inputs
    if op == "And":
        return frozenset(x and y for x in a for y in b)
    return frozenset(x or y for x in a for y in b)


def whether(op: str, value: Any) -> Truths:
    """IsNaN, IsInf."""
    if not isinstance(value, Kinds):
        return BOTH
    parts = list(value.parts())
    return frozenset(p.nan if op == "IsNaN" else p.up or p.down for p in parts)
