"""Chunks: checks, slices and sharing of memory."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from logitconf.blocks.cutting import CACHED_ELEMENTS
from logitconf.calibration.temperature.chunks import (
    Chunk,
    block_of,
    blocks,
    check_chunk,
    check_values,
    first_rows,
)
from logitconf.calibration.temperature.fit import fit_temperature, fit_temperature_chunks, spread
from logitconf.errors import LogitconfError


@pytest.mark.parametrize(("rows", "columns"), [(10_000, 1000), (150_000, 3)])
@pytest.mark.parametrize("as_tensors", [False, True])
def test_blocks_cover_each_row_once_and_stay_small(
    rows: int, columns: int, as_tensors: bool
) -> None:
    logits = np.arange(float(rows * columns), dtype=np.float32).reshape(rows, columns)
    labels = np.arange(rows)
    given = [logits, labels]
    chunk = tuple(map(torch.from_numpy, given)) if as_tensors else tuple(given)
    parts = [block_of(chunk, rows) for rows in blocks(chunk)]
    assert len(parts) > 1
    np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), logits)
    np.testing.assert_array_equal(np.concatenate([part[1] for part in parts]), labels)
    assert all(part[0].size <= CACHED_ELEMENTS for part in parts)
    assert all(part[2] is None for part in parts)


def test_one_row_wider_than_the_limit_is_a_block() -> None:
    wide = np.zeros((2, CACHED_ELEMENTS + 1), dtype=np.float16)
    chunk = (wide, np.zeros(2, int), np.ones(2))
    parts = [block_of(chunk, rows) for rows in blocks(chunk)]
    assert [part[0].shape[0] for part in parts] == [1, 1]
    assert [part[2] is not None for part in parts] == [True, True]


def test_first_rows_stop_reading_once_they_have_enough() -> None:
    def chunks() -> Iterator[Chunk]:
        yield np.zeros((3, 2)), np.zeros(3, int)
        yield np.ones((3, 2)), np.ones(3, int)
        raise AssertionError("read too far")

    taken = first_rows(chunks(), 5, "categorical")
    assert [len(part[0]) for part in taken] == [3, 2]


@pytest.mark.parametrize("rows", [2001, 2500, 10**6])
def test_rows_to_guess_from_are_spread_from_end_to_end(rows: int) -> None:
    places = spread(rows)
    assert places is not None
    assert (places[0], places[-1], places.size) == (0, rows - 1, 1000)
    assert np.ptp(np.diff(places)) <= 1


def test_few_rows_are_not_guessed_from() -> None:
    assert spread(2000) is None


def test_a_block_shares_the_memory_of_its_chunk() -> None:
    for logits in (np.zeros((3, 2)), torch.zeros(3, 2)):
        block_of((logits, np.zeros(3, int)), slice(0, 3))[0][0, 0] = 5.0
        assert float(logits[0, 0]) == 5.0


def test_chunks_of_other_shapes_are_refused() -> None:
    good = np.zeros((3, 2))
    with pytest.raises(LogitconfError, match="family must be 'categorical' or 'bernoulli'"):
        check_chunk((good, np.zeros(3, int)), "softmax")  # type: ignore[arg-type]
    with pytest.raises(LogitconfError, match="got 1 parts"):
        check_chunk((good,), "categorical")
    with pytest.raises(LogitconfError, match=r"labels must have shape \(3, 2\)"):
        check_chunk((good, np.zeros(3, int)), "bernoulli")
    with pytest.raises(LogitconfError, match=r"weights must have shape \(3,\), got \(2,\)"):
        check_chunk((good, np.zeros(3, int), np.zeros(2)), "categorical")


def test_an_empty_chunk_has_no_bad_values() -> None:
    check_values((np.zeros((0, 2)), np.zeros(0, int)), "categorical")


def test_nan_labels_are_refused() -> None:
    labels = torch.tensor([[0.0], [math.nan]])
    with pytest.raises(LogitconfError, match=r"labels must lie in \[0, 1\]"):
        check_values((torch.zeros(2, 1), labels), "bernoulli")


def test_a_data_loader_is_fitted_as_its_rows_are() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3000, 5, generator=generator) * 3.0
    labels = torch.softmax(logits / 2.0, dim=1).multinomial(1, generator=generator)[:, 0]
    weights = torch.rand(3000, generator=generator)
    loader = DataLoader(TensorDataset(logits, labels, weights), batch_size=256)
    found = fit_temperature_chunks(lambda: loader, family="categorical")
    whole = fit_temperature(logits, labels, family="categorical", weights=weights)
    assert found.temperature == whole.temperature
    assert found.rows == 3000
    assert found.standard_error == pytest.approx(whole.standard_error, rel=1e-9)
