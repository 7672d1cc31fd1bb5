"""A graph as a table: who makes each value, which values are constant, what shapes they have."""

from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import AttributeProto, TensorProto

from logitconf.errors import LogitconfError
from logitconf_export.hosts.graph.facts import (
    UNKNOWN,
    Dimension,
    TensorFacts,
    short,
    small_array,
    tensor_facts,
)

AttributeValue = int | float | str | list[int] | list[float] | list[str] | None
OperatorKey = tuple[str, str]
"""Domain, empty for the default one, and name."""
Shape = tuple[Dimension, ...]
ShapeRule = Callable[["Scope", onnx.NodeProto], "Shape | None"]
"""The shape of an output, None where nothing is known."""
DtypeRule = Callable[["Scope", onnx.NodeProto], int]
"""The element type of an output, 0 where it is not known."""
AxisRule = Callable[["Scope", onnx.NodeProto, int], "int | None"]
"""Where an axis of the first input lies in the first output; None if it is lost or unknown."""
InputRule = Callable[["Scope", onnx.NodeProto], "str | None"]
"""One of the inputs of a node, None where none will do."""
LayerRule = Callable[["Scope", onnx.NodeProto], "tuple[int, int | None] | None"]
"""Axis and number of a linear layer's outputs; None where its weights are computed."""

ANY_DOMAIN = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """What a graph needs to know of one operator.

    Attributes:
        name: the operator.
        domains: where it is defined, ``""`` for the default domain.
        inputs: the fewest inputs that readings look into, 0 where they look into none.
        pair: whether it takes just two.
        shape: the shape of its output.
        dtype: that output's element type, 0 where unknown; without it that of the first input.
        shaped: the output that both are of, None for each of them.
        same_shape: the input that has the shape of the first output, for inferring backwards.
        axis: where an axis of the first input goes; without it every axis stays in its place.
        follows: the input whose logits come through: moved, scaled by a constant, averaged, or, if
            it ``softens``, changed by an activation or a normalisation.
        copies: whether every value comes through as it was.
        softens: whether what comes through is no longer the layer's own output.
        picks: whether only some of the columns come through.
        sums: whether sums of layers along one axis are one layer.
        layer: how it is a linear layer, where its weights are constant.
        alias: whether the output is the first input, but for its type.
        carries: whether a sum over the classes comes through it to what is divided by it.
        guards: whether one does beside a small constant, as against division by zero.
        activation: whether it makes probabilities, so that what follows has no logits.
        rounds: whether what it copies may lose digits.
        reshapes: whether its other inputs are shapes or axes, which change no value.
        sizes: whether nothing but sizes comes through.
        switches: whether a value decides which of its bodies runs, or how often.
        random: whether the same input gives other values in another run.
        detects: whether it chooses boxes, as in a detector.
        quantization: whether it makes integers of floats or floats of integers.
    """

    name: str
    domains: tuple[str, ...] = ("",)
    inputs: int = 0
    pair: bool = False
    shape: ShapeRule | None = None
    dtype: int | DtypeRule | None = None
    shaped: int | None = 0
    same_shape: InputRule | None = None
    axis: AxisRule | None = None
    follows: InputRule | None = None
    copies: bool = False
    softens: bool = False
    picks: bool = False
    sums: bool = False
    layer: LayerRule | None = None
    alias: bool = False
    carries: bool = False
    guards: bool = False
    activation: bool = False
    rounds: bool = False
    reshapes: bool = False
    sizes: bool = False
    switches: bool = False
    random: bool = False
    detects: bool = False
    quantization: Literal["to integers", "to floats"] | None = None


Row_co = TypeVar("Row_co", bound=Operator, covariant=True)


@dataclass(frozen=True, slots=True)
class OperatorTable(Generic[Row_co]):
    """The operators that are known.

    Attributes:
        rows: them, by each of their domains.
        unlisted: what holds of all others.
    """

    rows: Mapping[OperatorKey, Row_co]
    unlisted: Row_co

    def without(self, keys: Container[OperatorKey]) -> "OperatorTable[Row_co]":
        """The table without some operators."""
        return OperatorTable({k: r for k, r in self.rows.items() if k not in keys}, self.unlisted)

    def row(self, node: onnx.NodeProto) -> Row_co:
        """The row of a node's operator."""
        row = self.rows.get((plain_domain(node.domain), node.op_type))
        if row is None:
            row = self.rows.get((ANY_DOMAIN, node.op_type))
        return self.unlisted if row is None else row


def first_input(scope: "Scope", node: onnx.NodeProto) -> str | None:  # noqa: ARG001
    """The first input of a node, whatever it is."""
    return node.input[0] or None


def plain_domain(domain: str) -> str:
    """The domain, with the default one by its short name."""
    return "" if domain == "ai.onnx" else domain


@dataclass(slots=True)
class Scope:
    """One graph, subgraph or function body, indexed.

    Attributes:
        operators: what is known of each operator.
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

    operators: OperatorTable[Operator]
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
        given = next((a for a in node.attribute if a.name == name), None)
        if given is not None and given.ref_attr_name:
            given = self.bindings.get(given.ref_attr_name)
        if given is None:
            return default
        kind = given.type
        value: AttributeValue = default
        if kind == AttributeProto.INT:
            value = int(given.i)
        elif kind == AttributeProto.FLOAT:
            value = float(given.f)
        elif kind == AttributeProto.STRING:
            value = given.s.decode("utf-8", "replace")
        elif kind == AttributeProto.INTS:
            value = list(given.ints)
        elif kind == AttributeProto.FLOATS:
            value = list(given.floats)
        elif kind == AttributeProto.STRINGS:
            value = [text.decode("utf-8", "replace") for text in given.strings]
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
            if not self.operators.row(node).alias or not node.input:
                return None
            name, owner = node.input[0], owner.owner(node.input[0])
        return None

    def scalar(self, name: str) -> float | None:
        """The number of a constant with one element."""
        array = self.array(name)
        if array is None or array.size != 1 or array.dtype.kind not in "fiub":
            return None
        return float(array.ravel()[0])


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
        row = scope.operators.row(node)
        needed = row.inputs
        surplus = row.pair and len(node.input) > needed
        if surplus or not all(node.input[:needed]) or len(node.input) < needed or not node.output:
            raise LogitconfError(
                f"a {short(node.op_type)} node must have {needed} inputs"
                f"{'' if row.pair else ' or more'} and an output, "
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
        row = scope.operators.row(node)
        needs = [n for n in (*node.input, *captured(node)) if n]
        if not row.random and all(scope.is_constant(n) for n in needs):
            scope.constants.update(node.output)
        boxes = row.detects or any(
            n in scope.detections or (parent is not None and n in parent.detections) for n in needs
        )
        if boxes:
            scope.detections.update(node.output)
