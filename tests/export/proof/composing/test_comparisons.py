"""Comparisons are decided where all rows agree, and kept where they do not."""

from fractions import Fraction

import numpy as np
import pytest

from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.proof.composing.comparisons import COMPARISONS
from logitconf_export.proof.composing.composition import Composition
from logitconf_export.proof.composing.nodes import Node
from logitconf_export.proof.composing.operators import apply
from logitconf_export.proof.composing.tensors import CannotProveError, Known, Tensor, Truth
from logitconf_export.proof.exact.abstract_rows import ONE_LOGIT
from logitconf_export.proof.exact.choices import Choice
from logitconf_export.proof.exact.row_kinds import class_rows, single_rows

STEPS = Composition(single_rows(Fraction(1), 8.0), Rounded())
X = Tensor(ONE_LOGIT, np.zeros((1, 1)), ("N",), "float32", "x")


def less(limit: float, operation: str = "Less") -> Truth:
    constant = Known(np.array(limit, dtype=np.float32), f"{limit}")
    (made,) = COMPARISONS[operation](STEPS, Node(operation, (X, constant), {}, 17))
    assert isinstance(made, Truth)
    return made


def test_a_limit_beyond_all_rows_decides() -> None:
    assert less(9.0).value is True
    assert less(-9.0).value is False
    assert less(np.inf).value is True
    assert less(-9.0, "Greater").value is True


def test_a_limit_among_the_rows_is_kept() -> None:
    made = less(0.5)
    assert made.value is None
    ((smaller, larger),) = made.below
    assert smaller is X
    assert isinstance(larger, Known)


def test_what_always_holds_is_no_part_of_a_conjunction() -> None:
    (made,) = COMPARISONS["And"](STEPS, Node("And", (less(0.5), less(9.0)), {}, 17))
    assert isinstance(made, Truth)
    assert made.below == less(0.5).below or len(made.below) == 1


def test_the_opposite_of_a_comparison_stops_it() -> None:
    with pytest.raises(CannotProveError, match="NaN"):
        COMPARISONS["Not"](STEPS, Node("Not", (less(0.5),), {}, 17))


@pytest.mark.parametrize(
    ("factor", "far", "marks"), [(0.75, 0.0, True), (1e-320, 0.0, False), (0.75, 1e20, False)]
)
def test_a_difference_in_double_marks_the_largest_unless_it_may_be_lost(
    factor: float, far: float, marks: bool
) -> None:
    # near 1e20 doubles are 16384 apart
    rows = class_rows(3, Fraction(1), 8.0, needs=frozenset({"sum"}))
    steps = Composition(rows, Rounded())
    members = np.array([Choice.of(i) for i in range(3)])
    x = Tensor(rows.logit, np.zeros((1, 1)), ("N", 3), "float64", "x", members)
    number = Known(np.array(far), "far")
    (largest,) = apply(steps, Node("ReduceMax", (x,), {"axes": [1]}, 17))
    sides = [apply(steps, Node("Add", (side, number), {}, 17))[0] for side in (x, largest)]
    (apart,) = apply(steps, Node("Sub", tuple(sides), {}, 17))
    (scaled,) = apply(steps, Node("Mul", (apart, Known(np.array(factor), "factor")), {}, 17))
    equal = Node("Equal", (scaled, Known(np.array(0.0), "zero")), {}, 17)
    if marks:
        (made,) = apply(steps, equal)
        assert isinstance(made, Truth)
        assert made.source is not None
        return
    with pytest.raises(CannotProveError, match="depends on the row"):
        apply(steps, equal)
