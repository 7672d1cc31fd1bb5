"""Masks of runtimes that hand bools out as numbers."""

import numpy as np
import pytest

from logitconf.errors import LogitconfError
from logitconf_export.runtimes.protocol import as_mask


@pytest.mark.parametrize("dtype", ["bool", "uint8", "float32", "int64"])
def test_zeros_and_ones_of_every_type_are_a_mask(dtype: str) -> None:
    mask = as_mask(np.array([[0, 1], [1, 0]], dtype))
    np.testing.assert_array_equal(mask, np.array([[False, True], [True, False]]), strict=True)


@pytest.mark.parametrize("value", [2.0, 0.5, -1.0, float("nan")])
def test_anything_else_is_no_mask(value: float) -> None:
    with pytest.raises(LogitconfError, match=r"a mask must hold 0 and 1 alone, got \["):
        as_mask(np.array([0.0, 1.0, value]))
