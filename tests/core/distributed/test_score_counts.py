"""Counts of scores in limited memory."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logitconf.distributed import score_counts
from logitconf.distributed.score_counts import ScoreCounts

FEW = 7
CODES = st.lists(st.tuples(st.integers(0, 2**40), st.booleans()), max_size=60)


@pytest.fixture(autouse=True, scope="module")
def few_bins() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score_counts, "MOST_BINS", FEW)
        yield


def counts_of(rows: list[tuple[int, bool]]) -> ScoreCounts:
    codes = np.array([code for code, _ in rows], dtype=np.uint64)
    return ScoreCounts.of(codes, np.array([wrong for _, wrong in rows], dtype=np.bool_))


def as_tuple(counts: ScoreCounts) -> tuple[Any, ...]:
    return counts.bits, *(each.tolist() for each in (counts.bins, counts.right, counts.wrong))


@settings(deadline=None)
@given(CODES)
def test_as_few_bits_are_lost_as_the_bins_allow(rows: list[tuple[int, bool]]) -> None:
    bits = next(b for b in range(64) if len({code >> b for code, _ in rows}) <= FEW)
    found = counts_of(rows)
    expected = Counter((code >> bits, wrong) for code, wrong in rows)
    bins = sorted({place for place, _ in expected})
    right, wrong = ([expected[place, kind] for place in bins] for kind in (False, True))
    assert as_tuple(found) == (bits, bins, right, wrong)


@settings(deadline=None)
@given(CODES, CODES, CODES)
def test_adding_up_is_associative_and_commutative(
    first: list[tuple[int, bool]], second: list[tuple[int, bool]], third: list[tuple[int, bool]]
) -> None:
    a, b, c = (counts_of(part) for part in (first, second, third))
    whole = as_tuple(counts_of([*first, *second, *third]))
    for made in (a.plus(b).plus(c), a.plus(b.plus(c)), c.plus(a).plus(b)):
        assert as_tuple(made) == whole


def test_nothing_adds_nothing() -> None:
    one = counts_of([(5, True), (9, False)])
    assert as_tuple(one.plus(ScoreCounts.none())) == as_tuple(one)
    assert as_tuple(ScoreCounts.none()) == (0, [], [], [])
