"""How far a runtime's result of one operation may be from the exact one, for arrays of ranges."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from logitconf_export.proof.exact.intervals import Floats, Interval, above
from logitconf_export.proof.tables.operation_table import (
    ALL_PATHS,
    LEAST_SEEN,
    PATHS,
    MissingTableError,
    RuntimeTables,
)

_PRECISION = {"float32": (24, -149), "float64": (53, -1074)}
# so many ranges are looked up one by one; of more the worst is taken
_MOST_RANGES = 300_000
FLUSHED = {"float32": 2.0**-126, "float64": 2.0**-1022}
"""What a runtime may take for 0."""
_LOST = 2.0**-80
FAR = -39.0
"""E to that and less is so little that it may be looked at by itself where runtimes lose it."""
_WRONG = 1e3
_REACH = {name: float(np.finfo(name).max) for name in _PRECISION}
EXACT = frozenset({"Abs", "Neg", "Max", "Min", "Clip", "Relu", "Where", "ReduceMax", "ReduceMin"})
"""Operations that choose, move or flip a sign, and round nothing."""


class Arithmetic(Protocol):
    """What the composition asks of a runtime."""

    @property
    def name(self) -> str:
        """Of the runtime, as people are told."""

    def units(
        self, operation: str, operand: Interval, element: str, constant: float | None = None
    ) -> Floats:
        """The largest error in ulps of the exact result, for operands in each range.

        Raises:
            MissingTableError: if it is not known.
        """

    def depth(self, operation: str, terms: int, *, last: bool, element: str) -> int:
        """No term of such a sum passes through more additions."""


@dataclass(frozen=True, slots=True)
class Rounded:
    """A runtime that rounds correctly, but for what is said; sums in any order.

    Attributes:
        name: as people are told.
        errors: units in the last place by operation, where it is not one half.
    """

    name: str = "correct rounding"
    errors: tuple[tuple[str, float], ...] = (
        *(("Exp", 1.0), ("Log", 1.0), ("Softmax exp", 3.0)),
        *(("LogSoftmax exp", 1.0), ("LogSoftmax log", 1.0)),
    )

    def units(
        self, operation: str, operand: Interval, element: str, constant: float | None = None
    ) -> Floats:
        """As :meth:`Arithmetic.units`."""
        del operand, element, constant
        return np.full((1, 1), dict(self.errors).get(operation, 0.0 if operation in EXACT else 0.5))

    def depth(self, operation: str, terms: int, *, last: bool, element: str) -> int:
        """As :meth:`Arithmetic.depth`."""
        del operation, last, element
        return max(terms - 1, 0)


@dataclass(frozen=True, slots=True)
class Measured:
    """A runtime as its tables say.

    Attributes:
        tables: of the runtime.
        sampled: operations whose errors were not tried on every float, as they are asked for.
    """

    tables: RuntimeTables
    sampled: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """As :meth:`Arithmetic.name`."""
        return self.tables.environment.name

    def units(
        self, operation: str, operand: Interval, element: str, constant: float | None = None
    ) -> Floats:
        """As :meth:`Arithmetic.units`."""
        if operation in EXACT:
            return np.zeros((1, 1))
        operand, constant = self._asked(operation, operand, element, constant)
        low = np.clip(operand.low, -_REACH[element], _REACH[element])
        high = np.clip(operand.high, -_REACH[element], _REACH[element])
        if low.size > _MOST_RANGES:
            low, high = np.full((1, 1), low.min()), np.full((1, 1), high.max())
        # numbers of the element type, between which no operand lies
        kind = np.dtype(element).type
        lows, highs = _towards(low, kind, up=True), _towards(high, kind, up=False)
        lows, highs = np.minimum(lows, highs), np.maximum(lows, highs)
        whole = self.tables.error(
            operation, float(lows.min()), float(highs.max()), element=element, constant=constant
        )
        if not whole.exhaustive:
            self.sampled.add(operation)
        worst = np.zeros(np.broadcast(lows, highs).shape)
        tables = self.tables.of(operation, element, constant)
        for path in PATHS:
            pieces = [p for t in tables if t.path in (path, ALL_PATHS) for p in t.pieces]
            starts = np.array([p.low for p in pieces])
            ends = np.array([p.high for p in pieces])
            sizes = np.array([max(-p.least, p.most) for p in pieces])
            order = np.argsort(starts, kind="stable")
            worst = np.maximum(
                worst, _largest_over(starts[order], ends[order], sizes[order], lows, highs)
            )
        return worst

    def _asked(
        self, operation: str, operand: Interval, element: str, constant: float | None
    ) -> tuple[Interval, float | None]:
        """What the tables are asked for: rounding does not depend on signs, Div's is by divisor."""
        if operation == "Reciprocal":
            operand = Interval(operand.least_size, operand.size)
        if operation in ("Exp", "Softmax exp", "LogSoftmax exp"):
            # rounding errors of what is at most 0 are lost beside 1, as if it were 0
            lost = (operand.high > 0.0) & (operand.high < _LOST)
            operand = Interval(operand.low, np.where(lost, 0.0, operand.high))
            if element == "float64":
                # samples, which end just below 0
                operand = Interval(
                    *(np.minimum(end, -1e-300) for end in (operand.low, operand.high))
                )
        if operation == "LogSoftmax log":
            # one term is 1 and none is negative: no rounding brings the sum below it
            operand = Interval(*(np.maximum(end, 1.0) for end in (operand.low, operand.high)))
        if constant is None:
            return operand, None
        ends = float(operand.low.min()), float(operand.high.max())
        with suppress(MissingTableError):
            self.tables.error(operation, *ends, element=element, constant=abs(constant))
            return operand, abs(constant)
        if operation == "Div":
            operand = Interval.of([[abs(constant)]])
        return operand, None

    def depth(self, operation: str, terms: int, *, last: bool, element: str) -> int:
        """As :meth:`Arithmetic.depth`."""
        known = self.tables.depth(operation, terms, "last" if last else "inner", element)
        return max(terms - 1, 0) if known is None else known.depth


def _towards(values: Floats, kind: type, *, up: bool) -> Floats:
    """The nearest number of an element type that is not smaller, or not larger."""
    near: npt.NDArray[np.floating[Any]] = values.astype(kind)
    wide = near.astype(np.float64)
    wrong = wide < values if up else wide > values
    moved = np.nextafter(near, kind(np.inf if up else -np.inf)).astype(np.float64)
    return np.where(wrong, moved, wide)


def _largest_over(
    starts: Floats, ends: Floats, sizes: Floats, lows: Floats, highs: Floats
) -> Floats:
    """The largest size of the pieces that each range touches."""
    # pieces of one path may overlap where tables of several ranges were joined
    reach = np.maximum.accumulate(ends)
    first = np.searchsorted(reach, lows, side="left")
    last = np.searchsorted(starts, highs, side="right")
    shape = np.broadcast(first, last).shape
    first, last = np.broadcast_to(first, shape), np.broadcast_to(last, shape)
    codes, places = np.unique(first * (len(sizes) + 1) + last, return_inverse=True)
    values = [
        sizes[code // (len(sizes) + 1) : code % (len(sizes) + 1)].max(initial=0.0) for code in codes
    ]
    return np.asarray(values)[places].reshape(shape)


def ulp(values: Floats, element: str) -> Floats:
    """The distance of floats at each value, in that element type."""
    digits, smallest = _PRECISION[element]
    _, exponents = np.frexp(np.abs(values))
    steps = np.ldexp(1.0, np.maximum(exponents - digits, smallest))
    return np.asarray(np.where(values == 0.0, np.ldexp(1.0, smallest), steps), dtype=np.float64)


def rounding(operation: str, units: Floats, size: Floats, element: str) -> Floats:
    """How far results of at most that size are off, by errors in units of their ulp."""
    seen = np.maximum(size, LEAST_SEEN.get(operation, 0.0))
    return above(units * ulp(seen, element))


def unit(element: str) -> float:
    """No distance of floats is a larger share of them, but for subnormal ones."""
    return float(np.ldexp(1.0, 1 - _PRECISION[element][0]))


def sum_factor(depth: int, element: str) -> float:
    """(1 + u)^depth − 1, rounded up: a sum's error over the sum of its terms' sizes."""
    digits, _ = _PRECISION[element]
    return float(above(above(np.expm1(depth * np.log1p(2.0**-digits)) * (1 + 1e-12))))


def lost_far(arithmetic: Arithmetic, operand: Interval, table: str, element: str) -> float:
    """How far an exponential below `FAR` is off where a runtime takes some for 0; else 0."""
    least = float(operand.low.min())
    if least >= FAR:
        return 0.0
    units = arithmetic.units(table, Interval.of([[least]], [[FAR]]), element).max(keepdims=True)
    if units[0, 0] < _WRONG:
        return 0.0
    return float(rounding(table, units, np.exp(np.full((1, 1), FAR + 1.0)), element)[0, 0])
