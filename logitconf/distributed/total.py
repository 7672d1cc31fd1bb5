"""What a pass over rows comes to: an exact sum of its blocks, whatever their order."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from logitconf.distributed.reading import Shape
from logitconf.distributed.score_counts import ScoreCounts
from logitconf.distributed.survey import Identity, Sample, Survey
from logitconf.distributed.wire import packed, packed_sums, unpacked, unpacked_sums
from logitconf.errors import LogitconfError

if TYPE_CHECKING:
    from typing_extensions import Self

_VERSION = 1
# Of what is wrong with rows, the first so many sentences in alphabetical order.
_MOST_PROBLEMS = 8


@dataclass(frozen=True, slots=True)
class LikelihoodTotal:
    """Sums of the negative log-likelihood and its derivatives.

    Attributes:
        usable: rows that were added up.
        sums: for each point NLL, slope, curvature and third derivative, as
            :mod:`~logitconf.distributed.exact_sums` keeps them.
        beyond: terms too large for float64.
    """

    usable: int
    sums: tuple[int, ...]
    beyond: int = 0

    def plus(self, other: LikelihoodTotal) -> LikelihoodTotal:
        """Of both."""
        if len(self.sums) != len(other.sums):
            raise _mixed()
        return LikelihoodTotal(
            self.usable + other.usable,
            tuple(a + b for a, b in zip(self.sums, other.sums, strict=True)),
            self.beyond + other.beyond,
        )


@dataclass(frozen=True, slots=True, eq=False)
class ScoresTotal:
    """Counts of scores.

    Attributes:
        judged: rows that count: those held out, or all.
        not_finite: scores that are not finite.
        errors: wrong rows, or decisions.
        counts: of the finite scores.
        without: of rows without one, in the place of each group's lowest score.
    """

    judged: int
    not_finite: int
    errors: int
    counts: ScoreCounts
    without: ScoreCounts

    def plus(self, other: ScoresTotal) -> ScoresTotal:
        """Of both."""
        return ScoresTotal(
            self.judged + other.judged,
            self.not_finite + other.not_finite,
            self.errors + other.errors,
            self.counts.plus(other.counts),
            self.without.plus(other.without),
        )


Part: TypeAlias = Survey | LikelihoodTotal | ScoresTotal


@dataclass(frozen=True, slots=True, eq=False)
class Total:
    """The answer to a request; adding up is exact, in any order.

    Attributes:
        request: the number of the request.
        rows: that were read.
        part: what was asked for.
        problems: what is wrong with rows, in words, sorted.
        shapes: of the logits that were read: axes of a row, dtype, whether it has a label; sorted.
    """

    request: int
    rows: int
    part: Part
    problems: tuple[str, ...] = ()
    shapes: tuple[Shape, ...] = ()

    def plus(self, other: Total) -> Total:
        """The answer for the rows of both.

        Raises:
            LogitconfError: for the answer to another request.
        """
        own, others = self.part, other.part
        if self.request != other.request or type(own) is not type(others):
            raise _mixed()
        problems = sorted({*self.problems, *other.problems})[:_MOST_PROBLEMS]
        part = own.plus(others)  # type: ignore[arg-type]
        shapes = sorted({*self.shapes, *other.shapes})[:_MOST_PROBLEMS]
        rows = self.rows + other.rows
        return Total(self.request, rows, part, tuple(problems), tuple(shapes))

    def to_bytes(self) -> bytes:
        """What travels, at most 1 MB; the same for the same rows, however they were spread."""
        import msgspec

        kind, values = _plain(self.part)
        whole = (_VERSION, self.request, self.rows, self.problems, self.shapes, kind, values)
        return msgspec.msgpack.encode(whole)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The total that :meth:`to_bytes` gave.

        Raises:
            LogitconfError: for other bytes, or those of another version.
        """
        import msgspec

        try:
            version, request, rows, problems, shapes, kind, values = msgspec.msgpack.decode(data)
            if version != _VERSION:
                raise LogitconfError(
                    f"a total must be of version {_VERSION}, got {version}; install the same "
                    "version of logitconf on all machines"
                )
            shaped = tuple((tuple(sizes), dtype, labelled) for sizes, dtype, labelled in shapes)
            return cls(request, rows, _part(kind, values), tuple(problems), shaped)
        except (msgspec.DecodeError, TypeError, ValueError, IndexError) as error:
            if isinstance(error, LogitconfError):
                raise
            raise LogitconfError(
                "a total must be the bytes of Total.to_bytes(), got others"
            ) from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Total) and self.to_bytes() == other.to_bytes()

    def __hash__(self) -> int:
        return hash(self.to_bytes())

    def __reduce__(self) -> tuple[Any, ...]:
        return Total.from_bytes, (self.to_bytes(),)


def _mixed() -> LogitconfError:
    return LogitconfError(
        "totals that are added up must answer the same request, got those of two; add up the "
        "answers of one pass alone"
    )


def _plain(part: Part) -> tuple[str, list[Any]]:
    """The name of a part, and what is in it as numbers, text and bytes."""
    if isinstance(part, LikelihoodTotal):
        return "likelihood", [part.usable, packed_sums(part.sums), part.beyond]
    if isinstance(part, ScoresTotal):
        both = [_plain_counts(part.counts), _plain_counts(part.without)]
        return "scores", [part.judged, part.not_finite, part.errors, *both]
    values: list[Any] = []
    for each in fields(part):
        value = getattr(part, each.name)
        if isinstance(value, Identity):
            value = [value.rows, value.words]
        elif isinstance(value, Sample):
            value = [value.keys.astype("<u8").tobytes(), value.terms.astype("<f4").tobytes()]
        values.append(value)
    return "survey", values


def _plain_counts(counts: ScoreCounts) -> list[Any]:
    steps = np.diff(counts.bins, prepend=np.uint64(0))
    return [counts.bits, *(packed(each) for each in (steps, counts.right, counts.wrong))]


def _counts(values: list[Any]) -> ScoreCounts:
    steps, right, wrong = (unpacked(each) for each in values[1:])
    bins = np.cumsum(steps, dtype=np.uint64)
    return ScoreCounts(values[0], bins, right.astype(np.int64), wrong.astype(np.int64))


def _part(kind: str, values: list[Any]) -> Part:
    if kind == "likelihood":
        return LikelihoodTotal(values[0], unpacked_sums(values[1]), values[2])
    if kind == "scores":
        return ScoresTotal(*values[:3], *map(_counts, values[3:]))
    if kind != "survey":
        raise ValueError(kind)
    *plain, (keys, terms) = values
    columns, labels, like, fitted, held, usable, left_out, erring, ends = plain
    own = np.frombuffer(keys, "<u8").astype(np.uint64)
    shape = (own.size, *Sample.none().terms.shape[1:])
    single = np.frombuffer(terms, "<f4").astype(np.float32).reshape(shape)
    return Survey(
        tuple(columns),
        tuple(labels),
        tuple(like),
        Identity(fitted[0], tuple(fitted[1])),
        Identity(held[0], tuple(held[1])),
        usable,
        left_out,
        erring,
        tuple(ends),
        Sample(own, single),
    )
