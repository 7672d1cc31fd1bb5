"""Errors are carried on: none is smaller than what a computation in float32 does."""

from fractions import Fraction

import numpy as np
import pytest

from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.proof.composing.composition import Composition
from logitconf_export.proof.composing.tensors import CannotProveError, Tensor
from logitconf_export.proof.exact.abstract_rows import ONE_LOGIT
from logitconf_export.proof.exact.expressions import number
from logitconf_export.proof.exact.row_kinds import single_rows

HALF_ULP = 2.0**-24


def logit(error: float = 0.0) -> tuple[Composition, Tensor]:
    steps = Composition(single_rows(Fraction(1), 8.0), Rounded())
    return steps, Tensor(ONE_LOGIT, np.full((1, 1), error), ("N",), "float32", "x")


def test_a_sum_adds_errors_and_rounds_once() -> None:
    steps, x = logit(1e-3)
    made = steps.add(x, x.having(key="y", expression=number(1)))
    assert made.error.max() >= 2e-3 + 8.0 * HALF_ULP
    assert made.error.max() <= 2.1e-3


def test_what_is_subtracted_from_itself_is_zero() -> None:
    steps, x = logit(1e-3)
    made = steps.subtract(x, x)
    assert (made.expression, made.error.max()) == (number(0), 0.0)


def test_an_exponential_carries_relative_errors() -> None:
    steps, x = logit(1e-3)
    made = steps.exponential(x)
    assert made.error.max() >= np.exp(8.0) * np.expm1(1e-3)


def test_a_product_with_a_power_of_two_is_exact() -> None:
    steps, x = logit()
    two = x.having(expression=number(2), key="two")
    assert steps.multiply(x, two, 2.0).error.max() < 1e-30
    third = x.having(expression=number(Fraction(1, 3)), key="third")
    assert steps.multiply(x, third, 1 / 3).error.max() >= HALF_ULP


def test_a_divisor_that_may_be_zero_stops_it() -> None:
    steps, x = logit()
    with pytest.raises(CannotProveError, match="divisor"):
        steps.reciprocal(x)


def test_an_overflow_stops_it() -> None:
    steps, x = logit()
    huge = x.having(expression=ONE_LOGIT * number(2**126), key="huge")
    with pytest.raises(CannotProveError, match="overflow"):
        steps.multiply(huge, huge)
