"""Runs are compared once, and never taken for others."""

from dataclasses import replace

import numpy as np

from logitconf_export.decisions.batch import Batch
from logitconf_export.decisions.comparison import Decisions


def _decisions(score: list[float], mask: list[bool]) -> Decisions:
    return Decisions.of(np.array(score, np.float32), np.array(mask))


RIGHT = _decisions([0.1, 0.6, np.nan], [True, False, False])


def _batch() -> Batch:
    limit = np.full(3, 0.5, np.float32)
    logits = np.zeros((3, 2), np.float32)
    return Batch("rows", logits, True, RIGHT, RIGHT, limit, lambda values: 0.0 * values)


def test_each_run_is_compared_with_what_it_gave_itself() -> None:
    batch = _batch()
    flipped = _decisions([0.1, 0.4, np.nan], [True, True, False])
    for _ in range(2):
        eager, truth, eager_truth, _ = batch.compared(RIGHT, same_not_finite=True)
        assert eager.flips_outside == truth.flips_outside == eager_truth.flips_outside == 0
        eager, truth, eager_truth, _ = batch.compared(flipped, same_not_finite=True)
        assert eager.flips_outside == truth.flips_outside == 1
        assert eager_truth.flips_outside == 0


def test_what_is_asked_of_rows_without_a_score_is_kept_apart() -> None:
    batch = _batch()
    infinite = _decisions([0.1, 0.6, -np.inf], [True, False, False])
    for exact, wrong in ((True, 1), (False, 0), (True, 1)):
        eager, *_ = batch.compared(infinite, same_not_finite=exact)
        assert eager.not_finite == wrong


def test_a_batch_with_another_band_compares_anew() -> None:
    batch = _batch()
    near = _decisions([0.1, 0.4, np.nan], [True, True, False])
    assert batch.compared(near, same_not_finite=True)[0].flips_outside == 1
    wide = replace(batch, allowed=lambda values: 0.0 * values + 1.0)
    assert wide.compared(near, same_not_finite=True)[0].flips_outside == 0


def test_bits_tell_zeros_of_either_sign_apart() -> None:
    bits = [_decisions([zero], [True]).bits() for zero in (0.0, -0.0, 0.0)]
    assert bits[0] == bits[2] != bits[1]
