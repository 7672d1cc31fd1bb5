"""Recognises that a value comes straight from a linear layer, and which of its axes is the classes.

Needed for outputs without any activation, and for the class axis in front of a sigmoid, whose own
node says nothing of classes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import onnx

from logitconf_export.hosts.graph.axes import axis_after, normalised
from logitconf_export.hosts.graph.scope import Scope
from logitconf_export.onnx_files.element_types import FLOAT_WORDS

Layer = Callable[[Scope, onnx.NodeProto], "tuple[int, int | None] | None"]
OperatorKey = tuple[str, str]

_STEPS = 400
_MICROSOFT = "com.microsoft"


@dataclass(frozen=True, slots=True)
class LinearSource:
    """The layer that a value comes from.

    Attributes:
        axis: the axis of the layer's outputs in the value asked about, None if it got lost.
        n_classes: how many outputs the layer has, if the graph says.
        operator: the layer's operator.
        exact: whether nothing but scaling, moving and averaging lies between; False where an
            activation or a normalisation does.
        between: the operator that makes it inexact, empty if none does.
        node: the layer's node.
    """

    axis: int | None
    n_classes: int | None
    operator: str
    exact: bool
    between: str
    node: onnx.NodeProto


def linear_source(scope: Scope, name: str, depth: int = 4) -> LinearSource | None:
    """The linear layer that the value comes from, or None if there is none in sight."""
    key = (name, depth)
    if key not in scope.sources:
        # Remembered, since a hostile graph of sums of sums would be walked exponentially often.
        scope.sources[key] = _linear_source(scope, name, depth)
    found = scope.sources[key]
    return found if isinstance(found, LinearSource) else None


def _linear_source(scope: Scope, name: str, depth: int) -> LinearSource | None:
    path: list[tuple[Scope, onnx.NodeProto]] = []
    between = ""
    for _ in range(_STEPS):
        owner = scope.owner(name)
        node = owner.producers.get(name) if owner is not None else None
        if owner is None or node is None or not node.input:
            return None
        key = (_plain_domain(node.domain), node.op_type)
        layer = LINEAR_LAYERS.get(key)
        found = layer(owner, node) if layer is not None else None
        if found is not None:
            return _arrived(path, owner, node, found, between)
        if key in _SOFTENING:
            between = between or node.op_type
        elif key not in _KEEPING or not _stays_float(owner, node):
            following = _operand(owner, node, key, depth)
            if isinstance(following, LinearSource):
                return _mapped(path, replace(following, between=between or following.between))
            if following is None:
                return None
            path.append((owner, node))
            name, scope = following, owner
            continue
        path.append((owner, node))
        name, scope = node.input[0], owner
    return None


def _arrived(
    path: list[tuple[Scope, onnx.NodeProto]],
    owner: Scope,
    node: onnx.NodeProto,
    found: tuple[int, int | None],
    between: str,
) -> LinearSource:
    axis, n_classes = found
    rank = owner.fact(node.output[0]).rank
    place = axis + rank if axis < 0 and rank is not None else axis
    return _mapped(path, LinearSource(place, n_classes, node.op_type, not between, between, node))


def _mapped(path: list[tuple[Scope, onnx.NodeProto]], source: LinearSource) -> LinearSource:
    axis, n_classes = source.axis, source.n_classes
    for scope, node in reversed(path):
        axis = axis_after(scope, node, axis)
        if node.op_type in ("Slice", "Gather"):
            n_classes = None
    if axis is not None and path:
        axis = normalised(axis, path[0][0].fact(path[0][1].output[0]).rank)
    return replace(source, axis=axis, n_classes=n_classes, exact=not source.between)


def _operand(
    scope: Scope, node: onnx.NodeProto, key: OperatorKey, depth: int
) -> "str | LinearSource | None":
    """The input to follow where an operator has two: the other one must not change the kind.

    Cases: a constant bias or scale; a mask of constants; the scale of a dynamically quantised
    layer, which depends on the input but is one positive number; the sum of two linear layers.
    """
    inputs: list[str] = [n for n in node.input if n]
    if key in _WITH_CONSTANT:
        varying: list[str] = [n for n in inputs if not scope.is_constant(n)]
        if key == ("", "Where"):
            varying = [n for n in inputs[1:] if not scope.is_constant(n)]
        if key[1] in ("Div", "Sub") and varying and varying[0] != inputs[0]:
            return None
        if len(varying) == 1:
            return varying[0]
        if key == ("", "Mul") and len(varying) == 2:
            return next((n for n in varying if _is_integer_layer(scope, n)), None)
    if key in _SUMS and depth > 0:
        varying = [n for n in inputs if not scope.is_constant(n)]
        sources = [linear_source(scope, n, depth - 1) for n in varying[:4]]
        first = sources[0] if sources else None
        if first is None or len(varying) > 4:
            return None
        same = all(s is not None and s.axis == first.axis and s.exact for s in sources)
        return first if same else None
    return None


def _is_integer_layer(scope: Scope, name: str) -> bool:
    """Whether the value is Cast(MatMulInteger) or Cast(ConvInteger)."""
    node = scope.standard(name)
    if node is not None and node.op_type == "Cast":
        node = scope.standard(node.input[0])
    return node is not None and node.op_type in ("MatMulInteger", "ConvInteger")


def _stays_float(scope: Scope, node: onnx.NodeProto) -> bool:
    return node.op_type != "Cast" or scope.integer(node, "to", 0) in FLOAT_WORDS


def _plain_domain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


def _weight(position: int, axis: int, at: int) -> Layer:
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


def _convolution(position: int, *, transposed: bool = False) -> Layer:
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


LINEAR_LAYERS: dict[OperatorKey, Layer] = {
    ("", "Gemm"): _gemm,
    ("", "MatMul"): _matmul,
    ("", "Einsum"): _einsum,
    ("", "Conv"): _convolution(1),
    ("", "ConvTranspose"): _convolution(1, transposed=True),
    ("", "ConvInteger"): _convolution(1),
    ("", "MatMulInteger"): _matmul,
    ("", "QLinearConv"): _convolution(3),
    ("", "QLinearMatMul"): _weight(3, -1, -1),
    (_MICROSOFT, "FusedGemm"): _gemm,
    (_MICROSOFT, "FusedConv"): _convolution(1),
    (_MICROSOFT, "FusedMatMul"): _matmul,
    (_MICROSOFT, "TransposeMatMul"): _matmul,
    (_MICROSOFT, "DynamicQuantizeMatMul"): _matmul,
    (_MICROSOFT, "MatMulIntegerToFloat"): _matmul,
    (_MICROSOFT, "QGemm"): _weight(3, 1, 1),
    (_MICROSOFT, "MatMulNBits"): _blocked,
}
"""Operators that are a linear layer when their weights are constant."""

_KEEPING = frozenset(
    ("", op)
    for op in (
        "Identity", "Dropout", "Cast", "CastLike", "Reshape", "Squeeze", "Unsqueeze", "Flatten",
        "Transpose", "GlobalAveragePool", "AveragePool", "ReduceMean", "Gather", "Slice",
        "QuantizeLinear", "DequantizeLinear",
    )
) | {(_MICROSOFT, "QuantizeLinear"), (_MICROSOFT, "DequantizeLinear")}  # fmt: skip
_SOFTENING = frozenset(
    ("", op)
    for op in (
        "Relu", "LeakyRelu", "Clip", "BatchNormalization", "GlobalMaxPool", "MaxPool", "ReduceMax",
        "ReduceSum",
    )
)  # fmt: skip
_WITH_CONSTANT = frozenset(("", op) for op in ("Add", "Sub", "Mul", "Div", "Where"))
_SUMS = frozenset((("", "Add"), ("", "Sum")))
