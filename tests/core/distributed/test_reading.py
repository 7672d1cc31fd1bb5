"""Blocks of rows as workers read them."""

from dataclasses import replace

import numpy as np
import pytest
from support.planned_fits import labelled_rows

from logitconf import LogitconfError
from logitconf.distributed.reading import Reading, checked_piece, pieces_of
from logitconf.rows import Rows

READING = Reading("softmax", "multiclass", None, False, False, 1.0, 0.3, 0)
ROWS = labelled_rows(2000)


def keys() -> np.ndarray:
    keys = Rows.checked(*ROWS, "multiclass").identity.keys
    assert keys is not None
    return keys


def test_pieces_hold_all_rows_once_and_repeat_the_first_where_they_are_few() -> None:
    wide = np.zeros((40, 20_000), np.float32)
    wide[:, 0] = np.arange(40)
    pieces = list(pieces_of(wide, np.arange(40)))
    assert [piece.rows for piece in pieces] == [16, 16, 8]
    assert {len(piece.logits) for piece in pieces} == {16}
    seen = np.concatenate([piece.logits[: piece.rows, 0] for piece in pieces])
    assert seen.tolist() == list(range(40))
    last = pieces[-1]
    assert last.labels is not None
    assert last.labels[8:].tolist() == [32] * 8
    assert list(pieces_of(wide[:0], None)) == []


def test_rows_are_held_out_by_what_they_hold_and_by_the_seed() -> None:
    held = READING.held(keys())
    assert held is not None
    # binomial: three standard deviations
    assert abs(held.mean() - 0.3) < 3 * np.sqrt(0.3 * 0.7 / 2000)
    order = np.random.default_rng(0).permutation(2000)
    shuffled = READING.held(keys()[order])
    assert shuffled is not None
    assert np.array_equal(shuffled, held[order])
    other = replace(READING, seed=1).held(keys())
    assert other is not None
    assert abs((held & other).mean() - 0.09) < 3 * np.sqrt(0.09 * 0.91 / 2000)
    more = replace(READING, holdout=0.6).held(keys())
    assert more is not None
    assert more[held].all()
    assert replace(READING, holdout=None).held(keys()) is None


def test_the_draw_tells_nothing_of_the_labels() -> None:
    held = READING.held(keys())
    assert held is not None
    wrong = ROWS[0].argmax(axis=1) != ROWS[1]
    gap = wrong[held].mean() - wrong[~held].mean()
    spread = wrong.std() * np.sqrt(1 / held.sum() + 1 / (~held).sum())
    assert abs(gap) < 3 * spread


def test_labels_beyond_the_classes_are_left_to_the_driver() -> None:
    logits, labels = ROWS
    (piece,) = pieces_of(logits, labels + 5)
    assert checked_piece(READING, piece) == (None, 5.0, 14.0)
    (piece,) = pieces_of(logits, labels)
    assert checked_piece(READING, piece)[1:] == (0.0, 9.0)


def test_labels_must_be_one_for_each_row() -> None:
    with pytest.raises(LogitconfError, match="one for each row"):
        list(pieces_of(ROWS[0], ROWS[1][:5]))
