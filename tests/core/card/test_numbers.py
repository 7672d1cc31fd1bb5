"""Temperature and threshold are float32 values, or refused."""

import math

import numpy as np
import pytest

from logitconf.card.numbers import check_temperature, check_threshold
from logitconf.errors import LogitconfError


def test_numbers_are_rounded_to_float32() -> None:
    assert check_temperature(1.1) == float(np.float32(1.1)) != 1.1
    assert check_threshold(0.1) == float(np.float32(0.1))
    assert check_threshold([0.1, -0.2]) == (float(np.float32(0.1)), float(np.float32(-0.2)))
    assert check_threshold(None) is None


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, "warm", True, 1e-60])
def test_a_temperature_that_cannot_divide_is_refused(value: object) -> None:
    with pytest.raises(LogitconfError, match="temperature must be"):
        check_temperature(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, "low", [0.1, math.nan], 1e60])
def test_a_threshold_that_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(LogitconfError, match="threshold must be"):
        check_threshold(value)
