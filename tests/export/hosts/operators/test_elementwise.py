"""Arithmetic: shapes broadcast, constants scale, and parts make a softmax."""

import pytest
from support.hosts.one_node import first, refusal, said_and_computed
from support.hosts.text import LOGITS

ROW = "float[4] r = {1, 2, 3, 4}"


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div", "Max", "Pow", "Less"])
def test_shapes_broadcast_as_the_evaluator_does(operator: str) -> None:
    for body in (f"y = {operator}(x, r)", f"y = {operator}(r, x)"):
        said, computed = said_and_computed(body, weights=ROW)
        assert said == computed == (2, 3, 4)


def test_a_constant_turns_a_layer_around_only_when_it_comes_first() -> None:
    assert first(f"{LOGITS} y = Sub(z, unit)").tensor == "y"
    assert "'Sub' node" in refusal(f"{LOGITS} y = Sub(unit, z)")


def test_one_minus_a_sigmoid_is_one_and_one_over_one_plus_exp_too() -> None:
    column = "z = MatMul(x, w1)"
    for body in ("p = Sigmoid(z) y = Sub(unit, p)", "n = Neg(z) e = Exp(n) a = Add(e, unit) "
                 "y = Div(unit, a)"):  # fmt: skip
        place = first(f"{column} {body}", outputs="float[N, 1] y")
        assert (place.tensor, place.task, place.certain) == ("z", "binary", True)
