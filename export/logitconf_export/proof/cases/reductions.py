"""What reductions over the classes make of rows that are not finite."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial, reduce
from typing import Any

from logitconf_export.proof.cases import kinds
from logitconf_export.proof.cases.kinds import ANY_FINITE, DOWN, NAN, Kinds
from logitconf_export.proof.cases.kinds import LARGEST as LARGEST_FLOAT
from logitconf_export.proof.cases.rules import Rules
from logitconf_export.proof.cases.sorts import NAN_ROWS, rows_like
from logitconf_export.proof.cases.steps import Abstract, Places, paired, sum_of
from logitconf_export.proof.composing.tensors import CannotProveError


def total_of(rules: Rules, op: str, places: Places, *, two: bool) -> Kinds:
    """A sum of what an operation adds up; it carries a NaN unless the runtime was seen to lose it.

    Args:
        rules: of the runtime.
        op: that adds up, by whose table it is judged.
        places: its terms: of a ReduceL1 the sizes.
        two: whether there are two of them.
    """
    result = sum_of(places, two=two)
    if places.one == NAN and rules.tables is not None:
        for row in NAN_ROWS:
            seen = rules.results(op, *row)
            result |= ANY_FINITE if seen is None else seen
        if result.finite:
            result |= ANY_FINITE
    return result


def extreme_of(rules: Rules, op: str, places: Places) -> Kinds:
    """A maximum or minimum: it may drop a NaN, and be the lowest float for −inf alone."""
    if op == "ReduceMin":
        turned = _best(rules, "ReduceMin", places.each(kinds.negative))
        return kinds.negative(turned)
    return _best(rules, "ReduceMax", places)


def _best(rules: Rules, op: str, places: Places) -> Kinds:
    sign = -1.0 if op == "ReduceMin" else 1.0
    one, others = places.one, places.others
    first = others if one is None else one
    assert first is not None
    result = first
    if others is not None:
        result = kinds.larger(first, others)
        if one is not None and first.finite and others.down:
            result |= first
    has_nan = places.any().nan
    if has_nan:
        if rules.carries_nan(op, *NAN_ROWS) and one is not None and one == NAN:
            return NAN
        if places.any() == NAN and rules.carries_nan(op, (math.nan,) * 3):
            # dropped beside a number, but not where there is nothing else
            return NAN
        result |= places.any() | DOWN | Kinds(low=-LARGEST_FLOAT, high=-LARGEST_FLOAT)
    if result.down:
        alone = rules.results(op, *(-math.inf * sign,) * 3)
        result |= (
            Kinds(low=-LARGEST_FLOAT, high=-LARGEST_FLOAT)
            if alone is None
            else (alone if sign > 0 else kinds.negative(alone))
        )
    return result


def best_of(rules: Rules, op: str, inputs: Sequence[Any]) -> Abstract:
    """The largest or smallest of several numbers, place by place."""

    def step(a: Kinds, b: Kinds) -> Kinds:
        result = (kinds.larger if op == "Max" else kinds.smaller)(a, b)
        if (a.nan or b.nan) and not rules.carries_nan(op, (math.nan, 1.0), (1.0, math.nan)):
            result |= a | b
        return result

    made: Abstract = reduce(partial(paired, step), inputs)
    return made


def shares_of(rules: Rules, op: str, places: Any) -> Abstract:
    """Softmax or LogSoftmax: not a number, where all such rows were seen to give that."""
    if not isinstance(places, Places):
        raise CannotProveError(f"{op} of what is no row of classes")
    values = Kinds(low=0.0, high=1.0)
    if op == "LogSoftmax":
        values = DOWN | Kinds(low=-LARGEST_FLOAT, high=0.0)
    seen = [rules.results(op, *row) for row in rows_like(places)]
    if seen and all(kind == NAN for kind in seen):
        return Places(NAN, NAN)
    return Places(NAN | values, NAN | values)
