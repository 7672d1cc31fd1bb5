"""Inferred shapes are those that the reference evaluator computes, and never wrong ones."""

from typing import Any, cast

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, parser
from onnx.reference import ReferenceEvaluator

from logitconf_export.hosts.graph.indexing import index_model
from logitconf_export.hosts.graph.shapes import broadcast
from logitconf_export.hosts.operators.table import OPERATORS

SHAPE = (2, 3, 4, 6)
COMPUTED = "shape to reshape"
"""Sizes computed while running are not followed, only counted."""
WEIGHTS = ", float[5, 3, 3, 1] k = {" + ", ".join(["0.5"] * 45) + "}"
BODIES = {
    "elementwise with a row": ("y = Add(x, r)", ", float[6] r = {1, 2, 3, 4, 5, 6}"),
    "matrix product": ("y = MatMul(x, m)", ", float[6, 2] m = {1,2,3,4,5,6,7,8,9,10,11,12}"),
    "flattened layer": (
        "f = Flatten<axis = 3>(x) y = Gemm<transB = 1>(f, m)",
        ", float[2, 6] m = {1,2,3,4,5,6,7,8,9,10,11,12}",
    ),
    "convolution": ("y = Conv(x, k)", WEIGHTS),
    "strided, padded convolution": (
        "y = Conv<strides = [2, 3], pads = [1, 0, 1, 2]>(x, k)", WEIGHTS,
    ),
    "dilated convolution": ("y = Conv<dilations = [1, 2], pads = [1, 1, 1, 1]>(x, k)", WEIGHTS),
    "global pooling": ("y = GlobalAveragePool(x)", ""),
    "pooling": ("y = MaxPool<kernel_shape = [2, 3], strides = [2, 2]>(x)", ""),
    "transposition": ("y = Transpose<perm = [1, 3, 0, 2]>(x)", ""),
    "flattening": ("y = Flatten<axis = 2>(x)", ""),
    "flattening from the back": ("y = Flatten<axis = -1>(x)", ""),
    "reshape with -1 and 0": ("y = Reshape(x, s)", ", int64[3] s = {0, -1, 6}"),
    "reshape that splits": ("y = Reshape(x, s)", ", int64[5] s = {2, 3, 2, 2, -1}"),
    "unsqueeze": ("y = Unsqueeze(x, a)", ", int64[2] a = {-1, 1}"),
    "unsqueeze, then squeeze": (
        "u = Unsqueeze(x, a) y = Squeeze(u, a)", ", int64[1] a = {2}",
    ),
    "sum without the axis": ("y = ReduceSum<keepdims = 0>(x, a)", ", int64[2] a = {1, -1}"),
    "sum of everything": ("y = ReduceSum<keepdims = 0>(x)", ""),
    "maximum with the axis": ("y = ReduceMax(x, q)", ", int64[1] q = {2}"),
    "winner": ("y = ArgMax<axis = 1, keepdims = 0>(x)", ""),
    "concatenation": ("y = Concat<axis = -1>(x, x, x)", ""),
    "gathered single": ("y = Gather<axis = 1>(x, i)", ", int64 i = {2}"),
    "gathered several": ("y = Gather<axis = 2>(x, i)", ", int64[2, 2] i = {0, 1, 2, 3}"),
    "slice": (
        "y = Slice(x, a, e, i)",
        ", int64[2] a = {1, 0}, int64[2] e = {99, -1}, int64[2] i = {1, 3}",
    ),
    "slice backwards": (
        "y = Slice(x, a, e, i, s)",
        ", int64[1] a = {-1}, int64[1] e = {-99}, int64[1] i = {3}, int64[1] s = {-2}",
    ),
    "split": ("y, z = Split<axis = 3, num_outputs = 2>(x)", ""),
    "expand": (
        "c = ReduceMax(x, q) y = Expand(c, s)",
        ", int64[1] q = {3}, int64[4] s = {1, 1, 1, 5}",
    ),
    "shape": ("y = Shape(x)", ""),
    "part of the shape": ("y = Shape<start = 1, end = -1>(x)", ""),
    COMPUTED: (
        "s = Shape<start = 0, end = 1>(x) j = Concat<axis = 0>(s, l) y = Reshape(x, j)",
        ", int64[2] l = {-1, 6}",
    ),
    "filled": ("y = ConstantOfShape(s)", ", int64[2] s = {3, 0}"),
    "einsum": ('y = Einsum<equation = "abcd,de->aceb">(x, m)', ", float[6, 1] m = {1,2,3,4,5,6}"),
    "mask": ("c = Greater(x, t) y = Where(c, x, t)", ", float t = {0.0}"),
}  # fmt: skip


def model_of(body: str, weights: str, dims: str) -> onnx.ModelProto:
    model: onnx.ModelProto = parser.parse_model(
        f'<ir_version: 8, opset_import: ["": 18]> agraph (float[{dims}] x) => (float y) '
        f"<float unused = {{0.0}} {weights}> {{ {body} }}"
    )
    return model


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("dims", ["2, 3, 4, 6", "N, 3, 4, 6", "N, 3, H, W"])
def test_known_sizes_are_those_computed(name: str, dims: str) -> None:
    body, weights = BODIES[name]
    model = model_of(body, weights, dims)
    inferred = index_model(model, OPERATORS).fact("y").shape
    rows = np.ones(SHAPE, np.float32)
    (value,) = cast("list[Any]", ReferenceEvaluator(model).run(["y"], {"x": rows}))
    computed = np.asarray(value).shape
    assert inferred is not None
    assert len(inferred) == len(computed)
    assert all(a == b for a, b in zip(inferred, computed, strict=True) if isinstance(a, int))
    if dims[0] == "2" and name != COMPUTED:
        assert inferred == computed


def test_broadcasting_keeps_what_either_side_knows() -> None:
    assert broadcast(("N", 3), (3,)) == ("N", 3)
    assert broadcast(("N", 1), ("N", None)) == ("N", None)
    assert broadcast((None, 4), (2, 1)) == (2, 4)
    assert broadcast(("N",), ("M",)) == (None,)


def test_sizes_that_double_at_each_node_stay_bounded() -> None:
    nodes = [helper.make_node("Concat", [f"v{i}"] * 2, [f"v{i + 1}"], axis=0) for i in range(500)]
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("v0", TensorProto.FLOAT, [3])],
        [helper.make_tensor_value_info("v500", TensorProto.FLOAT, None)],
    )  # fmt: skip
    scope = index_model(helper.make_model(graph), OPERATORS)
    assert scope.fact("v10").shape == (3 * 2**10,)
    assert scope.fact("v500").shape == (None,)


def test_every_rule_bears_a_node_without_attributes_or_shapes() -> None:
    with_shape = [(key, row) for key, row in OPERATORS.rows.items() if row.shape is not None]
    assert len(with_shape) > 100
    for (domain, operator), row in with_shape:
        inputs = ["x"] * max(2, row.inputs)
        node = helper.make_node(operator, inputs, ["y"], domain=domain)
        graph = helper.make_graph(
            [node], "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        )  # fmt: skip
        model = helper.make_model(graph)
        for rank in (None, 0, 1, 2, 3):
            model.graph.input[0].type.tensor_type.ClearField("shape")
            for _ in range(rank or 0):
                model.graph.input[0].type.tensor_type.shape.dim.add(dim_value=2)
            index_model(model, OPERATORS)
