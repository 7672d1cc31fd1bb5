"""Labelled rows in files."""

import numpy as np
import pytest

from logitconf.errors import LogitconfError
from logitconf_export.cli.rows.npz import LabelledRows

LOGITS = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)


def test_rows_with_a_label_to_ignore_are_left_out() -> None:
    rows = LabelledRows(LOGITS[:4], np.array([0, 255, 2, -100])).without((255, -100))
    np.testing.assert_array_equal(rows.labels, [0, 2])
    np.testing.assert_array_equal(rows.logits, LOGITS[[0, 2]])


def test_a_row_with_one_label_unknown_is_left_out() -> None:
    labels = np.array([[0, 1, 1], [1, -1, 0], [0, 0, 0]])
    rows = LabelledRows(LOGITS[:3], labels).without((-1,))
    np.testing.assert_array_equal(rows.labels, labels[[0, 2]])


def test_ignoring_every_row_is_refused() -> None:
    with pytest.raises(LogitconfError, match=r"a label that is not \[7\], got none"):
        LabelledRows(LOGITS[:2], np.array([7, 7])).without((7,))
    with pytest.raises(LogitconfError, match=r"each of 3 rows, got shape \(2,\)"):
        LabelledRows(LOGITS[:3], np.array([7, 7])).without((7,))
