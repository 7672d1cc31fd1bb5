"""Walks from an output back to the operator that says what the output means.

The walk passes operators that only move or copy values; the tables of patterns name the rest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import onnx

from logitconf_export.hosts.graph.axes import axis_after
from logitconf_export.hosts.graph.scope import (
    Operator,
    OperatorKey,
    OperatorTable,
    Scope,
    plain_domain,
)
from logitconf_export.hosts.linear_layers import linear_source

Kind = Literal["logits", "probabilities", "log-probabilities"]
Family = Literal["categorical", "bernoulli"]
MICROSOFT = "com.microsoft"

_DEPTH = 16
_STEPS = 1_000_000
_READS = 5_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What a value holds, and where its logits can be had.

    Attributes:
        kind: what the value itself holds.
        family: classes that compete, labels that do not, or None where the graph cannot say.
        axis: class axis of the value; equal to its rank where it has none (one logit a position).
        n_classes: columns along the class axis of ``tensor``.
        tensor: the value to attach a head to; None while it lies inside a subgraph or function.
        tensor_kind: what that value holds.
        tensor_axis: its class axis.
        certain: whether the structure leaves no doubt.
        reason: the evidence, a sentence without the full stop.
        direct: whether the value shows the whole distribution, and not labels or chosen columns.
    """

    kind: Kind
    family: Family | None
    axis: int | None
    n_classes: int | None
    tensor: str | None
    tensor_kind: Kind
    tensor_axis: int | None
    certain: bool
    reason: str
    direct: bool = True

    def at_value(self, name: str | None) -> "Reading":
        """The same, with the head attached to this value, since nothing before it will do."""
        return replace(self, tensor=name, tensor_kind=self.kind, tensor_axis=self.axis)

    def doubted(self, why: str) -> "Reading":
        """The same, no longer certain, with the doubt added to the reason."""
        return replace(self, certain=False, reason=f"{self.reason}; {why}")

    def indirect(self, how: str) -> "Reading":
        """The same for labels or columns chosen from the value."""
        if not self.direct:
            return self
        return replace(self, direct=False, axis=None, reason=f"{self.reason}; {how}")


@dataclass(frozen=True, slots=True)
class Unread:
    """A value that has no reading, and why; a sentence without the full stop."""

    reason: str


Result = Reading | Unread
Pattern = Callable[["Site"], "Result | None"]
"""Reads one output of a node; None where the pattern does not apply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRow(Operator):
    """All that is known of one operator; what a reading needs besides what the graph does.

    Attributes:
        read: what its output means; without it, what follows from ``copies`` and ``layer``.
        hint: why nothing is known of its output, a clause behind the operator's name.
    """

    read: Pattern | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """An output of a node that is being read.

    Attributes:
        reader: reads the values before it.
        scope: the graph of the node.
        node: the node.
        name: the output.
        depth: how many readings are nested around this one.
    """

    reader: "Reader"
    scope: Scope
    node: onnx.NodeProto
    name: str
    depth: int

    def read(self, name: str) -> "Result":
        """What a value before the node holds."""
        return self.reader.read(self.scope, name, self.depth + 1)


@dataclass(slots=True)
class Reader:
    """Reads values of one model.

    Attributes:
        operators: what is known of each operator.
        functions: the model-local functions.
        call: reads the output of a function's call.
        steps: how many more nodes may be looked at before reading is given up.
        reads: how many more values may be read, so that no graph can take long.
    """

    operators: OperatorTable[OperatorRow]
    functions: Mapping[OperatorKey, onnx.FunctionProto]
    call: Pattern
    steps: int = _STEPS
    reads: int = _READS

    def read(self, scope: Scope, name: str, depth: int = 0) -> Result:
        """What the value holds."""
        start = name
        self.reads -= 1
        passed: list[tuple[Scope, onnx.NodeProto]] = []
        while True:
            self.steps -= 1
            if self.steps < 0 or self.reads < 0 or depth > _DEPTH:
                return Unread("the way to its logits is too long or too deeply nested")
            owner = scope.owner(name)
            node = owner.producers.get(name) if owner is not None else None
            if owner is None or node is None:
                return Unread("it is an input or a constant of the graph, computed by no node")
            if name in owner.detections:
                return Unread(
                    "it follows a box selection: a detector's output is no row of classes"
                )
            result = self._match(owner, node, name, depth)
            if result is None and name == node.output[0] and passes(owner, node):
                passed.append((owner, node))
                name, scope = node.input[0], owner
                continue
            if result is None:
                return self._read_linear(scope, node, start)
            return _forward(passed, result)

    def _match(self, scope: Scope, node: onnx.NodeProto, name: str, depth: int) -> Result | None:
        if (plain_domain(node.domain), node.op_type) in self.functions:
            return self.call(Site(self, scope, node, name, depth))
        pattern = self.operators.row(node).read
        if pattern is None or not node.input or not node.input[0]:
            return None
        return pattern(Site(self, scope, node, name, depth))

    def _read_linear(self, scope: Scope, last: onnx.NodeProto, start: str) -> Result:
        """A value without activation: logits if a linear layer comes last, else nothing known."""
        source = linear_source(scope, start)
        if source is None:
            return Unread(_no_reading(last, self.operators.row(last).hint))
        rank = scope.fact(start).rank
        axis = source.axis
        certain, doubt = True, ""
        if source.between:
            certain, doubt = False, f"; a {source.between} follows it"
        if axis is None and source.n_classes == 1 and rank is not None:
            axis = rank
        if axis is None:
            certain, doubt = False, f"{doubt}; its class axis cannot be followed to here"
        size = scope.fact(start).size(axis)
        n_classes = size if size is not None else source.n_classes
        if axis is not None and axis == rank:
            n_classes = 1
        if n_classes == 1:
            certain = False
            doubt = f"{doubt}; one column may as well be a regression"
        reason = f"a {source.operator} layer comes last, without an activation{doubt}"
        return Reading("logits", None, axis, n_classes, start, "logits", axis, certain, reason)


def passes(scope: Scope, node: onnx.NodeProto) -> bool:
    """Whether the node only copies or moves its first input, so that its meaning stays."""
    row = scope.operators.row(node)
    if not row.copies or row.follows is None or not node.output or not node.input:
        return False
    return row.follows(scope, node) is not None


def _forward(passed: list[tuple[Scope, onnx.NodeProto]], result: Result) -> Result:
    if isinstance(result, Unread):
        return result
    for scope, node in reversed(passed):
        axis = axis_after(scope, node, result.axis)
        if axis is None and result.family == "bernoulli" and result.n_classes == 1:
            # The single column was dropped: what is left is one logit a position.
            axis = scope.fact(node.output[0]).rank
        result = replace(result, axis=axis)
        if result.tensor is None and scope.operators.row(node).quantization == "to floats":
            result = result.at_value(node.output[0])
    return result


def _no_reading(node: onnx.NodeProto, hint: str) -> str:
    domain = "" if node.domain in ("", "ai.onnx") else f" of domain {node.domain[:60]!r}"
    what = f"a {node.op_type[:60]!r} node{domain}"
    return f"it comes from {what}, {hint}" if hint else f"it comes from {what}, which says nothing"
