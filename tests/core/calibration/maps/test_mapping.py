"""The formula of maps on arrays of every library, with the classes along any axis."""

from typing import Any

import array_api_strict
import numpy as np
import pytest
import torch

from logitconf.calibration.maps.mapping import mapped

K = 4
random = np.random.default_rng(0)
SCALE = random.uniform(0.5, 1.5, K).astype(np.float32)
BIAS = random.normal(size=K).astype(np.float32)
MATRIX = (np.eye(K) + 0.2 * random.normal(size=(K, K))).astype(np.float32)
BUFFERS: dict[str, dict[str, Any]] = {
    "vector": {"scale": SCALE, "bias": BIAS},
    "scales": {"scale": SCALE},
    "biases": {"bias": BIAS},
    "matrix": {"matrix": MATRIX, "bias": BIAS},
}
CLOSE = 2e-6


def expected(name: str, rows: Any) -> Any:
    """Rows (N, K) in double, written with a product of matrices."""
    parts = BUFFERS[name]
    weights = parts.get("matrix", np.diag(parts.get("scale", np.ones(K))))
    return rows.astype(np.float64) @ weights.astype(np.float64) + parts.get("bias", 0.0)


@pytest.mark.parametrize("name", BUFFERS)
@pytest.mark.parametrize("axis", [1, 2, 3])
def test_classes_along_any_axis_are_mapped_alike(name: str, axis: int) -> None:
    rows = np.random.default_rng(1).normal(size=(30, K)).astype(np.float32)
    laid = np.moveaxis(rows.reshape(5, 2, 3, K), 3, axis)
    new = mapped(np.ascontiguousarray(laid), BUFFERS[name], axis)
    assert np.moveaxis(new, axis, 3).reshape(30, K) == pytest.approx(
        expected(name, rows), abs=CLOSE
    )
    assert new.dtype == np.float32


@pytest.mark.parametrize("name", BUFFERS)
def test_torch_and_the_strict_standard_have_the_same_rows(name: str) -> None:
    rows = np.random.default_rng(1).normal(size=(30, K)).astype(np.float32)
    for library in (torch.from_numpy, array_api_strict.asarray):
        buffers = {part: library(values) for part, values in BUFFERS[name].items()}
        new: Any = mapped(library(rows), buffers, 1)
        assert np.asarray(new) == pytest.approx(expected(name, rows), abs=CLOSE)


def test_a_single_logit_may_lack_the_axis_of_classes() -> None:
    rows = np.array([1.0, -2.0], np.float32)
    bias = {"bias": np.array([0.5], np.float32)}
    assert mapped(rows, bias, 1).tolist() == [1.5, -1.5]
    assert mapped(rows[:, None], bias, 1).tolist() == [[1.5], [-1.5]]


def test_double_logits_are_mapped_in_double() -> None:
    rows = np.array([[1.0, 2.0, 3.0, 4.0]]) / 3.0
    assert mapped(rows, BUFFERS["vector"], 1).dtype == np.float64


def test_a_masked_class_stays_so_and_a_matrix_leaves_no_class_finite() -> None:
    row = np.array([[1.0, -np.inf, 2.0, 0.0]], np.float32)
    new = mapped(row, BUFFERS["vector"], 1)
    assert np.isneginf(new).tolist() == [[False, True, False, False]]
    assert not np.isfinite(mapped(row, BUFFERS["matrix"], 1)).any()
    # nor where a class takes nothing from the masked one
    plain = {"matrix": np.eye(K, dtype=np.float32)}
    assert not np.isfinite(mapped(row, plain, 1)).any()


@pytest.mark.parametrize("name", BUFFERS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_cannot_be_computed_on_stays_so(name: str, bad: float) -> None:
    row = np.array([[1.0, bad, 2.0, 0.0]], np.float32)
    new = mapped(row, BUFFERS[name], 1)
    assert (np.isnan(new) | (new == np.inf)).any()
