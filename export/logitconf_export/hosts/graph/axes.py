"""Follows one axis of a tensor through a node."""

import onnx

from logitconf_export.hosts.graph.scope import Scope


def axis_after(scope: Scope, node: onnx.NodeProto, axis: int | None) -> int | None:
    """Where an axis of the first input lies in the first output; None if it is lost or unknown.

    An axis is counted from the front, or from the back where the rank is not known.
    """
    rule = scope.operators.row(node).axis
    if axis is None or not node.input or not node.output:
        return None
    if rule is None:
        return axis
    return rule(scope, node, normalised(axis, scope.fact(node.input[0]).rank))


def normalised(axis: int, rank: int | None) -> int:
    """The axis counted from the front where the rank allows."""
    return axis + rank if rank is not None and -rank <= axis < 0 else axis
