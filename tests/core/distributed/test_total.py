"""Totals: what travels, and what may be added up."""

import pickle

import numpy as np
import pytest

from logitconf import LogitconfError
from logitconf.distributed.score_counts import MOST_BINS, ScoreCounts
from logitconf.distributed.survey import SAMPLE_ROWS, Sample, Survey
from logitconf.distributed.total import LikelihoodTotal, ScoresTotal, Total

RNG = np.random.default_rng(0)


def largest() -> list[Total]:
    """As much as totals of 10^9 rows may hold."""
    keys = np.sort(RNG.integers(0, 2**64, SAMPLE_ROWS, dtype=np.uint64))
    terms = RNG.normal(size=(SAMPLE_ROWS, 9, 3)).astype(np.float32)
    bins = np.sort(RNG.choice(2**32, MOST_BINS, replace=False)).astype(np.uint64)
    right, wrong = RNG.integers(0, 20_000, (2, MOST_BINS))
    counts = ScoreCounts(0, bins, right, wrong)
    return [
        Total(1, 10**9, Survey(columns=(1000, 1), sample=Sample(keys, terms))),
        Total(2, 10**9, LikelihoodTotal(10**9, (-(2**2000), 2**1100, 0, 7))),
        Total(
            3,
            10**9,
            ScoresTotal(10**9, 3, 5, counts, ScoreCounts.none()),
            ("labels must be right",),
        ),
    ]


@pytest.mark.parametrize("total", largest(), ids=["survey", "likelihood", "scores"])
def test_a_total_travels_in_at_most_a_megabyte(total: Total) -> None:
    data = total.to_bytes()
    assert len(data) < 1_000_000
    again = Total.from_bytes(data)
    assert again.to_bytes() == data
    assert pickle.loads(pickle.dumps(total)) == total
    assert hash(again) == hash(total)
    assert (again.request, again.rows, again.problems) == (
        total.request,
        total.rows,
        total.problems,
    )


def test_totals_of_two_requests_do_not_add_up() -> None:
    first, second, third = largest()
    for other in (second, Total(2, 1, Survey()), Total(1, 1, LikelihoodTotal(1, (0,) * 4))):
        with pytest.raises(LogitconfError, match="answer the same request"):
            first.plus(other)
    with pytest.raises(LogitconfError, match="answer the same request"):
        second.plus(Total(2, 1, LikelihoodTotal(1, (0,) * 8)))
    assert first != third


def test_the_first_problems_in_order_are_kept() -> None:
    totals = [Total(1, 1, Survey(), (f"problem {k}",)) for k in RNG.permutation(20)]
    whole = totals[0]
    for each in totals[1:]:
        whole = whole.plus(each)
    assert whole.problems == tuple(sorted(f"problem {k}" for k in range(20)))[:8]


@pytest.mark.parametrize("data", [b"", b"\x00", b"not a total", b"\x96\x02\x01\x01\x90\xa1x\x90"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(LogitconfError, match="a total must be"):
        Total.from_bytes(data)
