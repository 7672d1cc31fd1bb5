"""What is known of a runtime's operations, as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from logitconf.errors import LogitconfError

PATHS = ("body", "offset", "tail", "one element")
"""Where in a buffer an element may lie: among many, among many that begin beside the alignment of
vectors, among the few behind the last whole vector, or alone."""


ALL_PATHS = "all"
"""Stands for all of them, where their bounds are the same."""

LEAST_SEEN: Mapping[str, float] = {"LogSoftmax exp": 2.0**-6, "LogSoftmax log": 0.5}
"""Operations inside of a kernel whose small results cannot be seen: errors are in ulps of the exact
result or of this number, whichever is larger."""


class MissingTableError(LogitconfError):
    """There is no table for what was asked; the message says for what."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where operations were tried; another one needs tables of its own.

    Attributes:
        runtime: as ``--on`` takes it, or ``"torch"`` or ``"numpy"``.
        version: of the runtime.
        provider: of onnxruntime, by its short name; ``"cpu"`` elsewhere.
        processor: its maker, family and widest vectors, by which runtimes choose their code.
        system: operating system and machine.
    """

    runtime: str
    version: str
    provider: str
    processor: str
    system: str

    @property
    def name(self) -> str:
        """The runtime, its version, and its provider unless that is the CPU's."""
        return f"{self.runtime} {self.version}" + f" ({self.provider})" * (self.provider != "cpu")


@dataclass(frozen=True, slots=True)
class Piece:
    """Errors over a range of inputs.

    An error is (result − exact) / ulp(exact), exact being a real number and its ulp that of the
    element type, at least its smallest subnormal: 2^-149 in float32.

    Attributes:
        low: first input, included.
        high: last input, included.
        least: no error is below; ≤ 0.
        most: no error is above; ≥ 0.
    """

    low: float
    high: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class OperationTable:
    """One operation on one path, over a range of inputs.

    Attributes:
        operation: ONNX's name; ``"Softmax exp"`` for the exponential inside a Softmax,
            ``"LogSoftmax exp"`` and ``"LogSoftmax log"`` for those inside a LogSoftmax, which are
            seen in the largest class alone, see :data:`LEAST_SEEN`.
        element: ``"float32"`` or ``"float64"``.
        path: one of :data:`PATHS`, or :data:`ALL_PATHS`.
        pieces: the range, in ascending order, without gaps.
        tried: how many inputs were tried.
        floats: how many there are in the range; None where there are two operands, whose pairs
            nobody can try.
        worst_at: the input with the largest error in size.
        backward_steps: neighbours among the inputs tried whose results go the wrong way.
        largest_backward: the longest of these steps, in floats; 0 if it is monotone.
        constant: the second operand, where it is a constant of the graph.
    """

    operation: str
    element: str
    path: str
    pieces: tuple[Piece, ...]
    tried: int
    floats: int | None
    worst_at: float
    backward_steps: int = 0
    largest_backward: int = 0
    constant: float | None = None

    @property
    def exhaustive(self) -> bool:
        """Whether every input of the range was tried."""
        return self.tried == self.floats

    @property
    def monotone(self) -> bool:
        """Whether no two neighbours tried go the wrong way."""
        return self.backward_steps == 0

    @property
    def worst(self) -> float:
        """The largest error in size, in ulps."""
        return max(max(-piece.least, piece.most) for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class SpecialTable:
    """What an operation makes of values that are no ordinary numbers, and of some that are.

    Attributes:
        operation: ONNX's name.
        element: of the operands; a result that is a bool counts as 0 or 1.
        values: that each operand took, as text, such as ``"nan"``, ``"-inf"`` or ``"-0.0"``.
        operands: how many; of a reduction those of a row, see ``reduced``.
        results: for every combination, the last operand changing first: every result that some
            place in a buffer gave, as text, joined by ``|``; combinations are joined by a space.
        reduced: whether the operands (a, b, c) stand for rows: some times a, then b once, then some
            times c.
    """

    operation: str
    element: str
    values: tuple[str, ...]
    operands: int
    results: str
    reduced: bool = False

    def result_of(self, inputs: tuple[str, ...]) -> tuple[float, ...] | None:
        """Every result of one combination, in order, NaN last; None if it was not tried."""
        if len(inputs) != self.operands or not set(inputs) <= set(self.values):
            return None
        place = 0
        for value in inputs:
            place = place * len(self.values) + self.values.index(value)
        return tuple(float(result) for result in self.results.split()[place].split("|"))


@dataclass(frozen=True, slots=True)
class SumTable:
    """How a sum is added up.

    Attributes:
        operation: ``"ReduceSum"``, ``"ReduceL1"`` or ``"Gemm"``; ``"Softmax sum"`` and
            ``"LogSoftmax sum"`` for the sums inside those.
        element: ``"float32"`` or ``"float64"``.
        terms: how many are added.
        axis: ``"last"``, or ``"inner"`` for one with others behind it.
        rows: how many sums were made at once.
        depth: no term passes through more additions, each of which rounds once.
        probed: of how many terms that is known: all, or 0 where it is only what no order exceeds.
        worst: largest error over 2^-24 (2^-53 in float64) times the sum of sizes, of random rows.
        alike: so many rows at once gave the same bits of random rows at every place, besides
            `rows`.
        threads: on so many threads as well.
    """

    operation: str
    element: str
    terms: int
    axis: Literal["last", "inner"]
    rows: int
    depth: int
    probed: int
    worst: float
    alike: tuple[int, ...] = ()
    threads: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """How the depth of sums grows with the number of their terms.

    Attributes:
        kind: ``"pairwise"``: with its logarithm; ``"running sums"``: each takes its share of the
            terms; ``"one after the other"``; ``"any"``: some were not probed.
        running: how many running sums; 1 where all terms are added one after the other.
        more: additions beyond what the kind says, such as of the running sums themselves.
        measured: of so many terms at most.
    """

    kind: Literal["pairwise", "running sums", "one after the other", "any"]
    running: int
    more: int
    measured: int

    @classmethod
    def of(cls, sums: Sequence[SumTable]) -> Order:
        """The order of sums of several numbers of terms; at least one."""
        most = max(table.terms for table in sums)
        depth = max(table.depth for table in sums if table.terms == most)
        if any(table.probed != table.terms for table in sums):
            return cls("any", 1, 0, most)
        running = max(1, round(most / max(depth, 1)))
        if depth <= 4 * math.log2(max(most, 2)):
            order = cls("pairwise", running, 0, most)
        elif running > 1:
            order = cls("running sums", running, 0, most)
        else:
            order = cls("one after the other", 1, 0, most)
        more = max(table.depth - order.at_most(table.terms) for table in sums)
        return replace(order, more=max(more, 0))

    @property
    def pinned(self) -> bool:
        """Whether sums are known to be better than one term after the other."""
        return self.kind in ("pairwise", "running sums")

    def at_most(self, terms: int) -> int:
        """No term of so many passes through more additions, if those measured are as others are."""
        if self.kind == "pairwise":
            depth = math.ceil(math.log2(max(terms, 1))) + self.more
        elif self.kind == "running sums":
            depth = -(-terms // self.running) + self.more
        else:
            depth = terms - 1
        return max(0, min(depth, terms - 1))


@dataclass(frozen=True, slots=True)
class Error:
    """Between which bounds errors lie, in ulps of the exact result, over all paths.

    Attributes:
        least: ≤ 0.
        most: ≥ 0.
        exhaustive: whether every input was tried on every path.
        largest_backward: the longest step that goes the wrong way on one path, in floats.
    """

    least: float
    most: float
    exhaustive: bool
    largest_backward: int


@dataclass(frozen=True, slots=True)
class RuntimeTables:
    """All that is known of a runtime's operations.

    Attributes:
        environment: where it was measured.
        date: of the day, ISO.
        seconds: that it took.
        threads: that the runtime was let use; None if it chose.
        operations: one operation on one path each.
        specials: what becomes of NaN, infinities, zeros and subnormals.
        sums: how sums are added up.
        refused: operations that it does not compute, not so as to be judged, or not in time; why.
    """

    environment: Environment
    date: str
    seconds: float
    threads: int | None
    operations: tuple[OperationTable, ...]
    specials: tuple[SpecialTable, ...] = ()
    sums: tuple[SumTable, ...] = ()
    refused: tuple[str, ...] = ()

    def of(
        self, operation: str, element: str = "float32", constant: float | None = None
    ) -> list[OperationTable]:
        """The tables of one operation; none if it was not measured."""
        wanted = (operation, element, constant)
        return [t for t in self.operations if (t.operation, t.element, t.constant) == wanted]

    def pieces(
        self,
        operation: str,
        path: str,
        *,
        element: str = "float32",
        constant: float | None = None,
    ) -> list[Piece]:
        """Errors of an operation on one path, over all that was tried, in ascending order."""
        tables = [t for t in self.of(operation, element, constant) if t.path in (path, ALL_PATHS)]
        pieces = [piece for table in tables for piece in table.pieces]
        return sorted(pieces, key=lambda piece: piece.low)

    def error(
        self,
        operation: str,
        low: float,
        high: float,
        *,
        element: str = "float32",
        constant: float | None = None,
    ) -> Error:
        """The errors of an operation on inputs in [low, high], wherever they lie in a buffer.

        Args:
            operation: ONNX's name.
            low: smallest input, of either operand.
            high: largest input.
            element: ``"float32"`` or ``"float64"``.
            constant: the second operand, where it is a constant with a table of its own.

        Raises:
            MissingTableError: if some path has no table, or one that does not reach so far.
        """
        tables = self.of(operation, element, constant)
        bounds = []
        for path in PATHS:
            here = [table for table in tables if table.path in (path, ALL_PATHS)]
            pieces = [(table, piece) for table in here for piece in table.pieces]
            if not _covered(low, high, [piece for _, piece in pieces], element):
                what = f"{operation} in {element}, path {path}, from {low!r} to {high!r}"
                raise MissingTableError(f"{self.environment.name} has no table of {what}")
            bounds += [(t, p) for t, p in pieces if p.high >= low and p.low <= high]
        return Error(
            min(piece.least for _, piece in bounds),
            max(piece.most for _, piece in bounds),
            all(table.exhaustive for table, _ in bounds),
            max(table.largest_backward for table, _ in bounds),
        )

    def depth(
        self, operation: str, terms: int, axis: str, element: str = "float32"
    ) -> SumTable | None:
        """The deepest sum of so many terms; None if one of them was not probed in full."""
        fitting = [
            table for table in self.sums_of(operation, axis, element) if table.terms == terms
        ]
        if any(table.probed != terms for table in fitting):
            return None
        return max(fitting, key=lambda table: table.depth, default=None)

    def sums_of(self, operation: str, axis: str, element: str = "float32") -> list[SumTable]:
        """The sums of an operation along an axis, of few terms first; none if not measured."""
        wanted = (operation, axis, element)
        fitting = [t for t in self.sums if (t.operation, t.axis, t.element) == wanted]
        return sorted(fitting, key=lambda table: table.terms)

    def order(self, operation: str, axis: str = "last", element: str = "float32") -> Order:
        """How the depth of sums grows with their terms, by all that were measured.

        Raises:
            MissingTableError: if none was.
        """
        measured = self.sums_of(operation, axis, element)
        if not measured:
            what = f"{operation} in {element} along {axis}"
            raise MissingTableError(f"{self.environment.name} has no sums of {what}")
        return Order.of(measured)

    def results(
        self, operation: str, *inputs: float, element: str = "float32"
    ) -> tuple[float, ...]:
        """What becomes of inputs that are no ordinary numbers, wherever they lie.

        Raises:
            MissingTableError: if that was not tried.
        """
        texts = tuple(as_text(value) for value in inputs)
        for table in self.specials:
            if (table.operation, table.element) == (operation, element):
                results = table.result_of(texts)
                if results is not None:
                    return results
        raise MissingTableError(
            f"{self.environment.name} was not asked what {operation} "
            f"makes of {', '.join(texts)} in {element}"
        )


def as_text(value: float) -> str:
    """A number in a table of special cases.

    >>> as_text(float("nan")), as_text(-0.0), as_text(1)
    ('nan', '-0.0', '1.0')
    """
    return repr(float(value))


def _covered(low: float, high: float, pieces: list[Piece], element: str) -> bool:
    """Whether pieces hold every float of a range."""
    kind = np.dtype(element).type
    missing = kind(low)
    for piece in sorted(pieces, key=lambda piece: piece.low):
        if piece.low <= missing <= piece.high:
            if piece.high >= high:
                return True
            missing = np.nextafter(kind(piece.high), kind(np.inf))
    return False
