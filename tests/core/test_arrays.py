"""What stands beside the array API standard: alike for NumPy, torch and the strict namespace."""

import warnings
from collections.abc import Callable
from typing import Any

import array_api_strict
import numpy as np
import pytest
import torch

from logitconf.arrays import (
    as_type,
    filled,
    is_tensor,
    largest_values,
    log_softmax,
    lowest_float,
    namespace,
    only_finite,
    silent,
    softmax,
    split,
    sum_of_sizes,
)

ROWS = np.array([[1.0, -2.0, 0.5, 4.0], [0.0, 0.0, 3.0, -1.0]], np.float32)
KINDS: dict[str, Callable[[Any], Any]] = {
    "numpy": np.asarray,
    "torch": torch.tensor,
    "strict": array_api_strict.asarray,
}
kinds = pytest.mark.parametrize("kind", KINDS)


@kinds
def test_softmax_sums_to_one_over_its_axis(kind: str) -> None:
    shares = np.asarray(softmax(KINDS[kind](ROWS), 1))
    expected = np.exp(ROWS) / np.exp(ROWS).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, expected, rtol=1e-6)


@kinds
def test_log_softmax_is_right_where_softmax_is_zero(kind: str) -> None:
    found = np.asarray(log_softmax(KINDS[kind](ROWS * np.float32(100)), 1))
    wide = ROWS.astype(np.float64) * 100
    expected = wide - np.log(np.exp(wide - 400).sum(axis=1, keepdims=True)) - 400
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@kinds
def test_sizes_add_up_and_what_is_not_finite_is_nan(kind: str) -> None:
    np.testing.assert_array_equal(np.asarray(sum_of_sizes(KINDS[kind](ROWS), 1)), [7.5, 4.0])
    values = KINDS[kind](np.array([1.0, np.inf, -np.inf, np.nan, -0.0, 3e38], np.float32))
    with np.errstate(invalid="ignore"):
        found = np.asarray(only_finite(values))
    np.testing.assert_array_equal(found, np.array([1, np.nan, np.nan, np.nan, 0, 3e38], np.float32))


@kinds
def test_pieces_put_together_are_the_whole(kind: str) -> None:
    pieces = [np.asarray(piece) for piece in split(KINDS[kind](ROWS), 3, 1)]
    assert [piece.shape for piece in pieces] == [(2, 3), (2, 1)]
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), ROWS)


@kinds
def test_the_largest_values_are_those_of_a_sort(kind: str) -> None:
    largest = np.asarray(largest_values(KINDS[kind](ROWS), 2, 1))
    np.testing.assert_array_equal(largest, [[4.0, 1.0], [3.0, 0.0]])


@kinds
def test_what_is_made_beside_an_array_is_of_its_kind(kind: str) -> None:
    x = KINDS[kind](ROWS)
    made = filled((2, 1), 0.5, x)
    assert (type(made), made.dtype, made.shape) == (type(x), x.dtype, (2, 1))
    assert as_type(x, x.dtype) is x or kind == "strict"
    assert as_type(x, namespace(x).float64).dtype == namespace(x).float64
    assert lowest_float(x) == float(np.finfo(np.float32).min)
    assert is_tensor(x) == (kind == "torch")


@silent
def quotient(x: Any) -> Any:
    return x / (x - x)


def test_a_silent_function_says_nothing_of_what_is_not_finite() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not np.isfinite(quotient(ROWS)).any()
    assert not bool(torch.isfinite(quotient(torch.tensor(ROWS))).any())
