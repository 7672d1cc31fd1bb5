"""Tampering in the head: nodes, functions that stand in for operators, subgraphs."""

from collections.abc import Callable

import onnx
from onnx import helper, parser
from support import tampering
from support.tampering import Tampering, alone_with, hosted_with

GRAPH = "the graph is the card's"
FUNCTIONS = "no function stands in for an operator"
ONCE = "every value is made once"


def _swap_the_comparison(model: onnx.ModelProto) -> None:
    node = tampering.made_by(model, "logitconf/lt")
    node.input[:] = list(node.input)[::-1]


def _accept_what_is_below_or_equal(model: onnx.ModelProto) -> None:
    tampering.made_by(model, "logitconf/lt").op_type = "LessOrEqual"


def _minimum(model: onnx.ModelProto) -> None:
    tampering.made_by(model, "logitconf/max").op_type = "ReduceMin"


def _or_for_and(model: onnx.ModelProto) -> None:
    tampering.made_by(model, "mask").op_type = "Or"


def _dead_node(model: onnx.ModelProto) -> None:
    node = helper.make_node("Abs", ["score"], ["logitconf/more"], name="logitconf/more")
    model.graph.node.append(node)


def _other_axis(model: onnx.ModelProto) -> None:
    tampering.made_by(model, "logitconf/max").attribute[0].ints[:] = [0]


def _cast_in_the_middle(model: onnx.ModelProto) -> None:
    """Without the head's names, so that only the wiring shows it."""
    tampering.made_by(model, "logitconf/sum").input[0] = "wide"
    for name, source, to in (("half", "logitconf/exp", 10), ("wide", "half", 1)):
        node = helper.make_node("Cast", [source], [name], name=f"host/{name}", to=to)
        place = [n.name for n in model.graph.node].index("logitconf/sum")
        model.graph.node.insert(place, node)


def _in_a_branch(model: onnx.ModelProto) -> None:
    """The mask comes from an If whose branches ask the threshold otherwise."""
    node = tampering.made_by(model, "mask")
    node.output[0] = "logitconf/and"
    graph = parser.parse_graph(
        "g () => (bool[N] mask) <bool yes = {1}> { mask = If (yes) <then_branch = t () => "
        "(bool[N] a) { a = Not (logitconf_both) }, else_branch = e () => (bool[N] b) "
        "{ b = Identity (logitconf_both) }> }"
    )
    graph.node[0].name = "logitconf/branch"
    for attribute in graph.node[0].attribute:
        attribute.g.node[0].input[0] = "logitconf/and"
    tampering.insert(model, graph, len(model.graph.node))


def _function(domain: str, name: str, text: str) -> onnx.FunctionProto:
    """``text`` is the body of a function, from its inputs to ``y``."""
    inputs = "a, b" if "b" in text.split() or ", b)" in text or "(b," in text else "a"
    whole = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17, "spare": 1]> g (float[N] x) => (float[N] z) '
        f'{{ z = Identity (x) }} <domain: "spare", opset_import: ["": 17]> {name} ({inputs}) '
        f"=> (y) {{ {text} }}"
    )
    function: onnx.FunctionProto = whole.functions[0]
    function.domain = domain
    return function


def _local(model: onnx.ModelProto) -> None:
    """The node keeps its name, and its domain is another's."""
    tampering.made_by(model, "logitconf/lt").domain = "local"
    model.functions.append(_function("local", "Less", "y = Less (b, a)"))
    model.opset_import.append(helper.make_opsetid("local", 1))


def _override(domain: str, name: str, text: str) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        model.functions.append(_function(domain, name, text))

    return change


def _override_with_an_overload(model: onnx.ModelProto) -> None:
    """The node asks for another version of its operator by name."""
    model.ir_version = 10
    tampering.made_by(model, "logitconf/lt").overload = "swapped"
    function = _function("", "Less", "y = Greater (a, b)")
    function.overload = "swapped"
    model.functions.append(function)


def _spelled_otherwise(model: onnx.ModelProto) -> None:
    """Functions of ``ai.onnx``, which is the default domain too."""
    for node in model.graph.node:
        if tampering.is_head(node) and node.op_type == "Less":
            node.domain = "ai.onnx"
    model.functions.append(_function("ai.onnx", "Less", "y = Greater (a, b)"))


def _two_default_opsets(model: onnx.ModelProto) -> None:
    model.opset_import.insert(0, helper.make_opsetid("ai.onnx", 11))


def _made_twice(model: onnx.ModelProto) -> None:
    """Two nodes make the mask."""
    other = helper.make_node("Not", ["logitconf/lt"], ["mask"], name="host/not")
    model.graph.node.append(other)


def _same_function_twice(model: onnx.ModelProto) -> None:
    for text in ("y = Less (a, b)", "y = Greater (a, b)"):
        model.functions.append(_function("local", "Smaller", text))
    model.opset_import.append(helper.make_opsetid("local", 1))
    node = tampering.made_by(model, "logitconf/lt")
    node.domain, node.op_type = "local", "Smaller"


def _softmax_replaced(model: onnx.ModelProto) -> None:
    """It changes the host too, with and without its head."""
    model.functions.append(_function("", "Exp", "n = Neg (a) y = Abs (n)"))


HEADS: dict[str, Tampering] = {
    "the comparison swapped": Tampering(hosted_with(_swap_the_comparison), GRAPH),
    "below or equal": Tampering(hosted_with(_accept_what_is_below_or_equal), GRAPH),
    "the minimum for the maximum": Tampering(hosted_with(_minimum), GRAPH),
    "Or for And": Tampering(hosted_with(_or_for_and), GRAPH),
    "an extra node": Tampering(hosted_with(_dead_node), GRAPH),
    "another axis": Tampering(hosted_with(_other_axis), GRAPH),
    "a cast in the middle": Tampering(hosted_with(_cast_in_the_middle), GRAPH),
    "the mask in a branch": Tampering(hosted_with(_in_a_branch), GRAPH),
    "a function of a local domain": Tampering(hosted_with(_local), GRAPH),
    "a function overrides Less": Tampering(
        hosted_with(_override("", "Less", "y = Greater (a, b)")), FUNCTIONS
    ),
    "a function overrides Less, alone": Tampering(
        alone_with(_override("", "Less", "y = Greater (a, b)")), FUNCTIONS
    ),
    "a function overrides Neg": Tampering(
        hosted_with(_override("", "Neg", "y = Identity (a)")), FUNCTIONS
    ),
    "a function overrides Softmax of ai.onnx": Tampering(
        hosted_with(_override("ai.onnx", "Softmax", "y = Identity (a)")), FUNCTIONS
    ),
    "a function overrides Exp": Tampering(hosted_with(_softmax_replaced), FUNCTIONS),
    "a function overrides Less of ai.onnx": Tampering(hosted_with(_spelled_otherwise), FUNCTIONS),
    "an overload of Less": Tampering(hosted_with(_override_with_an_overload), FUNCTIONS),
    "one function twice": Tampering(hosted_with(_same_function_twice), FUNCTIONS),
    "two default opsets": Tampering(
        hosted_with(_two_default_opsets), "every operator set is imported once"
    ),
    "the mask made twice": Tampering(hosted_with(_made_twice), ONCE),
}
