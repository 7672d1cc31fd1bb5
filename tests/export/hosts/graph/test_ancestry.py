"""What a value is made of."""

from onnx import parser

from logitconf_export.hosts.graph.ancestry import ancestors
from logitconf_export.hosts.graph.indexing import index_model
from logitconf_export.hosts.operators.table import OPERATORS


def test_the_values_that_one_is_made_of_are_itself_and_those_before_it() -> None:
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> agraph (float[N] x, float[N] v, bool c) => '
        "(float[N] y, float[N] u) { a = Exp(x) b = Neg(v) u = Add(b, b) "
        "y = If(c) <then_branch = g () => (float[N] t) { t = Neg(a) }, "
        "else_branch = h () => (float[N] e) { e = Exp(a) }> }"
    )
    scope = index_model(model, OPERATORS)
    assert ancestors(scope, ["u"]) == {"u", "b", "v"}
    assert ancestors(scope, ["y"]) == {"y", "a", "x", "c"}
