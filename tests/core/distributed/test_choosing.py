"""Policies on counts choose as those on scores."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from logitconf import LogitconfError
from logitconf.card.confidence import ConfidenceMap
from logitconf.distributed import choosing
from logitconf.distributed.choosing import chosen
from logitconf.distributed.counted_rows import CountedRows, affordable
from logitconf.distributed.ranking import UnresolvedError
from logitconf.distributed.score_counts import ScoreCounts
from logitconf.distributed.total import ScoresTotal
from logitconf.scores.rounding import Rounding
from logitconf.thresholds.calibration_rows import CalibrationRows
from logitconf.thresholds.order_statistics import keys_of
from logitconf.thresholds.out_of_distribution import FalsePositiveRate
from logitconf.thresholds.policies import Cost, Coverage, Quantile, Risk
from logitconf.thresholds.policy import Policy, ThresholdChoice
from logitconf.thresholds.reach import Value
from logitconf.thresholds.surely_right import MinConfidence

ROUNDING = Rounding("softmax", 10)
POLICIES = [Coverage(0.9), Coverage(0.31), Coverage(1.0), Quantile(0.77), Quantile(0.999)]
POLICIES += [Value(-0.5), Risk(0.2, 0.9), Risk(0.3, 0.8), MinConfidence(0.9), MinConfidence(0.2)]
POLICIES += [Cost(5.0, 1.0), Cost(1.0, 2.0), Cost(1e9, 1.0), Cost(1.0, 1e9)]
SURE = ConfidenceMap((-0.875, -0.375), (0.96875, 0.25), 100)


def resolved(
    policy: Policy, scores: npt.NDArray[np.float32], wrong: npt.NDArray[np.bool_], lost_bits: int
) -> tuple[ThresholdChoice, int]:
    """The choice from counts without so many bits first, and how often more were asked for."""
    finite = np.isfinite(scores)
    codes, flags = keys_of(scores[finite]).astype(np.uint64), wrong[finite]
    counts = ScoreCounts.of(codes, flags)._without(lost_bits)
    none = np.zeros(scores.size - finite.sum(), np.uint64)
    total = ScoresTotal(
        scores.size, none.size, int(wrong.sum()), counts, ScoreCounts.of(none, wrong[~finite])
    )
    rows, passes = CountedRows.of(total, 1, by_label=False, labelled=True), 0
    while True:
        try:
            return chosen(policy, rows, ROUNDING, SURE), passes
        except UnresolvedError as error:
            zones, passes = affordable(error.zones), passes + 1
            inside = np.zeros(codes.size, np.bool_)
            for start, end in zones:
                inside |= (codes >= start) & (codes < end)
            rows = rows.refined(ScoreCounts.of(codes[inside], flags[inside]), zones)


def scores_of(kind: str, seed: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    scores = np.asarray(-rng.beta(4.0, 1.0, 2000))
    if kind == "ties":
        scores = np.asarray(np.round(scores, 2))
    if kind == "dense":
        scores = np.asarray(-0.75 + rng.integers(0, 300, 2000) * 2.0**-24)
    wrong = rng.random(2000) < (1.0 + scores) / 1.5
    values = scores.astype(np.float32)
    if kind == "not finite":
        values[::50] = np.nan
    return values, wrong


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@pytest.mark.parametrize("kind", ["plain", "ties", "dense", "not finite"])
def test_counts_give_the_choice_of_all_scores(kind: str, policy: Policy) -> None:
    scores, wrong = scores_of(kind, seed=1)
    rows = CalibrationRows(scores, wrong, confidence=SURE)
    expected = _outcome(lambda: policy.choose(rows, ROUNDING))
    for lost_bits in (0, 12, 24):
        found = _outcome(lambda bits=lost_bits: resolved(policy, scores, wrong, bits)[0])
        assert found == expected


def _outcome(choose: Any) -> object:
    try:
        return choose()
    except LogitconfError as error:
        return str(error)


def test_all_candidates_are_looked_at_in_one_further_pass() -> None:
    scores, wrong = scores_of("plain", seed=2)
    assert resolved(Risk(0.3, 0.8), scores, wrong, 12)[1] == 1
    assert resolved(Coverage(0.9), scores, wrong, 12)[1] == 1


def test_where_too_many_scores_lie_close_the_widest_gap_nearby_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choosing, "MOST_SCORES", 20)
    _, wrong = scores_of("dense", seed=3)
    # every second float32 value, some seven rows each: room everywhere, but no gap is wide
    steps = np.random.default_rng(3).integers(0, 300, 2000) * 2.0**-23
    scores = (-0.75 + steps).astype(np.float32)
    choice, _ = resolved(Coverage(0.5), scores, wrong, 12)
    assert 1000 <= choice.accepted <= 1000 + 20
    assert choice.accepted == (scores < np.asarray(choice.threshold, np.float32)).sum()


def test_policies_that_counts_cannot_follow_are_refused() -> None:
    scores, wrong = scores_of("plain", seed=1)
    with pytest.raises(LogitconfError, match="a plan takes q, coverage"):
        resolved(FalsePositiveRate(0.1), scores, wrong, 0)
    with pytest.raises(LogitconfError, match="at least one score must be finite, got 5"):
        resolved(Coverage(0.5), np.full(5, np.nan, np.float32), np.zeros(5, np.bool_), 0)
