"""Radix selection against sorting."""

import itertools
import math

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.lockstep import in_lockstep

from logitconf.errors import LogitconfError
from logitconf.thresholds.order_statistics import (
    gap_at_or_below,
    keys_of,
    order_statistics,
    values_of,
)

Float32 = NDArray[np.float32]

any_scores = arrays.arrays(np.float32, st.integers(1, 60), elements=st.floats(width=32))
steady = settings(derandomize=True, deadline=None, max_examples=60)


def ranked(scores: Float32) -> list[float]:
    """Sorted, with all that is not finite as +inf."""
    return sorted(float(s) if math.isfinite(s) else math.inf for s in scores)


@steady
@given(any_scores)
def test_every_order_statistic_is_the_sorted_one(scores: Float32) -> None:
    found = order_statistics(lambda: [scores], range(scores.size))
    assert list(found) == ranked(scores)


def test_a_million_scores_agree_with_numpys_sort() -> None:
    scores = np.random.default_rng(0).standard_normal(1_000_000).astype(np.float32)
    ranks = [0, 1, 9999, 500_000, 990_000, 999_999]
    found = order_statistics(lambda: np.array_split(scores, 7), ranks)
    assert list(found) == np.sort(scores)[ranks].tolist()


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_find_the_order_statistics_of_all_scores(processes: int) -> None:
    scores = np.random.default_rng(1).standard_normal(1000).astype(np.float32)
    parts = [scores[:0], *np.array_split(scores, processes - 1)]
    ranks = [0, 500, 999]
    found = in_lockstep(
        processes,
        lambda place, all_reduce: order_statistics(
            lambda: [parts[place]], ranks, all_reduce=all_reduce
        ),
    )
    assert found == [tuple(np.sort(scores)[ranks].tolist())] * processes


@steady
@given(any_scores)
def test_keys_order_like_the_scores_and_lead_back(scores: Float32) -> None:
    finite = np.sort(scores[np.isfinite(scores)])
    keys = keys_of(finite)
    assert (np.diff(keys.astype(np.int64)) >= 0).all()
    assert (np.diff(keys.astype(np.int64)) == 0).tolist() == (np.diff(finite) == 0).tolist()
    assert values_of(keys).tolist() == finite.tolist()


def test_ranks_beyond_the_scores_are_refused() -> None:
    scores = np.array([1.0, 2.0])
    with pytest.raises(LogitconfError, match=r"ranks must lie in \[0, 2\) for 2 scores, got 2"):
        order_statistics(lambda: [scores], [0, 2])


def test_a_one_shot_iterator_is_refused() -> None:
    once = iter([np.array([1.0, 2.0])])
    with pytest.raises(LogitconfError, match="must give the same scores"):
        order_statistics(lambda: once, [0])


def test_scores_that_are_not_floating_are_refused() -> None:
    with pytest.raises(LogitconfError, match=r"floating array \(N,\), got int64"):
        keys_of(np.arange(3))


@steady
@given(
    steps=st.lists(st.integers(0, 3), min_size=1, max_size=60),
    start=st.sampled_from([-1.0, -1e-44, 0.0, 1.0 - 2.0**-20, 3.0]),
    place=st.integers(0, 59),
)
def test_the_nearest_gap_with_room_is_the_one_of_the_sorted_scores(
    steps: list[int], start: float, place: int
) -> None:
    first = int(keys_of(np.array([start], dtype=np.float32))[0])
    scores = values_of((first + np.cumsum(steps)).astype(np.uint32))
    place = min(place, len(scores) - 1)
    found = gap_at_or_below(lambda: [scores[::2], scores[1::2]], float(scores[place]))
    ends = [
        (float(low), float(high), below + 1)
        for below, (low, high) in enumerate(itertools.pairwise(scores))
        if high <= scores[place] and np.nextafter(low, np.float32(np.inf)) < high
    ]
    assert found == (ends[-1] if ends else None)


def test_a_gap_is_found_beyond_a_bucket_without_room() -> None:
    full = values_of(np.arange(0xBF800000, 0xBF820001, dtype=np.uint32))
    scores = np.concatenate([full, np.array([-5.0, 0.25], dtype=np.float32)])
    assert gap_at_or_below(lambda: [scores], float(full[-1])) == (0.25, float(full[0]), 2)
