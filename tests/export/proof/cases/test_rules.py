"""Without tables nothing is known of a runtime; with them what it was seen to do."""

import math

from logitconf_export.proof.cases import kinds
from logitconf_export.proof.cases.kinds import DOWN, NAN, UP, Kinds
from logitconf_export.proof.cases.rules import Rules, kind_of


class Seen:
    """Tables of a runtime whose exponential loses a NaN."""

    def results(self, operation: str, *inputs: float) -> tuple[float, ...]:
        return (0.0,) if operation == "Exp" and math.isnan(inputs[0]) else (math.nan,)


def test_nothing_is_carried_without_tables() -> None:
    rules = Rules(None)
    assert rules.results("Exp", math.nan) is None
    assert not rules.carries_nan("ReduceMax", (math.nan, 1.0, 1.0))
    assert rules.unary("Exp", NAN, kinds.exponential) == NAN


def test_what_a_runtime_does_besides_is_added() -> None:
    rules = Rules(Seen())  # type: ignore[arg-type]
    assert rules.unary("Exp", NAN, kinds.exponential) == NAN | Kinds(low=0.0, high=0.0)
    assert rules.carries_nan("ReduceMax", (math.nan, 1.0, 1.0))


def test_numbers_are_told_apart() -> None:
    assert [kind_of(v) for v in (math.nan, math.inf, -math.inf)] == [NAN, UP, DOWN]
