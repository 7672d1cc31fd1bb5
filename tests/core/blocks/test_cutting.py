"""Blocks of rows: each row once, none too large."""

import numpy as np
import pytest
import torch

from logitconf.blocks.cutting import CACHED_ELEMENTS, cut, elements_of, stays


@pytest.mark.parametrize(
    ("rows", "columns"), [(0, 5), (1, 5), (7, 3), (100, 1), (3, 10**6), (9, 0)]
)
def test_blocks_hold_each_row_once_and_few_elements(rows: int, columns: int) -> None:
    blocks = cut(rows, columns, 12)
    assert [row for block in blocks for row in range(block.start, block.stop)] == [*range(rows)]
    assert all((block.stop - block.start) * columns <= max(12, columns) for block in blocks)


def test_rows_in_main_memory_are_computed_by_numpy() -> None:
    values = np.zeros((2, 3))
    assert elements_of(values) == CACHED_ELEMENTS
    assert elements_of(torch.from_numpy(values)) > CACHED_ELEMENTS
    assert not stays(values)
    assert not stays(torch.zeros(2))
    # as a device does that a tensor may be on without being computed on
    assert stays(torch.zeros(2, device="meta"))
