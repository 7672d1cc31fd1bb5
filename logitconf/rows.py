"""The rows that a score is fitted on, as one value: logits, labels, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from logitconf.arrays import Array, aligned, dtype_name, namespace, rows_at, to_numpy
from logitconf.blocks.cutting import CACHED_ELEMENTS, cut, elements_of
from logitconf.blocks.identity import SUM_OF_ROWS, RowsIdentity, digest_in_order, identity_of
from logitconf.blocks.pages import let_go, letting_go, scattered_rows
from logitconf.blocks.threads import cores, in_threads
from logitconf.errors import LogitconfError, share_hint
from logitconf.kinds import kind_of_rows
from logitconf.notebook.brief import brief
from logitconf.tasks import (
    ArrayLike,
    InputKind,
    Layout,
    Task,
    canonical,
    check_labels,
    check_logits,
    logits_of,
    predicted_correctly,
)
from logitconf.telling.progress import work

Result = TypeVar("Result")
Positions: TypeAlias = npt.NDArray[np.integer[Any]]

# Pieces of rows that must be gathered are of so many blocks.
_BLOCKS_A_PIECE = 8
# Rows of which at least one in so many is looked up are read as if all were.
_NEAR = 64
_MANY_ROWS = 1 << 20


@dataclass(frozen=True, eq=False)
class Rows:
    """Checked logits and labels, and what follows from them, made when it is asked for.

    Some rows of many are no copy: they are looked up block by block, and so are logits that are
    made from probabilities. `logits` and `labels` hold all of them at once, and copy then.

    Attributes:
        source: (S, ...) as the layout says; of the library and on the device that they came in.
        layout: where classes and members lie.
        source_labels: of the same library; categorical (S,), labels and one logit (S, L); or None.
        kind: what they were given as, before they became logits.
        positions: (N,) of the rows in the source; None: all of them.
        unmade: what the source still holds, if it must become logits.
    """

    source: Array
    layout: Layout
    source_labels: Array | None = None
    kind: InputKind = "logits"
    positions: Positions | None = None
    unmade: InputKind = "logits"

    __repr__ = brief

    @classmethod
    def checked(
        cls,
        logits: ArrayLike,
        labels: ArrayLike | None,
        task: Task,
        *,
        kind: str | None = None,
        per_member: bool = False,
        per_label: bool = False,
    ) -> Rows:
        """The rows that a user gives, as logits.

        Args:
            logits: shaped as the task says; or probabilities, as ``kind`` says.
            labels: as the task says, or None.
            task: what the columns mean.
            kind: what the numbers are; None: logits, unless they look like probabilities.
            per_member: whether members come last.
            per_label: whether each label is judged by itself.

        Raises:
            LogitconfError: if logits or labels do not fit the task, or the numbers are not what was
                said, or look like probabilities where nothing was said.
        """
        check_order(logits, labels)
        values, layout = check_logits(logits, task, per_member=per_member, per_label=per_label)
        checked = None if labels is None else check_labels(labels, values, layout)
        what = kind_of_rows(values, layout, kind)
        return cls(values, layout, checked, what, unmade=what)

    def __len__(self) -> int:
        return int(self.source.shape[0]) if self.positions is None else len(self.positions)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the logits, (N, ...)."""
        return (len(self), *self.source.shape[1:])

    def at(self, positions: Positions) -> Rows:
        """The rows at these positions; no copy."""
        if self.positions is not None:
            positions = self.positions[positions]
        return replace(self, positions=positions)

    def block(self, rows: slice) -> Rows:
        """Consecutive rows; a copy where they must be looked up or made."""
        logits, labels = (
            None if part is None else self._own(part, rows)
            for part in (self.source, self.source_labels)
        )
        if self.unmade != "logits":
            logits = logits_of(at_least_float32(logits), self.layout, self.unmade)
        return Rows(logits, self.layout, labels, self.kind)

    def _own(self, part: Array, rows: slice) -> Array:
        if self.positions is None:
            return aligned(part[rows, ...])
        positions = self.positions[rows]
        near = len(positions) > 0 and np.ptp(positions) <= _NEAR * len(positions)
        return rows_at(part, positions) if near else scattered_rows(part, positions)

    @property
    def plain(self) -> bool:
        """Whether the source is just these logits."""
        return self.positions is None and self.unmade == "logits"

    @cached_property
    def logits(self) -> Array:
        """All logits, (N, ...)."""
        return self._whole.source

    @cached_property
    def labels(self) -> Array | None:
        """All labels."""
        if self.source_labels is None or self.positions is None:
            return self.source_labels
        return rows_at(self.source_labels, self.positions)

    def pieces(self) -> Iterator[tuple[Array, Array | None]]:
        """Logits and labels, from the first row to the last: at once if that copies nothing."""
        cuts = [slice(0, len(self))]
        if self._cuts and (not self.plain or self.layout.members is not None):
            cuts = cut(len(self), 1, self._cuts[0].stop * _BLOCKS_A_PIECE)
        for rows in cuts:
            block = self.block(rows)
            yield block.source, block.source_labels
            if len(cuts) > 1:
                self._let_go()

    def _let_go(self) -> None:
        let_go(self.source)
        let_go(self.source_labels)

    def each_block(self, function: Callable[[Rows], Result], what: str) -> list[Result]:
        """What the function gives for each block of rows, in their order; at least one.

        Args:
            function: of some of the rows; called in several threads, if NumPy computes them.
            what: is done, for those who wait.
        """
        if len(self._cuts) < 2:
            return [function(self._whole)]
        return self._walked(lambda rows: function(self.block(rows)), what)

    def collected(self, function: Callable[[Rows], tuple[Array, ...]], what: str) -> list[Array]:
        """The arrays (N, ...) that a function of a block of n rows gives as (n, ...)."""
        if len(self._cuts) < 2:
            return list(function(self._whole))
        whole: list[npt.NDArray[Any]] = []

        def placed(rows: slice) -> tuple[Array, ...]:
            parts = function(self.block(rows))
            if not whole:
                return parts
            for all_rows, part in zip(whole, parts, strict=True):
                all_rows[rows] = part
            return ()

        # NumPy's are put in their places at once; the first block tells what there is to place
        first = function(self.block(self._cuts[0]))
        if all(isinstance(part, np.ndarray) for part in first):
            whole += [np.empty((len(self), *part.shape[1:]), part.dtype) for part in first]
        parts = self._walked(placed, what)
        return [*whole] or [
            namespace(same[0]).concat(same, axis=0) for same in zip(*parts, strict=True)
        ]

    def _walked(self, of_block: Callable[[slice], Result], what: str) -> list[Result]:
        alone = elements_of(self.source) != CACHED_ELEMENTS
        reading = letting_go(of_block, self.source)
        let_go(self.source_labels)
        with work(what, len(self)) as advance:
            made = in_threads(reading, self._cuts, advance=advance, threads=1 if alone else None)
        self._let_go()
        return made

    @property
    def _cuts(self) -> list[slice]:
        return cut(len(self), self._columns, elements_of(self.source))

    @property
    def _whole(self) -> Rows:
        return self if self.plain else self.block(slice(0, len(self)))

    @property
    def _columns(self) -> int:
        return math.prod(self.source.shape[1:])

    @cached_property
    def values(self) -> Array:
        """The logits as they are computed with: half precision as float32, all else as it is."""
        return at_least_float32(self.logits)

    @cached_property
    def _unsigned(self) -> Array:
        return canonical(self.values, self.layout)

    def canonical(self, *, signed: bool) -> Array:
        """The logits as scores take them; see :func:`logitconf.tasks.canonical`."""
        if signed:
            return canonical(self.values, self.layout, signed=True)
        return self._unsigned

    @cached_property
    def predicted(self) -> npt.NDArray[np.int64] | None:
        """The predicted class, (N,); None unless classes compete in one model."""
        if self.layout.family != "categorical" or self.layout.members is not None:
            return None
        (classes,) = self.collected(_predicted, "Predicting")
        return np.asarray(classes)

    @cached_property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether the labelled rows of one model are predicted right, (N,); per label (N, L)."""
        if self.predicted is not None:
            return np.asarray(self.predicted == to_numpy(self.labels))
        (right,) = self.collected(_right, "Predicting")
        return np.asarray(right)

    @cached_property
    def identity(self) -> RowsIdentity:
        """What tells these rows apart from others."""
        shapes = [self.shape]
        if self.source_labels is not None:
            shapes.append((len(self), *self.source_labels.shape[1:]))

        def parts(rows: slice) -> list[Array]:
            block = self.block(rows)
            both = [block.source, block.source_labels]
            return [part for part in both if part is not None]

        identity = identity_of(shapes, letting_go(parts, self.source, blocks=2))
        return identity if len(shapes) > 1 else replace(identity, keys=None)

    @contextmanager
    def identified_meanwhile(self) -> Iterator[None]:
        """Makes the identity in a thread beside the arithmetic in the block, if there is a core."""
        if cores() == 1:
            # two threads would only push each other's blocks out of the cache
            yield
            _ = self.identity
            return
        with ThreadPoolExecutor(1) as pool:
            made = pool.submit(getattr, self, "identity")
            yield
            made.result()

    def matches(self, digest: object) -> bool:
        """Whether a card's digest, of today or of an older version, is that of these rows."""
        if not isinstance(digest, str):
            return False
        if digest.startswith(SUM_OF_ROWS):
            return digest == self.identity.sha256
        return digest == digest_in_order(self.logits, self.labels)


def _predicted(rows: Rows) -> tuple[Array]:
    return (to_numpy(namespace(rows.source).argmax(rows.source, axis=1)),)


def _right(rows: Rows) -> tuple[Array]:
    labels: Array = rows.source_labels
    return (to_numpy(predicted_correctly(rows.source, labels, rows.layout)),)


def check_order(logits: ArrayLike, labels: ArrayLike | None) -> None:
    """Refuses labels in the place of logits, where both tell by type and shape what they are.

    Raises:
        LogitconfError: if they are swapped.
    """
    pair: list[Any] = [
        each for each in (logits, labels) if hasattr(each, "dtype") and hasattr(each, "ndim")
    ]
    types = [(dtype_name(each).rstrip("0123456789"), each.ndim) for each in pair]
    if types in ([("int", 1), ("float", 2)], [("uint", 1), ("float", 2)]):
        raise LogitconfError(
            "logits must come first and labels after them, got whole numbers of shape "
            f"{tuple(pair[0].shape)} and then numbers of shape {tuple(pair[1].shape)}; swap the two"
        )


def at_least_float32(logits: Array) -> Array:
    """Half precision as float32, all else as it is."""
    xp = namespace(logits)
    name = dtype_name(logits)
    return logits if name == "float64" else xp.astype(logits, xp.float32, copy=False)


def split_rows(rows: int, holdout: float, seed: int) -> tuple[Positions, Positions]:
    """Rows to fit on and rows held out: a plain random draw, blind to what the rows hold.

    Every set of so many rows is as likely as every other, so if the rows are independent draws, the
    held-out ones are too, and independent of the others: that is what a certificate on them needs.
    A draw that balances the labels lacks it: where labels have one row each, it may be fixed.

    Args:
        rows: how many there are, N.
        holdout: share of the rows to hold out, in (0, 1).
        seed: of the draw; the same seed gives the same rows, and a larger share holds out the rows
            of a smaller one too.

    Returns:
        Two ascending arrays of positions that have no row in common and together all N.

    Raises:
        LogitconfError: for another share, or where one part would have no row.

    >>> fitted, held = split_rows(6, 0.5, seed=0)
    >>> len(fitted), len(held), sorted([*fitted, *held]) == list(range(6))
    (3, 3, True)
    """
    check_holdout(holdout)
    kept = rows - math.floor(rows * holdout + 0.5)
    if not 0 < kept < rows:
        raise LogitconfError(f"a holdout of {holdout:g} leaves one part of {rows} rows empty")
    # the draw is the same in few bytes
    order: Positions = np.arange(rows, dtype=np.int64 if rows <= _MANY_ROWS else np.int32)
    np.random.default_rng(seed).shuffle(order)
    fitted, held = order[:kept], order[kept:]
    fitted.sort()
    held.sort()
    return fitted, held


def check_holdout(holdout: float) -> None:
    """Checks that a part of the rows can be held out.

    Raises:
        LogitconfError: unless the share lies in (0, 1).
    """
    if not 0.0 < holdout < 1.0:
        raise LogitconfError(
            "holdout must be a share of the rows in (0, 1), such as 0.5, got "
            f"{holdout}{share_hint(holdout)}"
        )


def overlap_note(shared: int, rows: int) -> str:
    """What to tell a user whose certifying rows were fitted on too."""
    return (
        f"{shared} of the {rows} rows that certify the risk were used to fit too, so "
        "the promise may be too good; fit with holdout=0.5, or calibrate on other rows"
    )
