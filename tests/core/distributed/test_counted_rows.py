"""What a card says of rows, from counts of their scores."""

import numpy as np
import pytest

from logitconf.distributed import counted_rows
from logitconf.distributed.counted_rows import CountedRows, affordable, asked_for_all
from logitconf.distributed.ranking import UnresolvedError, Zone
from logitconf.distributed.score_counts import ScoreCounts
from logitconf.distributed.total import ScoresTotal
from logitconf.metrics.separation import separation_notes
from logitconf.monitoring.sketching import sketch_of
from logitconf.outputs.confidence_fit import fit_confidence
from logitconf.thresholds.calibration_rows import CalibrationRows
from logitconf.thresholds.order_statistics import keys_of

RNG = np.random.default_rng(0)
SCORES = (-RNG.beta(4.0, 1.0, 3000)).astype(np.float32)
SCORES[::100] = np.nan
WRONG = RNG.random(3000) < 0.4
GROUPS = RNG.integers(0, 3, 3000).astype(np.uint64)
FINITE = np.isfinite(SCORES)


def counted(groups: int = 1, lost_bits: int = 0) -> CountedRows:
    starts = GROUPS << np.uint64(32) if groups > 1 else np.zeros(3000, np.uint64)
    codes = starts[FINITE] | keys_of(SCORES[FINITE])
    counts = ScoreCounts.of(codes, WRONG[FINITE])._without(lost_bits)
    without = ScoreCounts.of(starts[~FINITE], WRONG[~FINITE])
    total = ScoresTotal(3000, 30, int(WRONG.sum()), counts, without)
    return CountedRows.of(total, groups, by_label=False, labelled=True)


def test_the_sketch_is_that_of_all_scores() -> None:
    rows = CalibrationRows(SCORES, WRONG)
    for threshold in (-0.9, -0.5, float(np.finfo(np.float32).min)):
        assert counted().sketch(threshold) == sketch_of(rows, threshold)
    with pytest.raises(UnresolvedError):
        counted(lost_bits=20).sketch(-0.5)
    assert counted(3).sketch((-0.5, -0.6, -0.7)) is None


def test_the_confidence_is_that_of_all_scores() -> None:
    whole = fit_confidence(SCORES, WRONG)
    assert whole is not None
    for groups in (1, 3):
        sure = counted(groups).confidence()
        assert sure is not None
        assert (sure.values, sure.rows, sure.error) == (whole.values, whole.rows, None)
        assert sure.scores == pytest.approx(whole.scores, rel=1e-6)
    coarse = counted(lost_bits=12).confidence()
    assert coarse is not None
    # a bin is 2^-11 of its scores wide
    grid = np.linspace(-1.0, 0.0, 50)
    found, expected = (np.interp(grid, each.scores, each.values) for each in (coarse, whole))
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_groups_have_all_their_rows() -> None:
    parts, groups = counted(3).parts, GROUPS.astype(np.int64)
    assert [part.rows for part in parts] == np.bincount(groups).tolist()
    assert [part.finite for part in parts] == np.bincount(groups[FINITE]).tolist()
    assert counted(3).pooled.finite == FINITE.sum()


def test_a_score_that_does_not_separate_is_told_as_of_all_scores() -> None:
    expected = separation_notes(CalibrationRows(SCORES, WRONG))
    assert len(expected) == 1
    assert counted().separation() == counted(3).separation() == expected


def test_all_questions_are_asked_before_scores_are_told_apart() -> None:
    def ask(start: int) -> int:
        raise UnresolvedError([Zone(start, start + 8, 8), Zone(start + 8, start + 16, 8)])

    with pytest.raises(UnresolvedError) as asked:
        asked_for_all([lambda: 1, lambda: ask(0), lambda: ask(64)])
    assert [zone.start for zone in asked.value.zones] == [0, 64, 8, 72]
    assert asked_for_all([lambda: 1, lambda: 2]) == [1, 2]


def test_one_pass_tells_apart_what_it_can_and_splits_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counted_rows, "MOST_BINS", 20)
    zones = [Zone(64 * k, 64 * k + 32, 9) for k in range(6)]
    assert affordable(zones[:2]) == [(0, 32), (64, 96)]
    # two of three, the first ones
    assert affordable(zones[:3]) == [(0, 32), (64, 96)]
    large = [Zone(0, 1024, 500), Zone(2048, 3072, 500), Zone(4096, 4104, 8)]
    # not one can be told apart: the widest are split
    assert affordable(large) == [(0, 1024), (2048, 3072)]
