"""Counted scores in order."""

import numpy as np
import pytest

from logitconf.distributed.ranking import Ranking, UnresolvedError, merged
from logitconf.distributed.score_counts import ScoreCounts
from logitconf.thresholds.order_statistics import keys_of

RNG = np.random.default_rng(0)
SCORES = np.round(RNG.normal(0.0, 1.0, 300), 2).astype(np.float32)
WRONG = RNG.random(300) < 0.3


def counted(scores: np.ndarray, wrong: np.ndarray) -> ScoreCounts:
    return ScoreCounts.of(keys_of(scores).astype(np.uint64), wrong)


@pytest.fixture
def exact() -> Ranking:
    return Ranking.of(counted(SCORES, WRONG), 310, labelled=True)


@pytest.fixture
def coarse() -> Ranking:
    return Ranking.of(counted(SCORES, WRONG)._without(20), 310, labelled=True)


def test_single_scores_are_counted_as_by_hand(exact: Ranking) -> None:
    assert (exact.finite, exact.rows) == (300, 310)
    ascending = np.sort(SCORES)
    assert [exact.value_at(rank) for rank in range(300)] == ascending.tolist()
    for threshold in (-3.0, -0.5, 0.0, 0.25, 9.0):
        below = np.float32(threshold) > SCORES
        assert exact.below(threshold) == (below.sum(), (below & WRONG).sum())
        assert exact.errors_among(int(below.sum())) == (below & WRONG).sum()


def test_a_bin_of_several_scores_asks_for_them(coarse: Ranking) -> None:
    assert coarse.finite == 300
    with pytest.raises(UnresolvedError) as asked:
        coarse.value_at(150)
    (zone,) = asked.value.zones
    key = int(keys_of(np.sort(SCORES)[150:151])[0])
    assert zone.start <= key < zone.end
    with pytest.raises(UnresolvedError):
        coarse.below(0.1234)


def test_zones_that_are_told_apart_replace_their_bins(coarse: Ranking, exact: Ranking) -> None:
    with pytest.raises(UnresolvedError) as asked:
        coarse.value_at(150)
    zones = list(merged(asked.value.zones))
    keys = keys_of(SCORES)
    inside = (keys >= zones[0][0]) & (keys < zones[0][1])
    finer = coarse.refined(counted(SCORES[inside], WRONG[inside]), zones)
    assert finer.value_at(150) == exact.value_at(150)
    assert (finer.finite, finer.wrong.sum()) == (300, WRONG.sum())


def test_groups_are_ranked_by_themselves() -> None:
    groups = RNG.integers(0, 3, 300).astype(np.uint64)
    codes = groups << np.uint64(32) | keys_of(SCORES)
    ranking = Ranking.of(ScoreCounts.of(codes, WRONG), 300, labelled=False)
    for number in range(3):
        own = SCORES[groups == number]
        group = ranking.group(number, own.size)
        assert [group.value_at(rank) for rank in range(own.size)] == np.sort(own).tolist()
        assert group.count_below(0.1) == (own < np.float32(0.1)).sum()
        assert group.errors_among(3) is None


def test_zones_that_touch_are_one() -> None:
    zones = [_zone(8, 12), _zone(0, 4), _zone(4, 8), _zone(20, 24)]
    assert list(merged(zones)) == [(0, 12), (20, 24)]


def _zone(start: int, end: int):  # type: ignore[no-untyped-def]
    from logitconf.distributed.ranking import Zone

    return Zone(start, end, 1)
