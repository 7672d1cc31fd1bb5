"""What rules for shapes are made of: an input's shape, broadcasting, shape operands."""

from collections.abc import Sequence
from functools import reduce

import onnx

from logitconf_export.hosts.graph.facts import Dimension
from logitconf_export.hosts.graph.scope import Scope, Shape

MOST_AXES = 32


def input_shape(scope: Scope, node: onnx.NodeProto, position: int) -> Shape | None:
    """The shape of one input of a node."""
    if position >= len(node.input) or not node.input[position]:
        return None
    return scope.fact(node.input[position]).shape


def broadcast(first: Shape, second: Shape) -> Shape:
    """The shape of an elementwise result; unknown sizes stay unknown unless the other decides."""
    rank = max(len(first), len(second))
    pairs = zip(
        (1,) * (rank - len(first)) + first, (1,) * (rank - len(second)) + second, strict=True
    )
    return tuple(_joined(a, b) for a, b in pairs)


def _joined(a: Dimension, b: Dimension) -> Dimension:
    if b in (a, 1):
        return a
    if a == 1:
        return b
    if isinstance(a, int):
        return a
    return b if isinstance(b, int) else None


def same_shape(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """The first input's shape."""
    return input_shape(scope, node, 0)


def broadcast_shape(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """All inputs broadcast."""
    shapes = [input_shape(scope, node, k) for k in range(len(node.input))]
    known = [s for s in shapes if s is not None]
    return reduce(broadcast, known) if len(known) == len(shapes) else None


def wanted_sizes(scope: Scope, name: str) -> list[int | None] | None:
    """A shape operand: its numbers, and None for those computed while running."""
    array = scope.array(name)
    if array is not None:
        return [int(v) for v in array.ravel()] if array.dtype.kind in "iu" else None
    node = scope.standard(name)
    for _ in range(MOST_AXES):
        if node is not None and scope.operators.row(node).alias:
            node = scope.standard(node.input[0])
    if node is None or node.op_type != "Concat" or len(node.input) > MOST_AXES:
        length = scope.fact(name).size(0)
        return [None] * length if length is not None and length <= MOST_AXES else None
    sizes: list[int | None] = []
    for part in node.input:
        numbers = scope.array(part)
        producer = scope.standard(part)
        if numbers is not None and numbers.dtype.kind in "iu":
            sizes += (int(v) for v in numbers.ravel())
        elif scope.fact(part).shape == (1,) or (producer and producer.op_type == "Unsqueeze"):
            sizes.append(None)
        else:
            return None
    return sizes


def window_sizes(
    scope: Scope, node: onnx.NodeProto, sizes: Shape, kernel: Sequence[Dimension]
) -> Shape:
    """Sizes after a convolution or a pooling of these sizes, unknown where padding is automatic."""
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
