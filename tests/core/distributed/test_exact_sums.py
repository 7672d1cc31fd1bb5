"""Sums without rounding: those of rational numbers."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logitconf.distributed.exact_sums import UNIT, ExactSums, as_float

ANY_FLOATS = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40)


@given(ANY_FLOATS)
def test_a_sum_is_that_of_rational_numbers(values: list[float]) -> None:
    sums = ExactSums(2)
    sums.add(np.array([values, values[::-1]]))
    exact = sum(map(Fraction, values))
    assert [Fraction(total, 1 << UNIT) for total in sums.totals()] == [exact, exact]


@given(ANY_FLOATS, st.integers(0, 40))
def test_blocks_add_up_in_any_order(values: list[float], cut: int) -> None:
    whole, parts = ExactSums(1), [ExactSums(1), ExactSums(1)]
    whole.add(np.array([values]))
    for sums, part in zip(parts, (values[cut:], values[:cut]), strict=True):
        sums.add(np.array([part]))
    assert sum(sums.totals()[0] for sums in parts) == whole.totals()[0]


def test_what_cancels_leaves_the_rest_and_the_result_is_rounded_once() -> None:
    sums = ExactSums(1)
    sums.add(np.array([[1e300, 1.0, 2.0**-60, -1e300, 5e-324]]))
    assert as_float(sums.totals()[0]) == 1.0
    third = ExactSums(1)
    third.add(np.full((1, 3), 0.1))
    assert as_float(third.totals()[0]) == pytest.approx(0.3, rel=1e-16)
    assert Fraction(third.totals()[0], 1 << UNIT) == 3 * Fraction(0.1)


def test_numbers_that_are_not_finite_are_counted_and_left_out() -> None:
    sums = ExactSums(1)
    sums.add(np.array([[1.0, np.inf, np.nan, -np.inf]]))
    assert (as_float(sums.totals()[0]), sums.beyond) == (1.0, 3)
