"""A block of rows as workers see it: checked, in pieces of limited size, without an error raised.

What is wrong with rows is counted and told by the driver, in the same words wherever they lay.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from logitconf.arrays import Array, dtype_name, to_numpy
from logitconf.blocks.cutting import CACHED_ELEMENTS
from logitconf.blocks.identity import Keys, factors_of, mixed_words, row_words
from logitconf.errors import LogitconfError
from logitconf.rows import Rows
from logitconf.tasks import (
    ArrayLike,
    InputKind,
    as_array,
    check_labels,
    check_logits,
    check_task,
)

# NumPy adds up a row in another order where it is alone.
_FEWEST_ROWS = 16


Shape: TypeAlias = tuple[tuple[int, ...], str, bool]
"""Of a row: the axes behind the first, the dtype, whether it has a label."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How rows are read, as a score was asked for.

    Attributes:
        score: its name.
        task: what the columns mean.
        kind: what the numbers are; None: logits, unless they look like probabilities.
        per_member: whether members of an ensemble come last.
        per_label: whether each label is judged by itself.
        temperature: where the fit begins; > 0.
        holdout: share of the rows that thresholds are chosen on and nothing is fitted on; None if
            both are done with all.
        seed: of that draw.
    """

    score: str
    task: str
    kind: InputKind | None
    per_member: bool
    per_label: bool
    temperature: float
    holdout: float | None
    seed: int

    def rows(self, logits: Array, labels: Array | None) -> Rows:
        """Checked rows; logits of an unknown kind are taken as logits."""
        return Rows.checked(
            logits,
            labels,
            check_task(self.task),
            kind=self.kind or "logits",
            per_member=self.per_member,
            per_label=self.per_label,
        )

    def shape_of(self, logits: ArrayLike, labels: ArrayLike | None) -> Shape:
        """What each row looks like.

        Raises:
            LogitconfError: if the score is not for such rows; says nothing of their number.
        """
        values = as_array(logits, "logits")
        try:
            check_logits(
                values[:0, ...] if values.ndim else values,
                check_task(self.task),
                per_member=self.per_member,
                per_label=self.per_label,
            )
        except LogitconfError as error:
            raise LogitconfError(str(error).replace("(0,", "(N,")) from error
        return tuple(map(int, values.shape[1:])), dtype_name(values), labels is not None

    def held(self, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_] | None:
        """Which rows are held out, by what they hold; None if no rows are.

        Rows with the same content fall on the same side, so none of those that certify was fitted
        on. What is random about the draw is the seed.
        """
        if self.holdout is None:
            return None
        salt = mixed_words(np.array([self.seed % (1 << 64)], dtype=np.uint64))
        drawn = mixed_words(keys ^ salt)
        # the upper 53 bits are a float64 in [0, 1) without rounding
        return np.asarray((drawn >> np.uint64(11)).astype(np.float64) * 2.0**-53 < self.holdout)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a block.

    Attributes:
        logits: (n, ...), as they came, in NumPy.
        labels: (n, ...), or None.
        rows: how many count; what lies behind them repeats the first, so that each is computed as
            in larger pieces.
    """

    logits: Array
    labels: Array | None
    rows: int


def pieces_of(logits: ArrayLike, labels: ArrayLike | None) -> Iterator[Piece]:
    """The rows in pieces of limited size.

    Raises:
        LogitconfError: for labels that are not one for each row, or names.
    """
    values = as_array(logits, "logits")
    targets = None if labels is None else as_array(labels, "labels")
    rows = int(values.shape[0])
    if targets is not None and (targets.ndim == 0 or int(targets.shape[0]) != rows):
        raise LogitconfError("labels must be one for each row of logits, got others beside a block")
    step = max(_FEWEST_ROWS, CACHED_ELEMENTS // max(1, int(np.prod(values.shape[1:]))))
    for start in range(0, rows, step):
        block = slice(start, min(start + step, rows))
        own = [_whole(part[block, ...]) for part in (values, targets) if part is not None]
        yield Piece(own[0], own[1] if len(own) > 1 else None, block.stop - block.start)


def _whole(part: Array) -> Array:
    """Rows in NumPy, one after the other, and not too few."""
    own = np.ascontiguousarray(to_numpy(part))
    missing = _FEWEST_ROWS - len(own)
    return own if missing <= 0 else np.concatenate([own, np.repeat(own[:1], missing, axis=0)])


def checked_piece(reading: Reading, piece: Piece) -> tuple[Rows | None, float, float]:
    """The rows of a piece, and the lowest and highest label, (inf, -inf) without labels.

    No rows where labels are out of range, whose words need all rows.

    Raises:
        LogitconfError: for labels of another shape, NaN or fractions of classes, or numbers of
            another kind; says nothing of the number of rows.
    """
    if piece.labels is None:
        return reading.rows(piece.logits, None), np.inf, -np.inf
    try:
        reading.rows(piece.logits[:0], piece.labels[:0])
    except LogitconfError as error:
        raise LogitconfError(str(error).replace("(0,", "(N,")) from error
    low, high = float(piece.labels.min()), float(piece.labels.max())
    try:
        return reading.rows(piece.logits, piece.labels), low, high
    except LogitconfError:
        if not np.isnan(low) and label_range_error(reading, piece.logits, low, high) is not None:
            return None, low, high
        raise


def columns_of(rows: Rows) -> list[int]:
    """How many numbers a row has as logits, and as labels."""
    parts = [rows.logits, rows.labels]
    return [math.prod(part.shape[1:]) for part in parts if part is not None]


def words_of(rows: Rows) -> Keys:
    """Four words for each row, (4, n); the first is its key."""
    parts = [part for part in (rows.logits, rows.labels) if part is not None]
    return row_words(parts, factors_of(columns_of(rows)))


def label_range_error(
    reading: Reading, logits: Array, low: float, high: float
) -> LogitconfError | None:
    """What is wrong with labels from the one to the other, beside such logits, if anything is."""
    task = check_task(reading.task)
    values, layout = check_logits(
        logits[:2], task, per_member=reading.per_member, per_label=reading.per_label
    )
    labels = np.array([low, high])
    if layout.task == "multilabel":
        labels = np.repeat(labels[:, None], layout.n_classes or 1, axis=1)
    try:
        check_labels(labels, values, layout)
    except LogitconfError as error:
        return error
    return None


def shapes_in_words(shapes: tuple[Shape, ...]) -> str:
    """What rows look like.

    >>> shapes_in_words((((10,), "float32", True),))
    'float32 of shape (N, 10) with labels'
    """
    return " and ".join(
        f"{dtype} of shape (N{''.join(f', {size}' for size in sizes) or ','}) "
        f"{'with' if labelled else 'without'} labels"
        for sizes, dtype, labelled in shapes
    )
