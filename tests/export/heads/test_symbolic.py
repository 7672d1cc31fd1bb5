"""Symbolic arrays write what a formula says, and refuse what no graph can hold."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from logitconf import LogitconfError
from logitconf.arrays import (
    largest_of,
    largest_values,
    log_softmax,
    namespace,
    only_finite,
    silent,
    softmax,
    split,
    sum_of_sizes,
)
from logitconf_export.heads.graph_writer import GraphWriter
from logitconf_export.heads.symbolic import NAMESPACE, SymbolicArray
from logitconf_export.onnx_files.opsets import ir_for_opset

OPSETS = (7, 9, 10, 11, 13, 17, 18, 26)
ROWS = np.array([[1.5, -2.0, 0.25], [3.0, 3.0, -1.0]], np.float32)


def symbolic(opset: int = 17, columns: int | None = 3) -> SymbolicArray:
    return SymbolicArray(GraphWriter(opset), "x", np.dtype(np.float32), (None, columns))


def run(result: SymbolicArray, opset: int) -> Any:
    """What onnxruntime makes of the nodes that led to the result."""
    writer = result.writer
    writer.finish({result.value: "result"}, [])
    kind = helper.np_dtype_to_tensor_dtype(result.dtype)
    inputs = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 3])]
    initializers = list(writer.initializers.values())
    if ir_for_opset(opset) < 4:
        inputs += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in initializers]
    graph = helper.make_graph(
        writer.nodes,
        "formula",
        inputs,
        [helper.make_tensor_value_info("result", kind, None)],
        initializers,
    )
    imports = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=ir_for_opset(opset))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(None, {"x": ROWS})[0]


FORMULAS: dict[str, Callable[[Any, Any], Any]] = {
    "arithmetic": lambda _, x: (1.0 - x * 2.0) / (x * x + 3.0) - -x,
    "exponentials": lambda xp, x: xp.log(xp.exp(xp.tanh(x)) + xp.reciprocal(xp.abs(x))),
    "a quotient of a number": lambda _, x: -1.0 / (x * x + 3.0),
    "the largest of several": lambda _, x: largest_of([x * -1.0, x, x * 0.5 + 1.0]),
    "reductions": lambda xp, x: (
        xp.sum(x, axis=1) + xp.max(x, axis=1) - xp.squeeze(xp.min(x, axis=1, keepdims=True), axis=1)
    ),
    "choices": lambda xp, x: xp.where((x > 0.0) & (x < 2.0), x, -5.0),
    "equals": lambda xp, x: xp.astype(x == xp.max(x, axis=1, keepdims=True), xp.float32),
    "bounds": lambda xp, x: xp.minimum(xp.clip(x, min=-1.0, max=2.0), xp.maximum(x, x * 0.5)),
    "layout": lambda xp, x: xp.concat(
        [xp.permute_dims(x, (1, 0)), xp.permute_dims(x * 2.0, (1, 0))], axis=0
    ),
    "a table": lambda xp, x: xp.max(xp.reshape(x, (*x.shape[:1], 3, 1)), axis=2),
    "a column": lambda _, x: x[:, 2, ...] - x[:, 0, ...],
    "pieces": lambda _, x: split(x, 2, 1)[0] + split(x, 2, 1)[1],
    "softmax": lambda _, x: softmax(x, 1),
    "log softmax": lambda _, x: log_softmax(x, 1),
    "sizes": lambda _, x: sum_of_sizes(x, 1),
    "finite ones": lambda _, x: only_finite(x),
    "the largest": lambda _, x: largest_values(x, 2, 1),
    "double": lambda xp, x: xp.astype(xp.exp(xp.clip(xp.astype(x, xp.float64), min=0.1)), xp.uint8),
}


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("name", FORMULAS)
def test_the_nodes_compute_what_numpy_does(name: str, opset: int) -> None:
    if name == "double" and opset < 13:
        pytest.skip("onnxruntime 1.31 has no float64 Clip and Max there")
    x = symbolic(opset)
    expected = FORMULAS[name](namespace(ROWS), ROWS)
    result = FORMULAS[name](namespace(x), x)
    assert result.dtype == expected.dtype
    known = zip(result.shape, expected.shape, strict=True)
    assert all(ours in (None, theirs) for ours, theirs in known)
    np.testing.assert_allclose(run(result, opset), expected, rtol=1e-6, atol=1e-7)


def test_a_product_with_a_transpose_is_one_node() -> None:
    x = symbolic()
    row = NAMESPACE.full((1, 3), 0.5, dtype=x.dtype, device=x.device)
    product = NAMESPACE.matmul(row, NAMESPACE.matrix_transpose(x))
    assert product.shape == (1, None)
    np.testing.assert_allclose(run(product, 17), ROWS.sum(axis=1, keepdims=True).T * 0.5)
    assert [node.op_type for node in x.writer.nodes] == ["ConstantOfShape", "Gemm"]


def test_what_no_output_needs_is_not_written_and_leaves_no_gap_in_the_names() -> None:
    x = symbolic()
    _, kept = NAMESPACE.exp(x), NAMESPACE.exp(x * 7.0)
    x.writer.finish({NAMESPACE.abs(kept).value: "score"}, [])
    names = [(node.op_type, node.name, list(node.output)) for node in x.writer.nodes]
    assert names == [
        ("Mul", "logitconf/mul", ["logitconf/mul"]),
        ("Exp", "logitconf/exp", ["logitconf/exp"]),
        ("Abs", "logitconf/abs", ["score"]),
    ]


VALUES: dict[str, Callable[[SymbolicArray], object]] = {
    "if": lambda x: 1 if x > 0.0 else 2,
    "float": float,
    "int": int,
    "len": len,
    "a loop": list,
    "in": lambda x: 3.0 in x,
    "NumPy": np.asarray,
    "a chain": lambda x: 0.0 < x < 1.0,
}


@pytest.mark.parametrize("name", VALUES)
def test_a_request_for_a_value_is_refused(name: str) -> None:
    with pytest.raises(LogitconfError, match="must not ask for a value"):
        VALUES[name](symbolic())


REFUSED: dict[str, tuple[Callable[[SymbolicArray], object], str]] = {
    "a function": (lambda x: NAMESPACE.isnan(x) + x, r"got isnan\(\.\.\.\); use \['abs'"),
    "at most": (lambda x: x <= 0.0, "got another operator"),
    "unlike": (lambda x: x != 0.0, "got another operator"),
    "a power": (lambda x: x**2, "got another operator"),
    "a slice": (lambda x: x[:, 1:, ...], "got the index"),
    "two types": (lambda x: x + NAMESPACE.astype(x, np.float64), "got float32 beside float64"),
    "a list": (
        lambda x: x * [1.0],
        "got a list beside its arrays",
    ),
    "a bool": (lambda x: x * True, "got a bool beside its arrays"),
    "two numbers": (lambda x: NAMESPACE.where(x > 0.0, 1.0, 2.0), "a choice between two numbers"),
    "free pieces": (lambda x: split(x, 1, 0), "got pieces of a free axis"),
    "a transpose": (lambda x: NAMESPACE.exp(NAMESPACE.matrix_transpose(x)), "got a transpose"),
    "another shape": (lambda x: NAMESPACE.reshape(x, (3, None)), r"got the shape \(3, None\)"),
    "a vector": (lambda x: x @ NAMESPACE.sum(x, axis=0), "got a product of 2 by 1 axes"),
    "softmax": (lambda x: softmax(x, 0), "last axis only, got 0 of 2"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_written_is_refused_with_what_to_use(name: str) -> None:
    formula, phrase = REFUSED[name]
    with pytest.raises(LogitconfError, match=phrase):
        formula(symbolic())


def test_two_constants_do_not_share_a_name() -> None:
    writer = GraphWriter(17)
    writer.constant(np.zeros(2, np.float32), "weights")
    with pytest.raises(LogitconfError, match="must not share the name 'logitconf/weights'"):
        writer.constant(np.ones(2, np.float32), "weights")


def test_silent_functions_take_symbolic_arrays_as_they_are() -> None:
    x = symbolic()
    assert silent(lambda values: values)(x) is x
