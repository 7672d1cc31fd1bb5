"""The rows that policies choose on, taken apart by class and by label."""

import numpy as np

from logitconf.thresholds.calibration_rows import CalibrationRows

SCORES = np.array([-0.9, -0.8, -0.7, -0.6], np.float32)
WRONG = np.array([False, True, False, True])


def test_the_rows_of_a_class_are_those_predicted_as_it() -> None:
    rows = CalibrationRows(SCORES, WRONG, np.array([2, 0, 2, 0]), n_classes=3)
    first, second, third = rows.by_class()
    np.testing.assert_array_equal(first.scores, SCORES[[1, 3]])
    np.testing.assert_array_equal(first.wrong, [True, True])
    assert second.scores.size == 0
    np.testing.assert_array_equal(third.scores, SCORES[[0, 2]])
    np.testing.assert_array_equal(third.wrong, [False, False])


def test_without_labels_no_class_has_errors() -> None:
    rows = CalibrationRows(SCORES, None, np.array([0, 0, 1, 1]), n_classes=2)
    assert [part.wrong for part in rows.by_class()] == [None, None]


def test_every_label_has_all_rows_and_its_own_errors_and_outliers() -> None:
    scores = np.array([[-1, -2], [-3, -4], [-5, -6]], np.float32)
    wrong = np.array([[True, False], [False, False], [True, True]])
    rows = CalibrationRows(scores, wrong, n_classes=2, outliers=np.array([[-7, -8]], np.float32))
    first, second = rows.by_label()
    np.testing.assert_array_equal(first.scores, [-1, -3, -5])
    np.testing.assert_array_equal(second.scores, [-2, -4, -6])
    np.testing.assert_array_equal(second.wrong, [False, False, True])
    assert second.outliers is not None
    assert second.outliers.tolist() == [-8.0]
    bare = CalibrationRows(scores, n_classes=2).by_label()
    assert [(part.wrong, part.outliers) for part in bare] == [(None, None)] * 2


def test_rows_that_were_fitted_on_too_are_counted_where_they_are_known() -> None:
    keys = np.array([3, 5, 7, 9], np.uint64)
    assert CalibrationRows(SCORES, keys=keys, fitted_keys=keys[[1, 3]]).fitted_rows() == 2
    assert CalibrationRows(SCORES, keys=keys, fitted_keys=keys + 1).fitted_rows() == 0
    assert CalibrationRows(SCORES, keys=keys).fitted_rows() is None
    assert CalibrationRows(SCORES, fitted_keys=keys).fitted_rows() is None
