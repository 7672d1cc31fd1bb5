"""The same rows in other batches, and rows that are not finite beside others.

A kernel may round a row otherwise in another batch, which no decision may hang on. What a host does
with a batch as a whole, as after dynamic quantisation, is said: no head can see it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from logitconf.errors import LogitconfError
from logitconf.head_spec import Head, dropped_axes
from logitconf_export.decisions.comparison import Decisions
from logitconf_export.heads.in_file import EmbeddedHead
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.sessions import Session
from logitconf_export.verification.report import Reassurance

OTHER_BATCHES = (1, 7)
"""Rows in a batch when rows are run again: alone, and as few as no kernel is written for."""

MOST_HOST_ROWS = 32
_COUPLED = 1e-3
"""A change of the score, relative to its size or to 1, that no rounding of a host explains."""
_NOT_FINITE = {"NaN": np.nan, "infinity": np.inf}


class Runs(Protocol):
    """A model that a runtime has loaded."""

    name: str
    version: str

    @property
    def inputs(self) -> Mapping[str, tuple[str, tuple[object, ...]]]:
        """Type and dims of every input."""

    def run(self, feeds: Mapping[str, Array], outputs: Sequence[str]) -> list[Any]:
        """The outputs, in order."""


class HeadRunner:
    """Runs a head's rows in batches of any size; in a file's own, where its batch is fixed.

    Attributes:
        runtime: name and version.
    """

    def __init__(
        self, session: Runs, head: EmbeddedHead, numbers: Mapping[str, Array] | None = None
    ) -> None:
        """Makes it.

        Args:
            session: where the head runs.
            head: as the file holds it.
            numbers: for the optional inputs of a tunable head, by their names there.
        """
        self._numbers = numbers or {}
        form = head.metadata.form
        self.runtime = f"{session.name} {session.version}"
        self._session, self._head = session, head
        # One row of classes without a batch is run as it is.
        self._axis: int | None = 0
        if form.class_axis == 0:
            self._axis = 1 if form.input_rank > 1 else None
        rows_axis, card = self._axis or 0, head.metadata.card
        # where each output has its rows
        self._places = [
            rows_axis - sum(axis < rows_axis for axis in dropped_axes(card, form, output))
            for output in form.outputs
        ]
        dims = session.inputs.get(head.tensor, ("", ()))[1]
        fixed = None if self._axis is None or len(dims) <= self._axis else dims[self._axis]
        self._fixed = fixed if isinstance(fixed, int) else None

    def decide(self, logits: Array, batch: int | None = None) -> Decisions:
        """The decisions on all rows.

        Args:
            logits: in the layout of the head.
            batch: how many rows at a time; all unless given.

        Raises:
            LogitconfError: if the file does not run, or not on its logits alone.
        """
        size = self._fixed or batch
        if self._axis is None or size is None or not logits.shape[self._axis]:
            if self._fixed is not None and not logits.size:
                return self._of_no_rows(logits)
            return self._decided(self._run(logits))
        parts = list(self._parts(logits, self._axis, size))
        return self._decided(_joined(parts, self._places))

    def _decided(self, outputs: Sequence[Array]) -> Decisions:
        score, mask, *others = outputs
        further = dict(zip(self._head.metadata.form.outputs[2:], others, strict=True))
        return Decisions.of(score, mask, further)

    def _of_no_rows(self, logits: Array) -> Decisions:
        """What a file of a fixed batch would say of none, if it could be asked."""
        card, form = self._head.metadata.card, self._head.metadata.form
        head = Head.of_card(card, form)
        return self._decided(head(np.asarray(logits, dtype=np.float32)))

    def _parts(self, logits: Array, axis: int, size: int) -> Iterator[Sequence[Array]]:
        """The outputs of so many rows at a time; the last row fills up a fixed batch."""
        rows, places = logits.shape[axis], self._places
        for start in range(0, rows, size):
            kept = min(size, rows - start)
            piece = logits[_along(axis, start, start + kept)]
            if self._fixed is not None and kept < size:
                last = piece[_along(axis, kept - 1, kept)]
                piece = np.concatenate([piece, np.repeat(last, size - kept, axis)], axis)
            outputs = self._run(piece)
            sent = piece.shape[axis]
            for each, place in zip(outputs, places, strict=True):
                if each.ndim <= place or each.shape[place] != sent:
                    raise LogitconfError(
                        f"the head must give one decision for each of {sent} rows, got "
                        f"{[each.shape for each in outputs]}"
                    )
            if kept < sent:
                cuts = [_along(place, 0, kept) for place in places]
                outputs = [each[cut] for each, cut in zip(outputs, cuts, strict=True)]
            yield outputs

    def _run(self, logits: Array) -> list[Array]:
        feeds = {self._head.tensor: np.ascontiguousarray(logits), **self._numbers}
        return self._session.run(feeds, self._head.outputs)


def _along(axis: int, start: int, stop: int) -> tuple[slice, ...]:
    """What cuts an array along one axis."""
    return (slice(None),) * axis + (slice(start, stop),)


def apart(session: Session, feeds: Mapping[str, Array], names: Sequence[str]) -> tuple[str, ...]:
    """In words, what other rows of its batch do to a row of a host; at most 32 rows are run.

    Args:
        session: of the host with its head.
        feeds: its inputs by name, rows first.
        names: its outputs score and mask.
    """
    sizes = {len(array) if array.ndim else 0 for array in feeds.values()}
    declared = [dims[0] if dims else None for _, dims in session.inputs.values()]
    if len(sizes) != 1 or min(sizes) < 2 or any(isinstance(size, int) for size in declared):
        return (
            "not checked: rows of the host in other batches; its batch is fixed or has one row",
        )
    rows = min(*sizes, MOST_HOST_ROWS)
    few = {name: array[:rows] for name, array in feeds.items()}
    try:
        together = _decided(session, few, names, rows)
        if len(together[0]) != rows:
            return ("not checked: rows of the host in other batches; it has no score a row",)
        regrouped = [_decided(session, few, names, size) for size in OTHER_BATCHES]
        flipped, moved = _changes(together, regrouped, slice(0, rows))
    except LogitconfError as error:
        return (f"not checked: rows of the host in other batches; {error}",)
    coupled = bool(flipped or moved > _COUPLED)
    words = (
        f"{rows} rows of the host alone and in batches of {OTHER_BATCHES[1]}: {flipped} decide "
        f"otherwise than among all, scores change by up to {moved:.2g}"
    )
    notes = [
        f"{words}: the host couples the rows of a batch" if coupled else Reassurance(words),
    ]
    floats = [name for name, array in few.items() if array.dtype.kind == "f"]
    if floats:
        notes += _not_finite(session, few, floats, names, together)
    return tuple(notes)


def _not_finite(
    session: Session,
    feeds: Mapping[str, Array],
    floats: Sequence[str],
    names: Sequence[str],
    together: Sequence[Array],
) -> Iterator[str]:
    """What a first row of NaN or infinities gets, and what it does to the others."""
    rows = len(together[0])
    for word, value in _NOT_FINITE.items():
        spoilt = {name: array.copy() for name, array in feeds.items()}
        for name in floats:
            spoilt[name][0] = value
        try:
            score, mask = _decided(session, spoilt, names, rows)
            flipped, _ = _changes(together, [(score, mask)], slice(1, rows))
        except LogitconfError as error:
            yield f"not checked: an input of {word} alone; {error}"
            continue
        accepted = bool(np.any(mask[0]))
        verdict = "is ACCEPTED" if accepted else "is rejected"
        words = (
            f"an input of {word} alone {verdict}, and {flipped} of {rows - 1} other rows decide "
            "otherwise beside it"
        )
        yield words if accepted or flipped else Reassurance(words)


def _changes(
    together: Sequence[Array], others: Sequence[Sequence[Array]], rows: slice
) -> tuple[int, float]:
    """How many rows are decided otherwise, and the largest relative change of a score.

    Raises:
        LogitconfError: if the decisions are of another shape, so that they do not compare.
    """
    for other in others:
        if [each.shape for each in other] != [each.shape for each in together]:
            raise LogitconfError(
                "decisions must have one shape, in whatever batches the rows come, got "
                f"{[each.shape for each in together]} and {[each.shape for each in other]}"
            )
    score, mask = (each[rows].reshape(len(each[rows]), -1) for each in together)
    flipped, moved = np.zeros(len(mask), bool), 0.0
    for other in others:
        scores, masks = (each[rows].reshape(len(each[rows]), -1) for each in other)
        flipped |= (masks != mask).any(axis=1)
        both = np.isfinite(score) & np.isfinite(scores)
        with np.errstate(invalid="ignore"):
            off = np.abs(scores.astype(np.float64) - score) / np.maximum(np.abs(score), 1.0)
        moved = max(moved, float(np.where(both, off, 0.0).max(initial=0.0)))
    return int(flipped.sum()), moved


def _decided(
    session: Session, feeds: Mapping[str, Array], names: Sequence[str], size: int
) -> Sequence[Array]:
    """Score and mask of all rows, so many at a time."""
    rows = len(next(iter(feeds.values())))
    parts = [
        session.run({name: array[start : start + size] for name, array in feeds.items()}, names)
        for start in range(0, rows, size)
    ]
    return _joined(parts, [0] * len(names))


def _joined(parts: Sequence[Sequence[Array]], axes: Sequence[int]) -> list[Array]:
    """The outputs of all parts, one after the other along their rows, each with its own axis.

    Raises:
        LogitconfError: if their shapes differ in more than the number of rows.
    """
    outputs = []
    for axis, each in zip(axes, zip(*parts, strict=True), strict=True):
        shapes = {part.shape[:axis] + part.shape[axis + 1 :] for part in each if part.ndim > axis}
        if len(shapes) != 1 or any(part.ndim <= axis for part in each):
            raise LogitconfError(
                "decisions must have one shape, however many rows there are, got "
                f"{sorted({part.shape for part in each})}"
            )
        outputs.append(np.concatenate(each, axis=axis))
    return outputs
