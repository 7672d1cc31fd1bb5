"""Bugs planted in the arithmetic of errors are caught by the worst runtime."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from logitconf_export.proof.composing import arithmetic, composition, deviations
from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.proof.composing.deviations import Deviation
from logitconf_export.proof.exact.abstract_rows import AbstractRows
from logitconf_export.proof.exact.intervals import Interval

from .test_deviations import worst_share

QUOTIENT, FUNCTION = deviations.of_quotient, deviations.of_function
SIZE, ULP = AbstractRows.size, arithmetic.ulp


def halved(of: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given, **named: 0.5 * of(*given, **named)


def of_one_factor(rows: Any, a: Any, b: Any) -> Deviation:
    return deviations.of(a, b).times(rows, b.expression)


def of_quotient_with_the_wrong_sign(rows: Any, a: Any, b: Any, quotient: Any) -> Deviation:
    return QUOTIENT(rows, a, b, -quotient)


def of_function_with_the_wrong_sign(rows: Any, x: Any, slope: Any, curvature: Any) -> Deviation:
    return FUNCTION(rows, x, -slope, curvature)


def of_difference_with_the_wrong_sign(rows: Any, a: Any, b: Any) -> Deviation:
    del rows
    return deviations.of_sum(a, b)


Plant = tuple[object, str, object]
BUGS: dict[str, tuple[str, list[Plant]]] = {
    "a sum that is not rounded": (
        "softmax",
        [(composition, "sum_factor", lambda *_: 0.0)],
    ),
    "the depth of a sum is dropped": (
        "softmax",
        [(Rounded, "depth", lambda *_, **__: 1)],
    ),
    "factors of half their size": ("doctor", [(AbstractRows, "size", halved(SIZE))]),
    "half an ulp for one": ("softmax", [(arithmetic, "ulp", halved(ULP))]),
    "a product carries one operand": (
        "a product of sums",
        [(deviations, "of_product", of_one_factor)],
    ),
    "a quotient with the wrong sign": (
        "a sum by its reciprocal",
        [(deviations, "of_quotient", of_quotient_with_the_wrong_sign)],
    ),
    "a function with the wrong sign": (
        "a sum and its reciprocal",
        [(deviations, "of_function", of_function_with_the_wrong_sign)],
    ),
    "a difference with the wrong sign": (
        "a sum less its negative",
        [(deviations, "of_difference", of_difference_with_the_wrong_sign)],
    ),
    "errors carried by sizes that leave one operand out": (
        "a product of sums",
        [(composition, "carried_product", lambda a, _of_a, _b, of_b: a * of_b)],
    ),
    "an interval with its ends exchanged": (
        "doctor",
        [(Interval, "size", property(lambda interval: np.abs(interval.low)))],
    ),
}


@pytest.mark.parametrize("bug", sorted(BUGS))
def test_a_planted_bug_is_caught(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    head, plants = BUGS[bug]
    for holder, name, replacement in plants:
        monkeypatch.setattr(holder, name, replacement)
    assert worst_share(head, 10) > 1.0


@pytest.mark.parametrize("head", sorted({head for head, _ in BUGS.values()}))
def test_without_one_nothing_is(head: str) -> None:
    assert worst_share(head, 10) <= 1.0
