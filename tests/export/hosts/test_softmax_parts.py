"""Sums along the class axis, in the spellings of exporters, and what only looks like one."""

import pytest
from onnx import parser
from support.hosts.text import LOGITS, host

from logitconf_export.hosts.graph.indexing import index_model
from logitconf_export.hosts.graph.scope import Scope
from logitconf_export.hosts.operators.table import OPERATORS
from logitconf_export.hosts.softmax_parts import log_sum_axis, own_sum, unshifted


def scope_of(body: str) -> Scope:
    return index_model(parser.parse_model(host(f"{LOGITS} {body}")), OPERATORS)


@pytest.mark.parametrize(
    ("body", "axis"),
    [
        ("e = Exp(z) s = ReduceSum<keepdims = 1>(e, one) y = Div(e, s)", 1),
        ("e = Exp(z) r = ReduceSum<keepdims = 1>(e, one) s = Add(r, unit) y = Div(e, s)", 1),
        ("e = Exp(z) s = ReduceSum<keepdims = 0>(e, one) y = Div(e, s)", None),
        ("e = Exp(z) s = ReduceSum<keepdims = 1>(z, one) y = Div(e, s)", None),
        ("e = Exp(z) s = ReduceMax<axes = [1]>(e) y = Div(e, s)", None),
    ],
)
def test_a_sum_of_the_value_itself(body: str, axis: int | None) -> None:
    assert own_sum(scope_of(body), "e", "s") == axis


def test_the_logarithm_of_a_sum_in_two_spellings() -> None:
    whole = scope_of("l = ReduceLogSumExp<axes = [1]>(z) y = Sub(z, l)")
    parts = scope_of("e = Exp(z) s = ReduceSum<keepdims = 1>(e, one) l = Log(s) y = Sub(z, l)")
    assert [log_sum_axis(scope, "z", "l") for scope in (whole, parts)] == [1, 1]
    assert log_sum_axis(parts, "h", "l") is None


def test_a_shift_is_taken_back_only_by_the_rows_own_maximum() -> None:
    own = scope_of("m = ReduceMax<axes = [1]>(z) y = Sub(z, m)")
    other = scope_of("m = ReduceMax<axes = [1]>(h) y = Sub(z, m)")
    assert (unshifted(own, "y", 1)[0], unshifted(own, "y", 0)[0]) == ("z", "y")
    assert unshifted(other, "y", 1)[0] == "y"
