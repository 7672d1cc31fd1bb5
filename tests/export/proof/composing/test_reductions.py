"""Reductions over the classes: which they are of, and how far sums are off."""

from fractions import Fraction

import numpy as np
import pytest

from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.proof.composing.composition import Composition
from logitconf_export.proof.composing.nodes import Node
from logitconf_export.proof.composing.reductions import REDUCTIONS, multiplied_by_place
from logitconf_export.proof.composing.tensors import CannotProveError, Known, Tensor
from logitconf_export.proof.exact.abstract_rows import BELOW, GAP, LARGEST
from logitconf_export.proof.exact.choices import Choice
from logitconf_export.proof.exact.expressions import exponential, number
from logitconf_export.proof.exact.row_kinds import class_rows

ALONG = {"axes": [1], "keepdims": 0}


def logits(n: int = 4) -> tuple[Composition, Tensor]:
    rows = class_rows(n, Fraction(1), 20.0, needs=frozenset({"sum"}))
    members = np.empty(n, dtype=object)
    members[:] = [Choice.of(i) for i in range(n)]
    x = Tensor(LARGEST + BELOW, np.zeros((1, 1)), ("N", n), "float32", "x", members)
    return Composition(rows, Rounded()), x


def reduced(operation: str, n: int = 4) -> Tensor:
    steps, x = logits(n)
    (made,) = REDUCTIONS[operation](steps, Node(operation, (x,), ALONG, 12))
    assert isinstance(made, Tensor)
    return made


def test_the_largest_of_all_classes_is_the_largest() -> None:
    made = reduced("ReduceMax")
    assert (made.expression, made.dims, made.members) == (LARGEST, ("N",), None)


def test_two_largest_are_the_largest_and_the_second() -> None:
    steps, x = logits()
    count = Known(np.array([2]), "two")
    (values,) = REDUCTIONS["TopK"](steps, Node("TopK", (x, count), {"axis": 1}, 17, 2))
    assert isinstance(values, Tensor)
    assert values.members is not None
    assert values.members[1].is_second(4)


def test_a_longer_sum_is_further_off() -> None:
    errors = []
    for n in (4, 64):
        steps, x = logits(n)
        terms = x.having(expression=exponential(BELOW), key="terms")
        (made,) = REDUCTIONS["ReduceSum"](steps, Node("ReduceSum", (terms,), ALONG, 12))
        assert isinstance(made, Tensor)
        errors.append(float(made.error.max() / n))
    assert errors[1] > 5 * errors[0]


def test_a_reduction_over_rows_stops_it() -> None:
    steps, x = logits()
    with pytest.raises(CannotProveError, match="over rows"):
        REDUCTIONS["ReduceSum"](steps, Node("ReduceSum", (x,), {"axes": [0]}, 12))


@pytest.mark.parametrize("n", [2, 10, 100])
def test_the_largest_log_softmax_is_off_by_its_sum_and_its_logarithm(n: int) -> None:
    """Of correct rounding and any order: exponentials, n − 1 additions, a logarithm."""
    steps, x = logits(n)
    (made,) = REDUCTIONS["LogSoftmax"](steps, Node("LogSoftmax", (x,), {"axis": 1}, 17))
    assert isinstance(made, Tensor)
    (largest,) = REDUCTIONS["ReduceMax"](steps, Node("ReduceMax", (made,), ALONG, 17))
    assert isinstance(largest, Tensor)
    print(largest.error, n)
    u = 2.0**-24
    error = float(largest.error.max())
    # logits up to 20 in size: differences of up to 40 are off by 2^-19 where they are large
    assert (n - 1) * u < error < (n - 1) * u + 20 * u + 2.0**-19


def test_first_and_second_are_each_multiplied_by_their_own_number_and_added_up() -> None:
    steps, x = logits()
    count = Known(np.array([2]), "two")
    (values,) = REDUCTIONS["TopK"](steps, Node("TopK", (x, count), {"axis": 1}, 17, 2))
    assert isinstance(values, Tensor)
    factors = Known(np.array([-2.0, 2.0], dtype=np.float32), "factors")
    (made,) = REDUCTIONS["ReduceSum"](
        steps, Node("ReduceSum", (multiplied_by_place(steps, values, factors),), ALONG, 12)
    )
    assert isinstance(made, Tensor)
    assert (made.expression, made.dims, made.sign) == (GAP * number(2), ("N",), -1)


def test_classes_that_are_each_multiplied_by_their_own_number_stop_it() -> None:
    steps, x = logits()
    with pytest.raises(CannotProveError, match="some classes"):
        multiplied_by_place(steps, x, Known(np.arange(4, dtype=np.float32), "factors"))
