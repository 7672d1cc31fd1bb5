"""Shapes spread through a model, its subgraphs and its functions."""

import onnx
import pytest
from onnx import parser

from logitconf.errors import LogitconfError
from logitconf_export.hosts.graph.indexing import function_table, index_model, opset_table
from logitconf_export.hosts.operators.table import OPERATORS


def test_an_output_behind_operators_that_keep_shapes_tells_the_shape_before_them() -> None:
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17, "x.y": 1]> agraph (float[N, 4] x) => '
        "(float[N, 3] y) <float[3] b = {1, 2, 3}> "
        "{ h = x.y.Foo(x) z = Add(h, b) p = Softmax(z) y = Identity(p) }"
    )
    assert index_model(model, OPERATORS).fact("h").shape == ("N", 3)


def test_of_two_imports_the_last_counts() -> None:
    imports = [onnx.helper.make_opsetid(d, v) for d, v in (("", 11), ("ai.onnx", 17), ("m", 2))]
    assert opset_table(imports) == {"": 17, "m": 2}


CALLS = (
    '<ir_version: 8, opset_import: ["": 17, "own": 1]> agraph (float[N] x) => (float[N] y) '
    '{{ y = own.f(x) }} <domain: "own", opset_import: ["": 17, "own": 1]> f (a) => (b) {{ {} }} '
    '<domain: "own", opset_import: ["": 17, "own": 1]> g (a) => (b) {{ {} }}'
)


def test_functions_that_call_each_other_in_a_circle_are_refused() -> None:
    fine = parser.parse_model(CALLS.format("b = own.g(a)", "b = Neg(a)"))
    assert set(function_table(fine)) == {("own", "f"), ("own", "g")}
    index_model(fine, OPERATORS)
    for first, second in (("b = own.f(a)", "b = Neg(a)"), ("b = own.g(a)", "b = own.f(a)")):
        with pytest.raises(LogitconfError, match="must not call itself"):
            index_model(parser.parse_model(CALLS.format(first, second)), OPERATORS)
