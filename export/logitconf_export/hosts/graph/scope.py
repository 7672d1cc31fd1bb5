"""A graph as a table: who makes each value, which values are constant, what shapes they have."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import AttributeProto, TensorProto, numpy_helper

from logitconf.errors import LogitconfError

Dimension = int | str | None
"""A size, the name of a free size, or None where nothing is known."""

AttributeValue = int | float | str | list[int] | list[float] | list[str] | None

_SMALL = 4096
_OPERANDS = {
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Gather", "Reshape", "MatMul", "Conv"), 2),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Sigmoid", "Exp", "Log", "Neg", "Reciprocal"), 1),
    **dict.fromkeys(("ReduceSum", "ReduceMax", "ReduceMean", "ReduceLogSumExp", "ReduceL1"), 1),
    **dict.fromkeys(("Identity", "Cast", "Transpose", "ArgMax", "TopK", "Concat", "Clip"), 1),
    **dict.fromkeys(("Greater", "Less", "GreaterOrEqual", "LessOrEqual"), 2),
    **dict.fromkeys(("Slice", "Split", "Mean", "Squeeze", "Unsqueeze", "Flatten", "Dropout"), 1),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear", "QLinearSoftmax", "BiasSoftmax"), 1),
    **dict.fromkeys(("ZipMap", "Normalizer", "LinearClassifier", "SVMClassifier"), 1),
    **dict.fromkeys(("TreeEnsembleClassifier", "TreeEnsembleRegressor", "TreeEnsemble"), 1),
    **dict.fromkeys(("LinearRegressor", "SVMRegressor", "ArrayFeatureExtractor"), 1),
    **dict.fromkeys(("LabelEncoder", "QLinearSigmoid", "LpNormalization"), 1),
}
"""The fewest inputs of the operators that readings look into."""

_PAIRS = ("Add", "Sub", "Mul", "Div")
_KNOWN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
_DETECTION_OPS = frozenset(
    ("NonMaxSuppression", "EfficientNMS_TRT", "BatchedNMS_TRT", "BatchedNMSDynamic_TRT",
     "RoiAlign", "MaxRoiPool", "DetectionOutput", "TRTBatchedNMS")
)  # fmt: skip
RANDOM_OPERATORS = frozenset(
    ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial",
     "Bernoulli")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TensorFacts:
    """What the graph says of a value's type.

    Attributes:
        dtype: ``onnx.TensorProto.DataType``; 0 where unknown or no tensor.
        shape: a dimension for each axis, None where even the rank is unknown.
    """

    dtype: int = 0
    shape: tuple[Dimension, ...] | None = None

    @property
    def rank(self) -> int | None:
        """The number of axes, if known."""
        return None if self.shape is None else len(self.shape)

    def size(self, axis: int | None) -> int | None:
        """The size of an axis, if the axis and its size are known."""
        if axis is None or self.shape is None or not -len(self.shape) <= axis < len(self.shape):
            return None
        size = self.shape[axis]
        return size if isinstance(size, int) else None


UNKNOWN = TensorFacts()


@dataclass(slots=True)
class Scope:
    """One graph, subgraph or function body, indexed.

    Attributes:
        nodes: its nodes, each after those it needs.
        producers: the node that makes each value.
        initializers: weights stored in the graph.
        inputs: names of the inputs; an initializer may be one too.
        outputs: names of the outputs, in order.
        facts: types and shapes of values.
        opsets: version of each imported domain; ``""`` for the default one.
        constants: values that no input can change.
        detections: values that depend on a detector's box selection.
        parent: the scope around a subgraph, whose values it sees.
        bindings: attributes given to a function by its caller.
        sources: what was found out already about the layers that values come from.
    """

    nodes: Sequence[onnx.NodeProto]
    inputs: frozenset[str]
    outputs: tuple[str, ...]
    opsets: Mapping[str, int]
    initializers: Mapping[str, TensorProto] = field(default_factory=dict)
    facts: Mapping[str, TensorFacts] = field(default_factory=dict)
    parent: "Scope | None" = None
    bindings: Mapping[str, AttributeProto] = field(default_factory=dict)
    producers: dict[str, onnx.NodeProto] = field(default_factory=dict)
    constants: set[str] = field(default_factory=set)
    detections: set[str] = field(default_factory=set)
    sources: dict[tuple[str, int], object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.producers = _producers(self)
        self.nodes = _sorted(self)
        _mark(self)

    def opset(self, domain: str = "") -> int:
        """The imported version of a domain, 1 if it is not imported."""
        return self.opsets.get(domain, 1)

    def owner(self, name: str) -> "Scope | None":
        """This scope or the one around it that defines the value."""
        scope: Scope | None = self
        while scope is not None:
            known = name in scope.producers or name in scope.initializers or name in scope.inputs
            if known:
                return scope
            scope = scope.parent
        return None

    def standard(self, name: str) -> onnx.NodeProto | None:
        """The node that makes a value, if it is an operator of the default domain."""
        owner = self.owner(name)
        node = owner.producers.get(name) if owner is not None else None
        return node if node is not None and node.domain in ("", "ai.onnx") else None

    def fact(self, name: str) -> TensorFacts:
        """Type and shape of a value, as far as they are known."""
        owner = self.owner(name)
        if owner is None:
            return UNKNOWN
        known = owner.facts.get(name, UNKNOWN)
        if known.shape is not None:
            return known
        tensor = owner.initializers.get(name)
        node = owner.producers.get(name)
        if tensor is None and node is not None and node.op_type == "Constant":
            tensor = owner.tensor(node, "value")
        if tensor is None:
            return known
        return tensor_facts(tensor)

    def is_constant(self, name: str) -> bool:
        """Whether no input of the model can change the value."""
        owner = self.owner(name)
        return owner is not None and name in owner.constants

    def attribute(
        self, node: onnx.NodeProto, name: str, default: AttributeValue = None
    ) -> AttributeValue:
        """A plain attribute of a node, looked up at the caller where a function refers to it."""
        found = next((a for a in node.attribute if a.name == name), None)
        if found is not None and found.ref_attr_name:
            found = self.bindings.get(found.ref_attr_name)
        if found is None:
            return default
        kind = found.type
        value: AttributeValue = default
        if kind == AttributeProto.INT:
            value = int(found.i)
        elif kind == AttributeProto.FLOAT:
            value = float(found.f)
        elif kind == AttributeProto.STRING:
            value = found.s.decode("utf-8", "replace")
        elif kind == AttributeProto.INTS:
            value = list(found.ints)
        elif kind == AttributeProto.FLOATS:
            value = list(found.floats)
        elif kind == AttributeProto.STRINGS:
            value = [text.decode("utf-8", "replace") for text in found.strings]
        return value

    def integer(self, node: onnx.NodeProto, name: str, default: int) -> int:
        """An integer attribute."""
        value = self.attribute(node, name)
        return value if isinstance(value, int) else default

    def text(self, node: onnx.NodeProto, name: str, default: str) -> str:
        """A string attribute."""
        value = self.attribute(node, name)
        return value if isinstance(value, str) else default

    def integers(self, node: onnx.NodeProto, name: str, position: int) -> list[int] | None:
        """Integers that old opsets keep in an attribute and new ones in a constant input."""
        value = self.attribute(node, name)
        if isinstance(value, list):
            return [v for v in value if isinstance(v, int)]
        if position < len(node.input) and node.input[position]:
            array = self.array(node.input[position])
            whole = array is not None and array.dtype.kind in "iu"
            return [int(v) for v in array.ravel()] if array is not None and whole else None
        return None

    def tensor(self, node: onnx.NodeProto, name: str) -> TensorProto | None:
        """A tensor attribute of a node."""
        return next((a.t for a in node.attribute if a.name == name and a.HasField("t")), None)

    def array(self, name: str) -> NDArray[np.generic] | None:
        """The numbers of a small constant, None where they are large, elsewhere or not constant."""
        owner = self.owner(name)
        for _ in range(16):
            if owner is None:
                return None
            if name in owner.initializers:
                return small_array(owner.initializers[name])
            node = owner.producers.get(name)
            if node is None or node.domain not in ("", "ai.onnx"):
                return None
            if node.op_type == "Constant":
                return _constant_node(owner, node)
            if node.op_type not in ("Identity", "Cast") or not node.input:
                return None
            name, owner = node.input[0], owner.owner(node.input[0])
        return None

    def scalar(self, name: str) -> float | None:
        """The number of a constant with one element."""
        array = self.array(name)
        if array is None or array.size != 1 or array.dtype.kind not in "fiub":
            return None
        return float(array.ravel()[0])


def small_array(tensor: TensorProto) -> NDArray[np.generic] | None:
    """The tensor's numbers if they are few and stored inside the model."""
    elements = 1
    for size in tensor.dims:
        elements *= size
    return tensor_array(tensor) if 0 <= elements <= _SMALL else None


def tensor_facts(tensor: TensorProto) -> TensorFacts:
    """Type and shape of a stored tensor; sizes below 0 are unknown."""
    return TensorFacts(tensor.data_type, tuple(int(d) if d >= 0 else None for d in tensor.dims))


def tensor_array(tensor: TensorProto) -> NDArray[np.generic] | None:
    """The tensor's numbers, None where they are in another file or do not fit its shape."""
    if tensor.data_location == TensorProto.EXTERNAL:
        return None
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError):
        return None


def _constant_node(scope: Scope, node: onnx.NodeProto) -> NDArray[np.generic] | None:
    for attribute in node.attribute:
        if attribute.name == "value":
            return small_array(attribute.t)
        if attribute.name in ("value_int", "value_float", "value_ints", "value_floats"):
            return np.asarray(scope.attribute(node, attribute.name))
    return None


def _producers(scope: Scope) -> dict[str, onnx.NodeProto]:
    producers: dict[str, onnx.NodeProto] = {}
    for node in scope.nodes:
        needed = _OPERANDS.get(node.op_type, 0) if node.domain in _KNOWN_DOMAINS else 0
        surplus = node.op_type in _PAIRS and len(node.input) > 2 and needed > 0
        if surplus or not all(node.input[:needed]) or len(node.input) < needed or not node.output:
            raise LogitconfError(
                f"a {short(node.op_type)} node must have {needed} inputs"
                f"{'' if node.op_type in _PAIRS else ' or more'} and an output, "
                f"got inputs {short(str(list(node.input)))}"
            )
        for name in filter(None, node.output):
            if name in producers or name in scope.inputs or name in scope.initializers:
                raise LogitconfError(f"each value must be made once, but {short(name)} is twice")
            producers[name] = node
    return producers


def captured(node: onnx.NodeProto) -> list[str]:
    """The names that the subgraphs of a node take from the graph around it."""
    if not node.attribute:
        return []
    mentioned: list[str] = []
    defined: set[str] = set()
    pending = [g for a in node.attribute for g in (a.g, *a.graphs)]
    while pending:
        graph = pending.pop()
        mentioned += (value.name for value in graph.output)
        defined.update(value.name for value in (*graph.input, *graph.initializer))
        for inner in graph.node:
            mentioned += inner.input
            defined.update(inner.output)
            pending += (g for a in inner.attribute for g in (a.g, *a.graphs))
    return [name for name in mentioned if name not in defined]


def _sorted(scope: Scope) -> list[onnx.NodeProto]:
    """The nodes in the order of their needs; iterative, since chains of 1e5 nodes are legal."""
    waiting = [0] * len(scope.nodes)
    consumers: dict[str, list[int]] = {}
    for number, node in enumerate(scope.nodes):
        for name in filter(None, node.input):
            if scope.owner(name) is None:
                raise LogitconfError(
                    f"each value must have a producer, but {short(name)}, needed by a "
                    f"{short(node.op_type)} node, has none"
                )
        needed = {n for n in (*node.input, *captured(node)) if n in scope.producers}
        waiting[number] = len(needed)
        for name in needed:
            consumers.setdefault(name, []).append(number)
    ready = deque(number for number, count in enumerate(waiting) if count == 0)
    order: list[onnx.NodeProto] = []
    while ready:
        node = scope.nodes[ready.popleft()]
        order.append(node)
        for name in filter(None, node.output):
            for number in consumers.get(name, ()):
                waiting[number] -= 1
                if waiting[number] == 0:
                    ready.append(number)
    if len(order) < len(scope.nodes):
        stuck = next(n for n, count in zip(scope.nodes, waiting, strict=True) if count)
        raise LogitconfError(
            f"a graph must have no cycle, but {short(next(iter(stuck.output), ''))} "
            "depends on itself"
        )
    for name in scope.outputs:
        if scope.owner(name) is None:
            raise LogitconfError(f"each output must have a producer, but {short(name)} has none")
    return order


def _mark(scope: Scope) -> None:
    scope.constants.update(scope.initializers)
    parent = scope.parent
    for node in scope.nodes:
        needs = [n for n in (*node.input, *captured(node)) if n]
        if node.op_type not in RANDOM_OPERATORS and all(scope.is_constant(n) for n in needs):
            scope.constants.update(node.output)
        found = node.op_type in _DETECTION_OPS or any(
            n in scope.detections or (parent is not None and n in parent.detections) for n in needs
        )
        if found:
            scope.detections.update(node.output)


def short(name: str, limit: int = 120) -> str:
    """A name quoted for a message, cut where it is very long."""
    return repr(name if len(name) <= limit else f"{name[:limit]}...")


def value_facts(values: Iterable[onnx.ValueInfoProto]) -> dict[str, TensorFacts]:
    """Type and shape of each value; sizes below 1 stand for unknown ones in old exporters."""
    facts: dict[str, TensorFacts] = {}
    for value in values:
        kind = value.type.WhichOneof("value")
        if kind != "tensor_type":
            facts[value.name] = UNKNOWN
            continue
        tensor = value.type.tensor_type
        shape: tuple[Dimension, ...] | None = None
        if tensor.HasField("shape"):
            shape = tuple(
                (d.dim_value if d.dim_value > 0 else None)
                if d.HasField("dim_value")
                else (d.dim_param or None)
                for d in tensor.shape.dim
            )
        facts[value.name] = TensorFacts(tensor.elem_type, shape)
    return facts
