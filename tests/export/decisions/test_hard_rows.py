"""The rows that heads are tried on hold what they promise."""

import numpy as np
import pytest

from logitconf.card.score_card import HeadForm
from logitconf.errors import LogitconfError
from logitconf_export.decisions import hard_rows as inputs
from logitconf_export.decisions.ulps import ulp_distance
from logitconf_export.onnx_files.types import Array


@pytest.mark.parametrize("columns", [1, 2, 3, 10])
def test_hard_rows_hold_every_not_finite_value_in_every_place(columns: int) -> None:
    rows = inputs.hard_rows(columns)
    for place in {0, columns // 2, columns - 1}:
        others = np.delete(rows, place, axis=1)
        for found in (np.isnan(rows), np.isposinf(rows), np.isneginf(rows)):
            alone = found[:, place] & np.isfinite(others).all(axis=1)
            assert alone.any()


def test_hard_rows_hold_ties_extremes_and_masked_rows() -> None:
    rows = inputs.hard_rows(5)
    limits = np.finfo(np.float32)
    ordered = np.sort(rows, axis=1)
    assert np.any(ordered[:, -1] == ordered[:, -2])
    assert np.any(rows == limits.max)
    assert np.any(rows == limits.smallest_subnormal)
    assert np.any(np.isneginf(rows).sum(axis=1) == 4)
    assert np.any(np.isneginf(rows).all(axis=1))


def test_hard_rows_of_half_precision_stay_in_its_range() -> None:
    rows = inputs.hard_rows(3, dtype="float16")
    assert rows.dtype == np.float16
    assert np.any(rows == np.finfo(np.float16).max)


def test_rows_need_a_column() -> None:
    with pytest.raises(LogitconfError, match="at least one column, got 0"):
        inputs.hard_rows(0)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_boundary_pairs_differ_by_one_float_in_one_column(dtype: str) -> None:
    def accepts(rows: Array) -> Array:
        below: Array = rows.astype(np.float64).sum(axis=1) < 1.0
        return below

    inside, outside = inputs.boundary_pairs(accepts, 4, pairs=50, dtype=dtype)
    assert len(inside) == 50
    assert accepts(inside).all()
    assert not accepts(outside).any()
    apart = inside != outside
    assert (apart.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(ulp_distance(inside, outside)[apart], 1)


def test_there_are_no_boundary_pairs_where_all_rows_are_decided_alike() -> None:
    inside, outside = inputs.boundary_pairs(lambda rows: np.ones(len(rows), dtype=bool), 3)
    assert inside.shape == outside.shape == (0, 3)


def test_the_same_seed_gives_the_same_pairs_and_another_seed_others() -> None:
    def found(seed: int) -> Array:
        return inputs.boundary_pairs(lambda rows: rows[:, 0] < 0.3, 2, pairs=20, seed=seed)[0]

    np.testing.assert_array_equal(found(3), found(3))
    assert not np.array_equal(found(3), found(4))


@pytest.mark.parametrize(
    ("form", "shape"),
    [
        (HeadForm(4), (6, 4)),
        (HeadForm(4, rank=3, class_axis=2), (2, 3, 4)),
        (HeadForm(4, rank=4, class_axis=1), (1, 4, 3, 2)),
        (HeadForm(4, rank=2, class_axis=0), (4, 6)),
    ],
)
def test_arranged_rows_come_back_flattened(form: HeadForm, shape: tuple[int, ...]) -> None:
    rows = np.arange(24.0).reshape(6, 4)
    laid = inputs.arranged(rows, form)
    assert laid.shape == shape
    np.testing.assert_array_equal(inputs.flattened(laid, form), rows)


def test_probability_rows_sum_to_one_and_keep_what_is_not_finite() -> None:
    rows = np.array([[1.0, 2.0, 3.0], [np.nan, 0.0, 0.0], [-np.inf, 0.0, 0.0]], dtype=np.float32)
    found = inputs.as_kind(rows, "probabilities", "categorical")
    np.testing.assert_allclose(found[0].sum(), 1.0, rtol=1e-6)
    assert np.isnan(found[1]).all()
    assert found[2].tolist() == [0.0, 0.5, 0.5]
    logarithms = inputs.as_kind(rows, "log-probabilities", "categorical")
    np.testing.assert_allclose(np.exp(logarithms[0]), found[0], rtol=1e-6)


def test_free_columns_are_tried_at_three_sizes() -> None:
    batches = inputs.hard_batches(HeadForm(None), family="categorical")
    assert {batch.shape[1] for batch in batches.values()} == {2, 10, 1000}
    assert any(len(batch) == 0 for batch in batches.values())
