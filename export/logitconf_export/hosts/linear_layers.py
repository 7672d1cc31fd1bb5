"""Recognises that a value comes straight from a linear layer, and which of its axes is the classes.

Needed for outputs without any activation, and for the class axis in front of a sigmoid, whose own
node says nothing of classes.
"""

from dataclasses import dataclass, replace

import onnx

from logitconf_export.hosts.graph.axes import axis_after, normalised
from logitconf_export.hosts.graph.scope import Scope

_STEPS = 400
_MOST_SUMMANDS = 4


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
    source = scope.sources[key]
    return source if isinstance(source, LinearSource) else None


def _linear_source(scope: Scope, name: str, depth: int) -> LinearSource | None:
    path: list[tuple[Scope, onnx.NodeProto]] = []
    between = ""
    for _ in range(_STEPS):
        owner = scope.owner(name)
        node = owner.producers.get(name) if owner is not None else None
        if owner is None or node is None or not node.input or name != node.output[0]:
            return None
        row = owner.operators.row(node)
        outputs = row.layer(owner, node) if row.layer is not None else None
        if outputs is not None:
            return _arrived(path, owner, node, outputs, between)
        if row.softens:
            between = between or node.op_type
        following = row.follows(owner, node) if row.follows is not None else None
        if following is None:
            summed = _summed(owner, node, depth) if row.sums and depth > 0 else None
            if summed is None:
                return None
            return _mapped(path, replace(summed, between=between or summed.between))
        path.append((owner, node))
        name, scope = following, owner
    return None


def _summed(scope: Scope, node: onnx.NodeProto, depth: int) -> LinearSource | None:
    """The first of several layers that are added up, if their outputs are on the same axis."""
    varying = [n for n in node.input if n and not scope.is_constant(n)]
    sources = [linear_source(scope, n, depth - 1) for n in varying[:_MOST_SUMMANDS]]
    first = sources[0] if sources else None
    if first is None or len(varying) > _MOST_SUMMANDS:
        return None
    same = all(s is not None and s.axis == first.axis and s.exact for s in sources)
    return first if same else None


def _arrived(
    path: list[tuple[Scope, onnx.NodeProto]],
    owner: Scope,
    node: onnx.NodeProto,
    outputs: tuple[int, int | None],
    between: str,
) -> LinearSource:
    axis, n_classes = outputs
    rank = owner.fact(node.output[0]).rank
    place = axis + rank if axis < 0 and rank is not None else axis
    return _mapped(path, LinearSource(place, n_classes, node.op_type, not between, between, node))


def _mapped(path: list[tuple[Scope, onnx.NodeProto]], source: LinearSource) -> LinearSource:
    axis, n_classes = source.axis, source.n_classes
    for scope, node in reversed(path):
        axis = axis_after(scope, node, axis)
        if scope.operators.row(node).picks:
            n_classes = None
    if axis is not None and path:
        axis = normalised(axis, path[0][0].fact(path[0][1].output[0]).rank)
    return replace(source, axis=axis, n_classes=n_classes, exact=not source.between)
