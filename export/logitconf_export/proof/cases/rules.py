"""What a runtime's operations make of what is not finite, as its tables say."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import reduce
from operator import or_
from typing import Any

import numpy as np
import numpy.typing as npt

from logitconf_export.proof.cases import kinds
from logitconf_export.proof.cases.kinds import DOWN, LARGEST, NAN, NOTHING, UP, Kinds
from logitconf_export.proof.tables.operation_table import MissingTableError, RuntimeTables


class Rules:
    """What a runtime's operations make of what is not finite.

    Without tables a maximum may drop a NaN or not, and comparisons but Less may say either of one.
    """

    def __init__(self, tables: RuntimeTables | None) -> None:
        self.tables = tables

    def results(self, operation: str, *inputs: float) -> Kinds | None:
        """What a runtime was seen to make of such inputs, None if that was not asked."""
        if self.tables is None:
            return None
        try:
            values = self.tables.results(operation, *inputs)
        except MissingTableError:
            return None
        return reduce(or_, map(kind_of, values), NOTHING)

    def carries_nan(self, operation: str, *rows: tuple[float, ...]) -> bool:
        """Whether NaN is all that such rows, or operands, were seen to give."""
        seen = [self.results(operation, *row) for row in rows]
        return all(kind is not None and kind == NAN for kind in seen)

    def unary(self, operation: str, a: Kinds, exact: Callable[[Kinds], Kinds]) -> Kinds:
        """IEEE's result, and what else the runtime gives."""
        result = exact(a)
        zero = a.finite and a.low <= 0.0 <= a.high
        ends = ((a.nan, math.nan), (a.up, math.inf), (a.down, -math.inf), (zero, 0.0))
        for part, value in ends:
            if part:
                result |= self.results(operation, value) or NOTHING
        return result

    def binary(
        self, operation: str, a: Kinds, b: Kinds, exact: Callable[[Kinds, Kinds], Kinds]
    ) -> Kinds:
        """IEEE's result, and what else the runtime gives where an operand is not finite.

        tract 0.23 makes 0 of whatever is multiplied by a constant 0 or divided by an infinite one.
        """
        result = exact(a, b)
        for x, y in itertools.product(_examples(a), _examples(b)):
            if not (math.isfinite(x) and math.isfinite(y)):
                result |= self.results(operation, x, y) or NOTHING
        return result

    def clipped(self, a: Kinds, low: Kinds | None, high: Kinds | None) -> Kinds:
        """What is left between limits; either may be missing.

        A limit that is missing is the lowest or largest float to onnxruntime and OpenVINO, which
        make a finite number of an infinity, unless a table says otherwise.
        """
        lower = "missing" if low is None else "infinite" if low == DOWN else "given"
        seen = _CLIPS.get((lower, high is None))
        result = a
        for limit, choose in ((low, kinds.larger), (high, kinds.smaller)):
            result = result if limit is None else choose(result, limit)
        if a.nan:
            made = self.results(seen, math.nan) if seen else None
            # what was seen for a limit of 0 is this limit's; what was not asked may be either
            limits = (low or _LOWEST) | (high or _LARGEST)
            if made is not None:
                limits = NAN if made == NAN else made | (low or NOTHING) | (high or NOTHING)
            result |= limits
        for given, infinity, limit, instead in (
            (a.up, UP, high, _LARGEST),
            (a.down, DOWN, low, _LOWEST),
        ):
            value = math.inf if infinity == UP else -math.inf
            if (
                given
                and limit in (None, infinity)
                and not (seen and self.results(seen, value) == infinity)
            ):
                result |= instead
        return result


def _examples(a: Kinds) -> Iterator[float]:
    """A value of each kind that a number can be; 0 where it can be nothing else that is finite."""
    for part, value in ((a.nan, math.nan), (a.up, math.inf), (a.down, -math.inf)):
        if part:
            yield value
    if a.low == a.high == 0.0:
        yield from (0.0, -0.0)
    elif a.finite:
        yield from (value for value in (1.0, -1.0) if value * (a.high if value > 0 else a.low) > 0)


_LARGEST, _LOWEST = (Kinds(low=value, high=value) for value in (LARGEST, -LARGEST))
_CLIPS = {("given", True): "Clip(0.0)", ("infinite", False): "Clip(-inf, 0.0)"}
"""The table by the lower limit and whether there is no upper one; what else there is was not asked.

One that is missing is not one of -inf: beside that alone onnxruntime 1.31.1 leaves -inf as it is.
"""


def kind_of(value: float) -> Kinds:
    """What a number is."""
    if math.isnan(value):
        return NAN
    if math.isinf(value):
        return UP if value > 0 else DOWN
    return Kinds(low=value, high=value)


def kinds_of(values: npt.NDArray[Any]) -> Kinds:
    """What the numbers of a constant are, together."""
    return reduce(or_, (kind_of(float(v)) for v in np.unique(values)), NOTHING)
