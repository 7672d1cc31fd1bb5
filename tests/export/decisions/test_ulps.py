"""Floats as places on a line."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logitconf_export.decisions.ulps import NOT_CLOSE, from_ordinals, ordinals, ulp_distance

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(FINITE)
def test_the_next_float_is_one_place_higher(value: float) -> None:
    start = np.array([value], dtype=np.float32)
    with np.errstate(over="ignore"):
        following = np.nextafter(start, np.float32(np.inf))
    assert (ordinals(following) - ordinals(start)).tolist() in ([1], [0])
    if value != 0.0 or math.copysign(1.0, value) > 0:
        assert (ordinals(following) - ordinals(start)).tolist() == [1]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_places_lead_back_to_their_floats(dtype: str) -> None:
    values = np.array([0.0, 1.0, -1.0, 1e-7, -3e4, np.inf], dtype=dtype)
    np.testing.assert_array_equal(from_ordinals(ordinals(values), dtype), values)


def test_nan_equals_nan_and_nothing_else() -> None:
    left = np.array([np.nan, np.nan, np.inf, np.inf, 0.0], dtype=np.float32)
    right = np.array([np.nan, 1.0, np.inf, -np.inf, -0.0], dtype=np.float32)
    assert ulp_distance(left, right).tolist() == [0, NOT_CLOSE, 0, NOT_CLOSE, 0]


def test_floats_on_both_sides_of_zero_are_counted_through_zero() -> None:
    tiny = np.float32(1e-45)
    assert ulp_distance(np.array([tiny]), np.array([-tiny])).tolist() == [2]
