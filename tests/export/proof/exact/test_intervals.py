"""Intervals hold the truth that mpmath computes; arithmetic that rounds the wrong way does not."""

import math
from collections.abc import Callable
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logitconf_export.proof.exact import intervals
from logitconf_export.proof.exact.intervals import Interval, above, below, expm1_above

NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)
POSITIVE = st.floats(1e-6, 1e6)
EXPONENTS = st.floats(-300.0, 300.0)
OPERATIONS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "sum": (lambda a, b: a + b, lambda a, b: a + b),
    "difference": (lambda a, b: a - b, lambda a, b: a - b),
    "product": (lambda a, b: a * b, lambda a, b: a * b),
}


Exact = Any  # mpmath has no types


def of(*values: float) -> Interval:
    return Interval.of(min(values), max(values))


def holds(interval: Interval, value: Exact) -> bool:
    low, high = (mpmath.mpf(float(end)) for end in (interval.low, interval.high))
    return bool(low <= value <= high)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.sampled_from(sorted(OPERATIONS)))
def test_sums_and_products_hold_those_of_all_corners(
    a: float, b: float, c: float, d: float, name: str
) -> None:
    ours, exact = OPERATIONS[name]
    result = ours(of(a, b), of(c, d))
    with mpmath.workdps(60):
        for left in (a, b):
            for right in (c, d):
                assert holds(result, exact(mpmath.mpf(left), mpmath.mpf(right)))


@given(POSITIVE, POSITIVE)
def test_reciprocals_logarithms_and_powers_hold_the_truth(a: float, b: float) -> None:
    given_one = of(a, b)
    with mpmath.workdps(60):
        for value in (a, b):
            exact = mpmath.mpf(value)
            assert holds(given_one.reciprocal(), 1 / exact)
            assert holds(given_one.log(), mpmath.log(exact))
            assert holds(given_one.power(3), exact**3)
            assert holds(given_one.power(-2), exact**-2)


@given(EXPONENTS, EXPONENTS)
def test_exponentials_hold_the_truth(a: float, b: float) -> None:
    with mpmath.workdps(60):
        for value in (a, b):
            assert holds(of(a, b).exp(), mpmath.exp(mpmath.mpf(value)))
        size = abs(a)
        assert mpmath.mpf(float(expm1_above(np.asarray(size)))) >= mpmath.expm1(mpmath.mpf(size))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_next_floats_are_beyond(value: float) -> None:
    assert float(below(value)) < value or math.isinf(float(below(value)))
    assert float(above(value)) > value or math.isinf(float(above(value)))


def test_a_reciprocal_through_zero_is_anything() -> None:
    result = of(-1.0, 2.0).reciprocal()
    assert (float(result.low), float(result.high)) == (-math.inf, math.inf)


def test_sizes_are_those_of_the_ends_or_zero() -> None:
    assert float(of(-3.0, 2.0).size) == 3.0
    assert float(of(-3.0, 2.0).least_size) == 0.0
    assert float(of(-3.0, -2.0).least_size) == 2.0


BUGS: dict[str, Callable[[Any], Any]] = {
    "rounds inwards": lambda x: np.nextafter(np.asarray(x, dtype=np.float64), np.inf),
    "does not round": lambda x: np.asarray(x, dtype=np.float64),
}


@pytest.mark.parametrize("bug", sorted(BUGS))
def test_arithmetic_that_does_not_round_outwards_is_caught(
    bug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intervals, "below", BUGS[bug])
    monkeypatch.setattr(intervals, "above", lambda x: -BUGS[bug](-np.asarray(x, dtype=np.float64)))
    caught = 0
    with mpmath.workdps(60):
        for k in range(1, 200):
            a, b = 1.0 / k, 1.0 / (k + 3)
            exact = mpmath.mpf(a) * mpmath.mpf(b) + mpmath.mpf(a)
            caught += not holds(of(a) * of(b) + of(a), exact)
    assert caught > 50
