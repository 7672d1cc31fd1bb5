"""Products with weights, and convolutions: linear layers where the weights are constant."""

import onnx
from onnx import TensorProto

from logitconf_export.hosts.graph.facts import Dimension
from logitconf_export.hosts.graph.scope import LayerRule, Scope, Shape
from logitconf_export.hosts.graph.shapes import broadcast, input_shape, window_sizes
from logitconf_export.hosts.reader import MICROSOFT, OperatorRow


def _weight(position: int, axis: int, at: int) -> LayerRule:
    """A layer whose weight input has its outputs on one axis, and the result on another."""

    def layer(scope: Scope, node: onnx.NodeProto) -> tuple[int, int | None] | None:
        if position >= len(node.input) or not scope.is_constant(node.input[position]):
            return None
        return at, scope.fact(node.input[position]).size(axis)

    return layer


def _gemm(scope: Scope, node: onnx.NodeProto) -> tuple[int, int | None] | None:
    """A fully connected layer: Y = A B + C, classes on axis 1."""
    if len(node.input) < 2 or not scope.is_constant(node.input[1]):
        return None
    if scope.text(node, "activation", ""):
        return None
    axis = 0 if scope.integer(node, "transB", 0) else 1
    return 1, scope.fact(node.input[1]).size(axis)


def _matmul(scope: Scope, node: onnx.NodeProto) -> tuple[int, int | None] | None:
    """X W: classes on the last axis. A product of two computed values is no layer."""
    if len(node.input) < 2 or not scope.is_constant(node.input[1]):
        return None
    facts = scope.fact(node.input[1])
    if facts.rank == 1:
        return None
    axis = -2 if scope.integer(node, "transB", 0) else -1
    return -1, facts.size(axis)


def _convolution(position: int, *, transposed: bool = False) -> LayerRule:
    """A convolution: classes are channels, on axis 1."""

    def layer(scope: Scope, node: onnx.NodeProto) -> tuple[int, int | None] | None:
        if position >= len(node.input) or not scope.is_constant(node.input[position]):
            return None
        if scope.text(node, "activation", ""):
            return None
        n_classes = scope.fact(node.input[position]).size(1 if transposed else 0)
        if n_classes is not None and transposed:
            n_classes *= scope.integer(node, "group", 1)
        return 1, n_classes

    return layer


def _blocked(scope: Scope, node: onnx.NodeProto) -> tuple[int, int | None]:
    """MatMulNBits keeps packed weights; attribute N is the number of outputs."""
    return -1, scope.integer(node, "N", 0) or None


def _einsum(scope: Scope, node: onnx.NodeProto) -> tuple[int, int | None] | None:
    """One output letter that only the constant operand has is the class axis."""
    equation = scope.text(node, "equation", "").replace(" ", "")
    if equation.count(",") != 1 or "->" not in equation or "." in equation or len(node.input) != 2:
        return None
    left, result = equation.split("->")
    first, second = left.split(",")
    weight = [scope.is_constant(n) for n in node.input]
    if weight.count(True) != 1:
        return None
    place = weight.index(True)
    own, other = ((first, second), (second, first))[place]
    letters = [c for c in result if c in own and c not in other]
    if len(letters) != 1:
        return None
    n_classes = scope.fact(node.input[place]).size(own.index(letters[0]))
    return result.index(letters[0]), n_classes


def _product_shape(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """Rows of the first times columns of the second, broadcast over the rest."""
    left = input_shape(scope, node, 0)
    right = input_shape(scope, node, 3 if node.op_type == "QLinearMatMul" else 1)
    if left is None or right is None or len(left) < 2 or len(right) < 2:
        return None
    if scope.integer(node, "transA", 0):
        left = (*left[:-2], left[-1], left[-2])
    if scope.integer(node, "transB", 0):
        right = (*right[:-2], right[-1], right[-2])
    return (*broadcast(left[:-2], right[:-2]), left[-2], right[-1])


def _blocked_shape(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """MatMulNBits: attribute N counts the columns."""
    left = input_shape(scope, node, 0)
    return None if left is None else (*left[:-1], scope.integer(node, "N", 0) or None)


def _convolution_shape(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """Batch, channels of the weights, and windows."""
    position = 3 if node.op_type == "QLinearConv" else 1
    before, weights = input_shape(scope, node, 0), input_shape(scope, node, position)
    if before is None or weights is None or len(before) != len(weights) or len(before) < 3:
        return None
    if node.op_type == "ConvTranspose":
        columns, group = weights[1], scope.integer(node, "group", 1)
        channels = columns * group if isinstance(columns, int) else None
        return (before[0], channels, *(None for _ in before[2:]))
    return (before[0], weights[0], *window_sizes(scope, node, before[2:], weights[2:]))


def _einsum_shape(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """Sizes by letter."""
    equation = scope.text(node, "equation", "").replace(" ", "")
    if "->" not in equation or "." in equation:
        return None
    left, result = equation.split("->", 1)
    sizes: dict[str, Dimension] = {}
    for k, letters in enumerate(left.split(",")):
        shape = input_shape(scope, node, k)
        if shape is None or len(shape) != len(letters):
            return None
        sizes.update(zip(letters, shape, strict=True))
    return tuple(sizes.get(letter) for letter in result)


ROWS = (
    OperatorRow(name="MatMul", inputs=2, shape=_product_shape, layer=_matmul),
    OperatorRow(name="Gemm", shape=_product_shape, layer=_gemm),
    OperatorRow(name="Einsum", shape=_einsum_shape, layer=_einsum),
    OperatorRow(
        name="MatMulInteger", shape=_product_shape, dtype=TensorProto.INT32, layer=_matmul
    ),
    OperatorRow(name="QLinearMatMul", shape=_product_shape, dtype=0, layer=_weight(3, -1, -1)),
    OperatorRow(name="Conv", inputs=2, shape=_convolution_shape, layer=_convolution(1)),
    OperatorRow(
        name="ConvTranspose", shape=_convolution_shape, layer=_convolution(1, transposed=True)
    ),
    OperatorRow(
        name="ConvInteger", shape=_convolution_shape, dtype=TensorProto.INT32,
        layer=_convolution(1),
    ),
    OperatorRow(
        name="QLinearConv", shape=_convolution_shape, dtype=0, layer=_convolution(3)
    ),
    OperatorRow(name="FusedGemm", domains=(MICROSOFT,), shape=_product_shape, layer=_gemm),
    OperatorRow(
        name="FusedConv", domains=(MICROSOFT,), shape=_convolution_shape, layer=_convolution(1)
    ),
    *(
        OperatorRow(name=name, domains=(MICROSOFT,), shape=_product_shape, layer=_matmul)
        for name in ("FusedMatMul", "TransposeMatMul")
    ),
    *(
        OperatorRow(
            name=name, domains=(MICROSOFT,), shape=_product_shape, dtype=TensorProto.FLOAT,
            layer=_matmul,
        )
        for name in ("DynamicQuantizeMatMul", "MatMulIntegerToFloat")
    ),
    OperatorRow(
        name="QGemm", domains=(MICROSOFT,), shape=_product_shape, layer=_weight(3, 1, 1)
    ),
    OperatorRow(name="MatMulNBits", domains=(MICROSOFT,), shape=_blocked_shape, layer=_blocked),
)  # fmt: skip
"""Operators that are a linear layer when their weights are constant."""
