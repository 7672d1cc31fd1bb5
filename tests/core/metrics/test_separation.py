"""What is said of a score that does not rank errors behind right rows."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from logitconf.metrics.separation import separation_notes
from logitconf.thresholds.calibration_rows import CalibrationRows


@pytest.mark.parametrize("shift", [-0.5, 0.0, 0.3, 0.6, 1.5])
def test_a_score_that_chance_explains_is_said_where_mann_and_whitneys_test_says_so(
    shift: float,
) -> None:
    random = np.random.default_rng(7)
    scores = np.concatenate([random.normal(size=60), random.normal(size=20) + shift])
    wrong = np.arange(80) >= 60
    notes = separation_notes(CalibrationRows(scores.astype(np.float32), wrong))
    test = mannwhitneyu(
        scores[wrong],
        scores[~wrong],
        alternative="greater",
        method="asymptotic",
        use_continuity=False,
    )
    assert bool(notes) == (test.pvalue > norm.sf(1.645))
    if notes:
        assert f"AUROC {test.statistic / 1200:.3f} on 20 errors of 80 rows" in notes[0]


def test_fewer_than_ten_errors_show_nothing() -> None:
    scores = np.arange(100, dtype=np.float32)
    assert separation_notes(CalibrationRows(scores, scores < 9)) == ()
    assert len(separation_notes(CalibrationRows(scores, scores < 10))) == 1
    assert separation_notes(CalibrationRows(scores)) == separation_notes(None) == ()
