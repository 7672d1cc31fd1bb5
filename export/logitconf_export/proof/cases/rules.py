"""What a runtime's operations make of what is not finite, as its tables say."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from operator import or_

from logitconf_export.proof.cases.kinds import DOWN, NAN, NOTHING, UP, Kinds
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
        for part, value in ((a.nan, math.nan), (a.up, math.inf), (a.down, -math.inf)):
            if part:
                result |= self.results(operation, value) or NOTHING
        return result


def kind_of(value: float) -> Kinds:
    """What a number is."""
    if math.isnan(value):
        return NAN
    if math.isinf(value):
        return UP if value > 0 else DOWN
    return Kinds(low=value, high=value)
