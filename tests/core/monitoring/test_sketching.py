"""Sketches of calibration scores, counted by hand."""

import numpy as np

import logitconf
from logitconf.monitoring.sketching import sketch_of
from logitconf.thresholds.calibration_rows import CalibrationRows


def test_the_counts_are_those_of_the_rows() -> None:
    scores = -np.arange(20, 0, -1, dtype=np.float32)  # -20 ... -1
    scores[19] = np.nan
    wrong = np.arange(20) >= 14
    sketch = sketch_of(CalibrationRows(scores, wrong), -4.5)
    assert sketch is not None
    # of the 19 finite scores the next higher ones: -20 + ceil(18 q)
    assert sketch.cutoffs == (-15.0, -11.0, -6.0, -3.0, -2.0)
    assert sketch.beyond == (14, 10, 5, 2, 1)  # the NaN lies beyond all
    assert (sketch.rows, sketch.rejected) == (20, 4)
    assert sketch.accepted == (6, 4, 5, 1, 0, 0)
    assert sketch.right == (6, 4, 4, 0, 0, 0)


def test_each_class_is_judged_by_its_threshold_and_labels_apart_have_no_sketch() -> None:
    scores = np.array([-3.0, -2.0, -1.0], dtype=np.float32)
    rows = CalibrationRows(scores, predicted=np.array([0, 1, 1]), n_classes=2)
    sketch = sketch_of(rows, (-4.0, -1.5))
    assert sketch is not None
    assert (sketch.rejected, sketch.per_class, sketch.right) == (2, True, None)
    assert sketch_of(CalibrationRows(np.zeros((3, 2), dtype=np.float32)), (0.0, 0.0)) is None


def test_a_threshold_brings_its_sketch_and_another_fit_takes_it_away() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(300, 4)) * 3
    labels = (logits + generator.normal(size=(300, 4))).argmax(axis=1)
    score = logitconf.SoftmaxScore().fit(logits, labels)
    assert score.card.sketch is None
    score.set_threshold(coverage=0.8)
    sketch = score.card.sketch
    assert sketch is not None
    assert sketch.rows == 300
    assert score.card.policy is not None
    assert sketch.rejected == 300 - score.card.policy["accepted"]
    assert score.fit(logits, labels).card.sketch is None
