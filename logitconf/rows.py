"""The rows that a score is fitted on, as one value: logits, labels, and what follows from them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from logitconf.arrays import Array, dtype_name, namespace, rows_at, to_numpy
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

Positions: TypeAlias = npt.NDArray[np.int64]
Keys: TypeAlias = npt.NDArray[np.uint64]

# A digest of today: it does not depend on the order of the rows. Those without it are older.
_SUM_OF_ROWS = "sum:"
# Rows are digested in blocks that stay in a level-2 cache.
_BLOCK_ELEMENTS = 1 << 16
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, eq=False)
class Rows:
    """Checked logits and labels, and what follows from them: each made once, when first asked for.

    Attributes:
        logits: (N, ...) as the layout says; of the library and on the device that they came in.
        layout: where classes and members lie.
        labels: of the same library; categorical (N,), labels and one logit (N, L); None if none.
        kind: what they were given as, before they became logits.
    """

    logits: Array
    layout: Layout
    labels: Array | None = None
    kind: InputKind = "logits"

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
        if what != "logits":
            values = logits_of(at_least_float32(values), layout, what)
        return cls(values, layout, checked, what)

    def __len__(self) -> int:
        return int(self.logits.shape[0])

    def at(self, positions: Positions) -> Rows:
        """The rows at these positions."""
        labels = None if self.labels is None else rows_at(self.labels, positions)
        return Rows(rows_at(self.logits, positions), self.layout, labels, self.kind)

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
        return to_numpy(namespace(self.logits).argmax(self.logits, axis=1))

    @cached_property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether the labelled rows of one model are predicted right, (N,); per label (N, L)."""
        if self.predicted is not None:
            return np.asarray(self.predicted == to_numpy(self.labels))
        labels: Array = self.labels
        return to_numpy(predicted_correctly(self.logits, labels, self.layout))

    @cached_property
    def identity(self) -> RowsIdentity:
        """What tells these rows apart from others."""
        return _identity_of(self.logits, self.labels)

    @contextmanager
    def identified_meanwhile(self) -> Iterator[None]:
        """Makes the identity in a thread beside the arithmetic in the block."""
        with ThreadPoolExecutor(1) as pool:
            pool.submit(getattr, self, "identity")
            yield

    def matches(self, digest: object) -> bool:
        """Whether a card's digest, of today or of an older version, is that of these rows."""
        if not isinstance(digest, str):
            return False
        if digest.startswith(_SUM_OF_ROWS):
            return digest == self.identity.sha256
        return digest == _digest_in_order(self.logits, self.labels)


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
    order = np.random.default_rng(seed).permutation(rows)
    return np.sort(order[:kept]), np.sort(order[kept:])


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


def shared_rows(fitted: Keys, certifying: Keys) -> int:
    """How many of the certifying rows are among the fitted."""
    return int(np.isin(certifying, fitted).sum())


def overlap_note(shared: int, rows: int) -> str:
    """What to tell a user whose certifying rows were fitted on too."""
    return (
        f"{shared} of the {rows} rows that certify the risk were used to fit too, so "
        "the promise may be too good; fit with holdout=0.5, or calibrate on other rows"
    )


@dataclass(frozen=True, slots=True, eq=False)
class RowsIdentity:
    """What tells rows apart.

    Attributes:
        sha256: a digest of all of them, whatever their order, library and precision: SHA-256 of
            their number and of sums of the rows' own digests. It tells rows apart that differ by
            chance or mistake; who wants to can make others with the same sums.
        keys: (N,) a number for each row, the same for the same row; None without labels.
    """

    sha256: str
    keys: Keys | None


def _identity_of(logits: Array, labels: Array | None) -> RowsIdentity:
    """The identity of checked logits and labels."""
    xp, rows = namespace(logits), int(logits.shape[0])
    parts = [
        xp.reshape(array, (rows, math.prod(array.shape[1:])))
        for array in (logits, labels)
        if array is not None
    ]
    columns = [int(part.shape[1]) for part in parts]
    factors = np.split(_factors(sum(columns)), np.cumsum(columns)[:-1])
    words, keys = np.zeros(4, np.uint64), np.empty(rows, np.uint64)
    step = max(1, _BLOCK_ELEMENTS // max(1, sum(columns)))
    for start in range(0, rows, step):
        block = slice(start, min(start + step, rows))
        lanes = [_bits(part[block, ...]) @ own for part, own in zip(parts, factors, strict=True)]
        first, second = np.add.reduce(lanes).T
        # what is summed must not be linear in the rows' values, or values could trade places
        mixed = [_mixed(first), _mixed(second)]
        mixed += [_mixed(first + _GOLDEN * second), _mixed(second + _GOLDEN * first)]
        keys[block] = mixed[0]
        words += [word.sum(dtype=np.uint64) for word in mixed]
    digest = hashlib.sha256(f"{rows} rows of {columns}".encode())
    digest.update(words.astype("<u8").tobytes())
    return RowsIdentity(_SUM_OF_ROWS + digest.hexdigest(), None if labels is None else keys)


def _bits(values: Array) -> npt.NDArray[np.uint64]:
    """What the numbers (n, K) are, as float64 bits that are the same for the same numbers."""
    exact = to_numpy(values).astype(np.float64, order="C")
    exact += 0.0  # -0 is 0
    exact[np.isnan(exact)] = np.nan
    bits = exact.view(np.uint64)
    # high bits, where few-digit floats differ, are folded onto the low ones before they are mixed
    return bits ^ (bits >> np.uint64(29))


def _factors(columns: int) -> npt.NDArray[np.uint64]:
    """Two odd factors a column, (K, 2); fixed for ever, as digests are kept in cards."""
    places = np.arange(1, 2 * columns + 1, dtype=np.uint64).reshape(columns, 2)
    return _mixed(places * _GOLDEN) | np.uint64(1)


def _mixed(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Words in which every bit depends on all bits of those given.

    Source: Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators" (mix64).
    """
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _digest_in_order(logits: Array, labels: Array | None) -> str:
    """The digest of cards of version 0.1: SHA-256 of torch's names of dtypes, and the content."""
    digest = hashlib.sha256()
    for array in (logits,) if labels is None else (logits, labels):
        name, content = dtype_name(array), array
        if name == "bfloat16":
            content = array.view(namespace(array).int16)
        raw: npt.NDArray[Any] = to_numpy(content)
        raw = np.ascontiguousarray(raw, dtype=raw.dtype.newbyteorder("="))
        digest.update(f"torch.{name} {len(raw)} {raw.size}".encode())
        digest.update(raw.data)
    return digest.hexdigest()
