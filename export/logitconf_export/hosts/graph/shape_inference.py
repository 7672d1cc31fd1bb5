"""Infers shapes forwards through the operators that readings look at.

onnx's own inference is not used: onnx 1.23 dies of a segmentation fault on hostile sizes (GatherND
with indices of size -1), and with ``data_prop`` allocates an entry for each declared element.
"""

from collections.abc import Sequence
from functools import reduce

import onnx
from onnx import TensorProto

from logitconf_export.hosts.graph.axes import normalised
from logitconf_export.hosts.graph.data_movement import (
    MOST_AXES,
    MOVE_RULES,
    Rule,
    Shape,
    broadcast,
    input_shape,
)
from logitconf_export.hosts.graph.scope import Dimension, Scope, TensorFacts

_LARGEST_SIZE = 2**62


def forward_facts(scope: Scope, node: onnx.NodeProto) -> list[TensorFacts]:
    """Types and shapes of a node's outputs, in order, as far as a rule tells; empty without one."""
    rule = RULES.get(node.op_type)
    if rule is None or node.domain not in ("", "ai.onnx", "com.microsoft"):
        return []
    if not node.input or not node.input[0]:
        return []
    shape = rule(scope, node)
    if shape is not None and len(shape) > MOST_AXES:
        shape = None
    if shape is not None:
        # A chain of Concat(x, x) would otherwise make numbers of as many digits as it has nodes.
        shape = tuple(d if not isinstance(d, int) or d < _LARGEST_SIZE else None for d in shape)
    facts = TensorFacts(_dtype(scope, node), shape)
    return [facts] * (len(node.output) if node.op_type == "Split" else 1)


def _dtype(scope: Scope, node: onnx.NodeProto) -> int:
    if node.op_type in _DTYPES:
        return _DTYPES[node.op_type]
    if node.op_type == "ConstantOfShape":
        value = scope.tensor(node, "value")
        return TensorProto.FLOAT if value is None else value.data_type
    if node.op_type == "Cast":
        return scope.integer(node, "to", 0)
    if node.op_type == "DequantizeLinear":
        return scope.fact(node.input[1]).dtype if len(node.input) > 1 else 0
    position = 1 if node.op_type == "Where" else 0
    return scope.fact(node.input[position]).dtype if position < len(node.input) else 0


def _same(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """The first input's shape."""
    return input_shape(scope, node, 0)


def _elementwise(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """All inputs broadcast."""
    shapes = [input_shape(scope, node, k) for k in range(len(node.input))]
    known = [s for s in shapes if s is not None]
    return reduce(broadcast, known) if len(known) == len(shapes) else None


def _matmul(scope: Scope, node: onnx.NodeProto) -> Shape | None:
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


def _blocked_matmul(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """MatMulNBits: attribute N counts the columns."""
    left = input_shape(scope, node, 0)
    return None if left is None else (*left[:-1], scope.integer(node, "N", 0) or None)


def _convolution(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """Batch, channels of the weights, and windows."""
    position = 3 if node.op_type == "QLinearConv" else 1
    before, weights = input_shape(scope, node, 0), input_shape(scope, node, position)
    if before is None or weights is None or len(before) != len(weights) or len(before) < 3:
        return None
    if node.op_type == "ConvTranspose":
        columns, group = weights[1], scope.integer(node, "group", 1)
        channels = columns * group if isinstance(columns, int) else None
        return (before[0], channels, *(None for _ in before[2:]))
    return (before[0], weights[0], *_windows(scope, node, before[2:], weights[2:]))


def _pooling(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """Batch, channels and windows."""
    before = input_shape(scope, node, 0)
    if before is None or len(before) < 3:
        return None
    if node.op_type.startswith("Global"):
        return (*before[:2], *(1 for _ in before[2:]))
    kernel = scope.integers(node, "kernel_shape", position=len(node.input)) or []
    return (*before[:2], *_windows(scope, node, before[2:], tuple(kernel)))


def _windows(
    scope: Scope, node: onnx.NodeProto, sizes: Shape, kernel: Sequence[Dimension]
) -> Shape:
    count = len(sizes)
    strides = scope.integers(node, "strides", position=len(node.input)) or [1] * count
    dilations = scope.integers(node, "dilations", position=len(node.input)) or [1] * count
    pads = scope.integers(node, "pads", position=len(node.input)) or [0] * (2 * count)
    lengths = {len(kernel), len(strides), len(dilations), len(pads) // 2}
    plain = scope.text(node, "auto_pad", "NOTSET") == "NOTSET"
    if lengths != {count} or not plain or scope.integer(node, "ceil_mode", 0) or min(strides) < 1:
        return (None,) * count
    result: list[Dimension] = []
    for k, size in enumerate(sizes):
        window = kernel[k]
        if window == 1 and strides[k] == 1 and pads[k] == pads[k + count] == 0:
            result.append(size)
        elif isinstance(size, int) and isinstance(window, int):
            reach = size + pads[k] + pads[k + count] - dilations[k] * (window - 1) - 1
            result.append(reach // strides[k] + 1 if reach >= 0 else None)
        else:
            result.append(None)
    return tuple(result)


def _reduction(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """Without the axes reduced, or with size 1 in their place."""
    before = input_shape(scope, node, 0)
    if before is None:
        return None
    kept = bool(scope.integer(node, "keepdims", 1))
    if node.op_type.startswith("Arg"):
        axes: list[int] | None = [scope.integer(node, "axis", 0)]
    else:
        axes = scope.integers(node, "axes", position=1)
        if axes is None and len(node.input) > 1 and node.input[1]:
            return None
    chosen = range(len(before)) if not axes else {normalised(a, len(before)) for a in axes}
    return tuple(
        1 if k in chosen else size for k, size in enumerate(before) if kept or k not in chosen
    )


def _einsum(scope: Scope, node: onnx.NodeProto) -> Shape | None:
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


def _recurrent(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """LSTM, GRU, RNN: time, directions, batch, hidden."""
    before = input_shape(scope, node, 0)
    if before is None or len(before) != 3:
        return None
    directions = 2 if scope.text(node, "direction", "forward") == "bidirectional" else 1
    return before[0], directions, before[1], scope.integer(node, "hidden_size", 0) or None


_UNARY = (
    "Identity", "Cast", "Dropout", "Softmax", "LogSoftmax", "Hardmax", "Sigmoid", "HardSigmoid",
    "Relu", "LeakyRelu", "Elu", "Selu", "PRelu", "Exp", "Log", "Neg", "Abs", "Sqrt",
    "Reciprocal", "Clip", "Tanh", "Erf", "Softplus", "Softsign", "Gelu", "HardSwish", "Mish",
    "Celu", "BatchNormalization", "LayerNormalization", "InstanceNormalization",
    "GroupNormalization", "LpNormalization", "QuantizeLinear", "DequantizeLinear",
    "DynamicQuantizeLinear", "CastLike", "Not", "IsNaN", "QLinearSigmoid", "QLinearSoftmax",
    "BiasSoftmax", "BiasGelu", "FastGelu", "QuickGelu", "CumSum", "Floor", "Ceil", "Round",
)  # fmt: skip
_BINARY = (
    "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Mean", "Sum", "Where", "And", "Or",
    "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Mod",
)  # fmt: skip
_REDUCTIONS = (
    "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
    "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare", "ArgMax", "ArgMin",
)  # fmt: skip
_PRODUCTS = (
    "MatMul", "Gemm", "MatMulInteger", "QLinearMatMul", "FusedMatMul", "FusedGemm", "QGemm",
    "TransposeMatMul", "DynamicQuantizeMatMul", "MatMulIntegerToFloat",
)  # fmt: skip
_CONVOLUTIONS = ("Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "FusedConv")

RULES: dict[str, Rule] = {
    **MOVE_RULES,
    **dict.fromkeys(_UNARY, _same),
    **dict.fromkeys(_BINARY, _elementwise),
    **dict.fromkeys(_REDUCTIONS, _reduction),
    **dict.fromkeys(_PRODUCTS, _matmul),
    **dict.fromkeys(_CONVOLUTIONS, _convolution),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "AveragePool", "MaxPool"), _pooling),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    "MatMulNBits": _blocked_matmul,
    "Einsum": _einsum,
}  # fmt: skip
"""The shape of each operator's first output."""

_DTYPES = {
    **dict.fromkeys(("ArgMax", "ArgMin", "Shape"), TensorProto.INT64),
    **dict.fromkeys(
        ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Not", "IsNaN"),
        TensorProto.BOOL,
    ),
    **dict.fromkeys(("MatMulInteger", "ConvInteger"), TensorProto.INT32),
    **dict.fromkeys(("QuantizeLinear", "DynamicQuantizeLinear"), TensorProto.UINT8),
    **dict.fromkeys(("DynamicQuantizeMatMul", "MatMulIntegerToFloat"), TensorProto.FLOAT),
    **dict.fromkeys(("QLinearMatMul", "QLinearConv", "CastLike"), 0),
}
