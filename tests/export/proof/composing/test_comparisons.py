"""Comparisons are decided where all rows agree, and kept where they do not."""

from fractions import Fraction

import numpy as np
import pytest

from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.proof.composing.comparisons import COMPARISONS
from logitconf_export.proof.composing.composition import Composition
from logitconf_export.proof.composing.nodes import Node
from logitconf_export.proof.composing.tensors import CannotProveError, Known, Tensor, Truth
from logitconf_export.proof.exact.abstract_rows import ONE_LOGIT
from logitconf_export.proof.exact.row_kinds import single_rows

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
