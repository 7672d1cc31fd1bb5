"""A graph as a table: order, constants, boxes, and what is refused."""

import pytest
from onnx import helper, parser

from logitconf.errors import LogitconfError
from logitconf_export.hosts.graph.indexing import index_model
from logitconf_export.hosts.graph.scope import Operator, OperatorTable, Scope, captured
from logitconf_export.hosts.operators.table import OPERATORS


def scope_of(body: str, outputs: str = "float[N] y") -> Scope:
    text = (
        f'<ir_version: 8, opset_import: ["": 17]> agraph (float[N] x) => ({outputs}) {{ {body} }}'
    )
    return index_model(parser.parse_model(text), OPERATORS)


def test_nodes_come_after_what_they_need() -> None:
    scope = scope_of("y = Add(b, a) b = Neg(a) a = Exp(x)")
    assert [node.output[0] for node in scope.nodes] == ["a", "b", "y"]


def test_what_no_input_reaches_is_constant_unless_it_is_random() -> None:
    scope = scope_of(
        "c = Constant<value_float = 2.0>() d = Neg(c) r = RandomNormal<shape = [1]>() "
        "y = Add(x, d) u = Add(d, r)", "float[N] y, float[N] u",
    )  # fmt: skip
    assert [scope.is_constant(name) for name in "cdryu"] == [True, True, False, False, False]
    assert (scope.scalar("c"), scope.scalar("y")) == (2.0, None)


def test_what_follows_a_choice_of_boxes_is_marked() -> None:
    scope = scope_of("b = NonMaxSuppression(x, x) y = Cast<to = 1>(b) z = Neg(x)", "float[N] y")
    assert scope.detections == {"b", "y"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("y = Neg(a) a = Neg(y)", "no cycle"),
        ("y = Neg(nowhere)", "must have a producer, but 'nowhere'"),
        ("y = Neg(x) y = Exp(x)", "made once, but 'y' is twice"),
        ("y = Add(x)", "a 'Add' node must have 2 inputs and an output"),
        ("y = Add(x, x, x)", "a 'Add' node must have 2 inputs and an output"),
        ("y = Gather(x)", "a 'Gather' node must have 2 inputs or more"),
    ],
)
def test_a_graph_that_cannot_be_is_refused(body: str, words: str) -> None:
    with pytest.raises(LogitconfError, match=words):
        scope_of(body)


def test_a_subgraph_captures_what_it_does_not_define() -> None:
    body = helper.make_graph(
        [
            helper.make_node("Add", ["outer", "own"], ["sum"]),
            helper.make_node("Neg", ["sum"], ["o"]),
        ],
        "then", [], [helper.make_tensor_value_info("o", 1, None)],
        [helper.make_tensor("own", 1, [1], [1.0])],
    )  # fmt: skip
    node = helper.make_node("If", ["c"], ["y"], then_branch=body)
    assert captured(node) == ["outer"]


def test_a_table_without_an_operator_says_nothing_of_it() -> None:
    table = OperatorTable({("", "Neg"): Operator(name="Neg", inputs=1)}, Operator(name=""))
    node = helper.make_node("Neg", ["x"], ["y"])
    assert table.row(node).inputs == 1
    assert table.without({("", "Neg")}).row(node) is table.unlisted
