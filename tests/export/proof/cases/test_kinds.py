"""What becomes of what a number can be holds what floats become."""

import itertools
import math

import numpy as np
import pytest

from logitconf_export.proof.cases import kinds
from logitconf_export.proof.cases.kinds import DOWN, LARGEST, NAN, UP, Kinds

VALUES = (math.nan, math.inf, -math.inf, 0.0, 1.0, -2.5, 3e38, -3e38)
PAIRS = {"add": np.add, "multiply": np.multiply, "divide": np.divide}
SINGLES = {
    "reciprocal": np.reciprocal,
    "exponential": np.exp,
    "logarithm": np.log,
    "size": np.abs,
    "negative": np.negative,
}


def of(value: float) -> Kinds:
    if math.isnan(value):
        return NAN
    if math.isinf(value):
        return UP if value > 0 else DOWN
    return Kinds(low=value, high=value)


def holds(kind: Kinds, value: float) -> bool:
    if math.isnan(value):
        return kind.nan
    if math.isinf(value):
        return kind.up if value > 0 else kind.down
    return kind.low <= value <= kind.high or abs(value - kind.low) <= 1e-3 * abs(value)


@pytest.mark.parametrize("name", sorted(PAIRS))
def test_two_numbers_become_what_float32_says(name: str) -> None:
    for a, b in itertools.product(VALUES, VALUES):
        with np.errstate(all="ignore"):
            exact = float(PAIRS[name](np.float32(a), np.float32(b)))
        assert holds(getattr(kinds, name)(of(a), of(b)), exact), (a, b, exact)


@pytest.mark.parametrize("name", sorted(SINGLES))
def test_one_number_becomes_what_float32_says(name: str) -> None:
    for a in VALUES:
        with np.errstate(all="ignore"):
            exact = float(SINGLES[name](np.float32(a)))
        assert holds(getattr(kinds, name)(of(a)), exact), (a, exact)


def test_comparisons_are_those_of_floats() -> None:
    for a, b in itertools.product(VALUES, VALUES):
        assert (a < b) in kinds.less(of(a), of(b))
        assert (a == b) in kinds.equal(of(a), of(b))
        assert holds(kinds.larger(of(a), of(b)), max(a, b)) or math.isnan(a) or math.isnan(b)


def test_a_nan_is_below_nothing() -> None:
    assert kinds.less(NAN, of(1.0)) == {False}


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_result_is_held_as_it_is_rounded_and_beyond_the_largest_float_in_double(
    kind: type,
) -> None:
    three, most = of(3.0), of(LARGEST)
    third, twice = kinds.reciprocal(three), kinds.add(most, most)
    assert third.low <= float(kind(1) / kind(3)) <= third.high
    with np.errstate(over="ignore"):
        computed = float(kind(LARGEST) + kind(LARGEST))
    assert twice.up if np.isinf(computed) else twice.low <= computed <= twice.high
