"""What the first pass looks at: whether the rows are right, who they are, and a sample of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from logitconf.arrays import Array
from logitconf.calibration.temperature.likelihood import row_terms, usable_rows
from logitconf.distributed.reading import (
    Piece,
    Reading,
    checked_piece,
    columns_of,
    pieces_of,
    words_of,
)
from logitconf.kinds import Likeness, likeness
from logitconf.rows import Rows
from logitconf.tasks import ArrayLike, Family, signed_canonical

# The rows of the sample are those of the lowest keys. Of each, 116 bytes travel: .5 MB. The
# temperature of 4096 rows is good to some 2 %.
SAMPLE_ROWS = 1 << 12
# Powers of two times the inverse of the initial temperature, where the sample's terms are taken.
_OCTAVES = range(-4, 5)
_TERMS = 3
_FEWEST_ROWS = 16
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The rows of the lowest keys, and what each adds to the derivatives of the likelihood.

    Attributes:
        keys: (n,) ascending.
        terms: (n, 9, 3) float32: at each octave slope, curvature and third derivative.
    """

    keys: npt.NDArray[np.uint64]
    terms: npt.NDArray[np.float32]

    @classmethod
    def none(cls) -> Sample:
        """A sample of no rows."""
        return cls(np.empty(0, np.uint64), np.empty((0, len(_OCTAVES), _TERMS), np.float32))

    @property
    def limit(self) -> np.uint64:
        """No row with a higher key comes into the sample any more."""
        full = self.keys.size == SAMPLE_ROWS
        return self.keys[-1] if full else np.uint64(_MASK)

    def plus(self, *others: Sample) -> Sample:
        """The sample of all rows."""
        parts = [self, *(each for each in others if each.keys.size)]
        if len(parts) == 1:
            return self
        keys = np.concatenate([each.keys for each in parts])
        terms = np.concatenate([each.terms for each in parts])
        # rows of one key have the same terms, unless two rows share a key by chance
        order = np.lexsort((terms[:, 4, 1], terms[:, 4, 0], keys))[:SAMPLE_ROWS]
        return Sample(keys[order], terms[order])


def octaves(temperature: float) -> list[float]:
    """The inverse temperatures at which a sample is looked at, ascending."""
    return [2.0**octave / temperature for octave in _OCTAVES]


def copied_share(sample: Sample, rows: int) -> float:
    """About which share of the rows are copies of others, in [0, 1); 2 % too high or low.

    Keys are spread evenly, so how far the lowest ones reach says how many there are.

    Args:
        sample: of them.
        rows: how many there are.
    """
    distinct = np.unique(sample.keys)
    if not rows or distinct.size < 2:
        return 0.0
    different = float(distinct.size)
    if sample.keys.size == SAMPLE_ROWS:
        different = (distinct.size - 1) * 2.0**64 / float(distinct[-1])
    return max(0.0, 1.0 - different / rows)


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells rows apart from others, before it is digested.

    Attributes:
        rows: how many.
        words: four sums of what the rows are, modulo 2^64.
    """

    rows: int = 0
    words: tuple[int, int, int, int] = (0, 0, 0, 0)

    @classmethod
    def of(cls, words: npt.NDArray[np.uint64]) -> Identity:
        """Of rows with words (4, n)."""
        a, b, c, d = (int(each) for each in words.sum(axis=1, dtype=np.uint64))
        return cls(words.shape[1], (a, b, c, d))

    def plus(self, other: Identity) -> Identity:
        """Of both."""
        a, b, c, d = ((x + y) & _MASK for x, y in zip(self.words, other.words, strict=True))
        return Identity(self.rows + other.rows, (a, b, c, d))


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What all rows are.

    Attributes:
        columns: numbers a row has in logits and labels.
        labels: the lowest and highest label.
        like: what they could be besides logits.
        fitted: the rows that are fitted on.
        held: the rows that are held out; none if all are fitted on.
        usable: fitted rows, or members' rows, with a finite likelihood.
        left_out: the others.
        erring: usable ones that the likelihood does not drive to T = 0.
        ends: the lowest and highest label of usable ones.
        sample: of the fitted rows.
    """

    columns: tuple[int, ...] = ()
    labels: tuple[float, float] = (np.inf, -np.inf)
    like: Likeness = (0, 0)
    fitted: Identity = Identity()
    held: Identity = Identity()
    usable: int = 0
    left_out: int = 0
    erring: int = 0
    ends: tuple[float, float] = (np.inf, -np.inf)
    sample: Sample = field(default_factory=Sample.none)

    def plus(self, other: Survey) -> Survey:
        """Of both."""
        return Survey(
            max(self.columns, other.columns),
            _range(self.labels, other.labels),
            _likeness(self.like, other.like),
            self.fitted.plus(other.fitted),
            self.held.plus(other.held),
            self.usable + other.usable,
            self.left_out + other.left_out,
            self.erring + other.erring,
            _range(self.ends, other.ends),
            self.sample.plus(other.sample),
        )


def survey_of(reading: Reading, logits: ArrayLike, labels: ArrayLike | None) -> Survey:
    """The survey of a block of rows.

    Raises:
        LogitconfError: as :func:`~logitconf.distributed.reading.checked_piece`.
    """
    whole = Survey()
    samples: list[Sample] = []
    for piece in pieces_of(logits, labels):
        made = _of_piece(reading, piece, whole)
        samples.append(made.sample)
        whole = whole.plus(replace(made, sample=Sample.none()))
        # not after each piece, since the whole sample is put in order again
        if sum(each.keys.size for each in samples) >= SAMPLE_ROWS // 4:
            whole = replace(whole, sample=whole.sample.plus(*samples))
            samples = []
    return replace(whole, sample=whole.sample.plus(*samples))


def _of_piece(reading: Reading, piece: Piece, before: Survey) -> Survey:
    """The survey of a piece, without what cannot change that of the rows before it."""
    rows, low, high = checked_piece(reading, piece)
    if rows is None:
        return Survey(labels=(low, high))
    own = rows if len(rows) == piece.rows else rows.at(np.arange(piece.rows))
    words = words_of(own)
    held = reading.held(words[0])
    refuted = reading.kind is not None or before.like == (None, None)
    fitting = words if held is None else words[:, ~held]
    made = Survey(
        columns=tuple(columns_of(own)),
        labels=(low, high),
        like=(0, 0) if refuted else likeness(own.logits, own.layout),
        fitted=Identity.of(fitting),
        held=Identity() if held is None else Identity.of(words[:, held]),
    )
    if own.labels is None:
        return made
    chosen = own if held is None else own.at(np.flatnonzero(~held))
    return _with_likelihood(made, reading, chosen, fitting[0], before.sample.limit)


def fitting_rows(rows: Rows) -> tuple[Array, Array]:
    """Logits (N, K) and labels as the likelihood takes them; members' rows one after the other."""
    labels: Array = rows.labels
    if rows.layout.members is not None:
        labels = np.repeat(labels, rows.layout.members, axis=0)
    return signed_canonical(rows.logits, rows.layout), labels


def terms_at(
    logits: Array, labels: Array, family: Family, points: list[float]
) -> npt.NDArray[np.float64]:
    """:func:`~logitconf.calibration.temperature.likelihood.row_terms`, however few rows there are.

    NumPy adds up a row in another order where it is alone.
    """
    rows = len(logits)
    if 0 < rows < _FEWEST_ROWS:
        logits, labels = (
            np.concatenate([each, np.repeat(each[:1], _FEWEST_ROWS - rows, axis=0)])
            for each in (logits, labels)
        )
    return row_terms(logits, labels, family=family, inverse_temperatures=points)[..., :rows]


def _with_likelihood(
    survey: Survey, reading: Reading, rows: Rows, keys: npt.NDArray[np.uint64], limit: np.uint64
) -> Survey:
    family = rows.layout.family
    logits, labels = fitting_rows(rows)
    with np.errstate(all="ignore"):
        usable = (
            np.asarray(usable_rows(logits, labels, family)) if len(logits) else np.ones(0, bool)
        )
    x, y = logits[usable], labels[usable]
    ends = (float(y.min()), float(y.max())) if y.size else (np.inf, -np.inf)
    return replace(
        survey,
        usable=int(usable.sum()),
        left_out=int((~usable).sum()),
        erring=_erring(x, y, family),
        ends=ends,
        sample=_sample(reading, rows, keys, usable, limit),
    )


def _erring(logits: Array, labels: Array, family: Family) -> int:
    """Rows of which the likelihood of the labels falls in the end as T goes to 0."""
    if not len(logits):
        return 0
    if family == "categorical":
        own = np.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
        return int((own < logits.max(axis=1)).sum())
    against = ((logits > 0) & (labels < 1)) | ((logits < 0) & (labels > 0))
    return int(against.any(axis=1).sum())


def _sample(
    reading: Reading,
    rows: Rows,
    keys: npt.NDArray[np.uint64],
    usable: npt.NDArray[np.bool_],
    limit: np.uint64,
) -> Sample:
    """A sample of usable rows, in any order; of members', those of which all are."""
    members = rows.layout.members or 1
    chosen = np.flatnonzero((keys <= limit) & usable.reshape(-1, members).all(axis=1))
    if not chosen.size:
        return Sample.none()
    if chosen.size > SAMPLE_ROWS:
        # not more of one piece than could be kept
        last = np.partition(keys[chosen], SAMPLE_ROWS - 1)[SAMPLE_ROWS - 1]
        chosen = chosen[keys[chosen] <= last]
    logits, labels = fitting_rows(rows.at(chosen))
    terms = terms_at(logits, labels, rows.layout.family, octaves(reading.temperature))[:, 1:]
    with np.errstate(over="ignore"):
        single = terms.reshape(*terms.shape[:2], -1, members).sum(axis=3).astype(np.float32)
    return Sample(keys[chosen], np.moveaxis(single, 2, 0))


def _range(first: tuple[float, float], second: tuple[float, float]) -> tuple[float, float]:
    return min(first[0], second[0]), max(first[1], second[1])


def _likeness(first: Likeness, second: Likeness) -> Likeness:
    probable, logarithms = (
        None if a is None or b is None else a + b for a, b in zip(first, second, strict=True)
    )
    return probable, logarithms
