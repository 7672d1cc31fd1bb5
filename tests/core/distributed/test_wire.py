"""Totals as bytes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from logitconf.distributed.wire import packed, packed_sums, unpacked, unpacked_sums


@given(st.lists(st.integers(0, 2**64 - 1), max_size=50))
def test_whole_numbers_come_back(values: list[int]) -> None:
    assert unpacked(packed(np.array(values, dtype=np.uint64))).tolist() == values


def test_small_numbers_take_one_byte_each() -> None:
    assert len(packed(np.arange(128))) == 128
    assert len(packed(np.array([128, 2**21 - 1, 2**21]))) == 2 + 3 + 4


@given(st.lists(st.integers(-(2**2200), 2**2200), max_size=5))
def test_sums_of_any_size_and_sign_come_back(sums: list[int]) -> None:
    assert unpacked_sums(packed_sums(tuple(sums))) == tuple(sums)
