"""Graphs made to crash or hang a reader: each gives a clear error or a reading, quickly."""

import time

import onnx
import pytest
from onnx import TensorProto, helper, parser
from support.hosts.text import LOGITS, host

from logitconf.errors import LogitconfError
from logitconf_export.hosts.reading import read_host

LONG_CHAIN = 100_000
SECONDS = 20
"""Processor time; far above what any case takes (4 s), far below a hang."""


def chain(operator: str, length: int) -> onnx.ModelProto:
    """A softmax followed by many nodes of one operator."""
    nodes = [helper.make_node("Softmax", ["x"], ["v0"])]
    nodes += (helper.make_node(operator, [f"v{i}"], [f"v{i + 1}"]) for i in range(length))
    row = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])
    out = helper.make_tensor_value_info(f"v{length}", TensorProto.FLOAT, ["N", 4])
    graph = helper.make_graph(nodes, "g", [row], [out])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("a = Add(x, c) c = Identity(a) y = Softmax(c)", "no cycle, but 'a' depends on itself"),
        ("y = Softmax(y)", "no cycle, but 'y' depends on itself"),
        ("y = Softmax(nothing)", "'nothing', needed by a 'Softmax' node, has none"),
        ("z = Softmax(x)", "each output must have a producer, but 'y' has none"),
        ("y = Softmax(x) y = Sigmoid(x)", "made once, but 'y' is twice"),
        ("x = Softmax(w) y = Identity(x)", "made once, but 'x' is twice"),
        ("y = Softmax()", "'Softmax' node must have 1 inputs or more"),
        ("y = Div(x)", "'Div' node must have 2 inputs and"),
        ("y = Mul(x, w, b)", "'Mul' node must have 2 inputs and"),
    ],
)
def test_a_broken_graph_is_refused_with_the_value_that_breaks_it(body: str, words: str) -> None:
    with pytest.raises(LogitconfError, match=words):
        read_host(parser.parse_model(host(body)))


def test_a_very_long_name_is_cut_in_the_message() -> None:
    name = "n" * 100_000
    with pytest.raises(LogitconfError) as caught:
        read_host(parser.parse_model(host(f"y = Softmax({name})")))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("operator", "length"),
    [("Identity", LONG_CHAIN), ("Exp", 10_000), ("ReduceMean", 10_000), ("Relu", 10_000)],
)
def test_a_long_chain_of_nodes_is_walked_without_recursion(operator: str, length: int) -> None:
    start = time.process_time()
    reading = read_host(chain(operator, length))
    assert time.process_time() - start < SECONDS
    assert bool(reading.candidates) == (operator == "Identity")


def test_sums_of_sums_are_not_walked_again_and_again() -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["v0"])]
    nodes += (helper.make_node("Add", [f"v{i}", f"v{i}"], [f"v{i + 1}"]) for i in range(300))
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("v300", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor("w", TensorProto.FLOAT, [2, 2], [1.0, 2.0, 3.0, 4.0])],
    )  # fmt: skip
    start = time.process_time()
    read_host(helper.make_model(graph))
    assert time.process_time() - start < SECONDS


def test_concatenations_of_concatenations_end() -> None:
    nodes = [helper.make_node("Sigmoid", ["x"], ["v0"])]
    nodes += (helper.make_node("Concat", [f"v{i}"] * 60, [f"v{i + 1}"], axis=1) for i in range(12))
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("v12", TensorProto.FLOAT, None)],
    )  # fmt: skip
    start = time.process_time()
    reading = read_host(helper.make_model(graph))
    assert time.process_time() - start < SECONDS
    assert not reading.candidates


def test_a_function_that_calls_itself_is_refused() -> None:
    text = host(
        "y = local.loop(x)", imports='"": 17, "local": 1',
        functions='<domain: "local", opset_import: ["": 17, "local": 1]> loop (t) => (p) '
        "{ p = local.loop(t) }",
    )  # fmt: skip
    with pytest.raises(LogitconfError, match="must not call itself, but 'loop' does"):
        read_host(parser.parse_model(text))


def test_functions_that_double_at_each_call_end() -> None:
    functions = "\n".join(
        f'<domain: "local", opset_import: ["": 17, "local": 1]> f{i} (t) => (p) '
        f"{{ a = local.f{i + 1}(t) p = local.f{i + 1}(a) }}"
        for i in range(40)
    )
    functions += (
        '\n<domain: "local", opset_import: ["": 17]> f40 (t) => (p) { p = Softmax<axis = 1>(t) }'
    )
    text = host("y = local.f0(x)", imports='"": 17, "local": 1', functions=functions)
    start = time.process_time()
    read_host(parser.parse_model(text))
    assert time.process_time() - start < SECONDS


@pytest.mark.parametrize("size", [2**31, 2**63 - 1, -1, -(2**63), 0])
def test_absurd_sizes_do_no_harm(size: int) -> None:
    model = parser.parse_model(host(f"{LOGITS} y = Softmax(z)"))
    for tensor in model.graph.initializer:
        tensor.dims[:] = [size] * len(tensor.dims)
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = size
    start = time.process_time()
    read_host(model)
    assert time.process_time() - start < SECONDS


@pytest.mark.parametrize("opset", [11, 17])
@pytest.mark.parametrize("axis", [2, -3, 2**62, -(2**62)])
def test_an_axis_that_is_not_there_is_refused(axis: int, opset: int) -> None:
    text = host(f"y = Softmax<axis = {axis}>(x)", opset=opset, outputs="float[N, 4] y")
    assert "runs over axis" in read_host(parser.parse_model(text)).refused[0].reason
    flat = host(f"p = Softmax(x) y = Flatten<axis = {axis}>(p)", opset=opset)
    read_host(parser.parse_model(flat))


def test_attributes_of_the_wrong_type_are_not_believed() -> None:
    model = parser.parse_model(host('y = Softmax<axis = "last">(x)', outputs="float[N, 4] y"))
    assert read_host(model).candidates[0].class_axis == 1
