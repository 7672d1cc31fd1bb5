"""Operators of the table: clipped numbers, casts and constants."""

from fractions import Fraction

import numpy as np
import pytest
from onnx import TensorProto, helper

from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.proof.composing.composition import Composition
from logitconf_export.proof.composing.nodes import Node, constant_node
from logitconf_export.proof.composing.operators import apply
from logitconf_export.proof.composing.tensors import CannotProveError, Known, Tensor
from logitconf_export.proof.exact.abstract_rows import ONE_LOGIT
from logitconf_export.proof.exact.row_kinds import single_rows


def logit(element: str = "float32") -> tuple[Composition, Tensor]:
    steps = Composition(single_rows(Fraction(1), 8.0), Rounded())
    return steps, Tensor(ONE_LOGIT, np.zeros((1, 1)), ("N",), element, "x")


def test_what_lies_within_limits_is_not_clipped() -> None:
    steps, x = logit()
    limit = Known(np.array(-1e30, dtype=np.float32), "limit")
    (made,) = apply(steps, Node("Clip", (x, limit), {}, 17))
    assert isinstance(made, Tensor)
    assert made.expression == ONE_LOGIT


def test_minus_infinity_changes_no_largest_value_and_infinity_does() -> None:
    steps, x = logit()
    low, high = (Known(np.array(v, dtype=np.float32), f"{v}") for v in (-np.inf, np.inf))
    for operation, neutral, other in (("Max", low, high), ("Min", high, low)):
        (made,) = apply(steps, Node(operation, (neutral, x), {}, 17))
        assert isinstance(made, Tensor)
        assert made.expression == ONE_LOGIT
        with pytest.raises(CannotProveError, match="not finite"):
            apply(steps, Node(operation, (x, other), {}, 17))
        with pytest.raises(CannotProveError, match="not finite"):
            apply(steps, Node(operation, (neutral,), {}, 17))
        row = Known(np.full((1, 5), neutral.values), "row")
        with pytest.raises(CannotProveError, match="not finite"):  # it would make more numbers
            apply(steps, Node(operation, (row, x), {}, 17))


def test_a_positive_part_is_half_of_a_number_and_its_size() -> None:
    steps, x = logit()
    (made,) = apply(steps, Node("Relu", (x,), {}, 17))
    assert isinstance(made, Tensor)
    values = steps.rows.range(made.expression)
    assert values.low.min() >= 0.0
    assert values.high.max() >= 8.0


def test_a_cast_from_double_rounds_once() -> None:
    steps, x = logit("float64")
    (made,) = apply(steps, Node("Cast", (x,), {"to": TensorProto.FLOAT}, 17))
    assert isinstance(made, Tensor)
    assert made.element == "float32"
    assert made.error.max() >= 0.5 * np.spacing(np.float32(7.9))


def test_a_constant_is_read_from_its_attribute() -> None:
    node = helper.make_node("Constant", [], ["c"], value_float=0.25)
    assert constant_node(node).values.tolist() == 0.25


def test_what_is_added_to_infinity_is_infinite_and_its_reciprocal_changes_nothing() -> None:
    steps, x = logit()
    infinite = Known(np.array(np.inf, dtype=np.float32), "inf")
    for operation, inputs in (("Sub", (infinite, x)), ("Add", (x, infinite))):
        (far,) = apply(steps, Node(operation, inputs, {}, 17))
        assert isinstance(far, Known)
        assert (far.values.tolist(), far.dims) == ([np.inf], ("N",))
    (below,) = apply(steps, Node("Sub", (x, infinite), {}, 17))
    assert isinstance(below, Known)
    assert below.values.tolist() == [-np.inf]
    (nothing,) = apply(steps, Node("Reciprocal", (far,), {}, 17))
    assert isinstance(nothing, Known)
    assert nothing.values.tolist() == [0.0]
    (same,) = apply(steps, Node("Add", (x, nothing), {}, 17))
    assert isinstance(same, Tensor)
    assert (same.expression, same.error.max()) == (ONE_LOGIT, 0.0)
    (one,) = apply(steps, Node("Sub", (nothing, Known(np.array(1, np.float32), "1")), {}, 17))
    assert isinstance(one, Known)
    assert one.values.tolist() == [-1.0]


def test_a_remainder_of_a_division_by_infinity_is_the_number_itself() -> None:
    steps, x = logit()
    infinity, two = (Known(np.array(v, dtype=np.float32), f"{v}") for v in (np.inf, 2.0))
    (made,) = apply(steps, Node("Mod", (x, infinity), {"fmod": 1}, 17))
    assert isinstance(made, Tensor)
    assert made.expression == ONE_LOGIT
    with pytest.raises(CannotProveError, match="other than infinity"):
        apply(steps, Node("Mod", (x, two), {"fmod": 1}, 17))


def test_a_double_that_was_a_single_is_that_single_again() -> None:
    steps, x = logit()
    (double,) = apply(steps, Node("Cast", (x,), {"to": TensorProto.DOUBLE}, 17))
    (single,) = apply(steps, Node("Cast", (double,), {"to": TensorProto.FLOAT}, 17))
    assert single is x
