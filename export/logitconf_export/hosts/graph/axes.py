"""Follows one axis of a tensor through the operators that only move or reshape values."""

from collections.abc import Callable

import onnx

from logitconf_export.hosts.graph.scope import Dimension, Scope

AxisRule = Callable[[Scope, onnx.NodeProto, int], int | None]


def axis_after(scope: Scope, node: onnx.NodeProto, axis: int | None) -> int | None:
    """Where an axis of the first input lies in the first output; None if it is lost or unknown.

    An axis is counted from the front, or from the back where the rank is not known.
    """
    rule = AXIS_RULES.get(node.op_type)
    if axis is None or not node.input or not node.output:
        return None
    if rule is None:
        return axis
    rank = scope.fact(node.input[0]).rank
    return rule(scope, node, normalised(axis, rank))


def normalised(axis: int, rank: int | None) -> int:
    """The axis counted from the front where the rank allows."""
    return axis + rank if rank is not None and -rank <= axis < 0 else axis


def _transposed(scope: Scope, node: onnx.NodeProto, axis: int) -> int | None:
    """Output axis k holds input axis perm[k]; without perm all axes are reversed."""
    order = scope.integers(node, "perm", position=len(node.input))
    rank = scope.fact(node.input[0]).rank
    if order is None and rank is not None:
        order = list(range(rank))[::-1]
    if order is None:
        return None
    axis = normalised(axis, len(order))
    return order.index(axis) if axis in order else None


def _squeezed(scope: Scope, node: onnx.NodeProto, axis: int) -> int | None:
    """Removed axes before this one move it; a removed axis is lost."""
    rank = scope.fact(node.input[0]).rank
    axes = scope.integers(node, "axes", position=1)
    if axes is None:
        shape = scope.fact(node.input[0]).shape
        if len(node.input) > 1 or shape is None or None in shape:
            return None
        axes = [k for k, size in enumerate(shape) if size == 1]
    if axis < 0:
        # From the back: only axes removed behind it matter, and those are negative too.
        return None if axis in axes or any(a < 0 for a in axes) else axis
    if rank is None and any(a < 0 for a in axes):
        return None
    removed = {normalised(a, rank) for a in axes}
    return None if axis in removed else axis - sum(a < axis for a in removed)


def _unsqueezed(scope: Scope, node: onnx.NodeProto, axis: int) -> int | None:
    """Added axes push the others to the back."""
    axes = scope.integers(node, "axes", position=1)
    rank = scope.fact(node.input[0]).rank
    if axes is None or axis < 0:
        return None
    if rank is None:
        if any(a < 0 for a in axes):
            return None
    else:
        axes = [normalised(a, rank + len(axes)) for a in axes]
    for added in sorted(axes):
        axis += added <= axis
    return axis


def _flattened(scope: Scope, node: onnx.NodeProto, axis: int) -> int | None:
    """Two axes remain; this one survives where all it is joined with have size 1."""
    shape = scope.fact(node.input[0]).shape
    start = scope.integer(node, "axis", 1)
    if shape is None or axis < 0:
        return None
    start = normalised(start, len(shape))
    if not 0 <= start <= len(shape):
        return None
    group = range(start, len(shape)) if axis >= start else range(start)
    if all(k == axis or shape[k] == 1 for k in group):
        return 1 if axis >= start else 0
    return None


def _reshaped(scope: Scope, node: onnx.NodeProto, axis: int) -> int | None:
    """The axis survives where the axes behind it keep their sizes, or those before it do.

    Axes of size 1 are left out on both sides, since they come and go freely.
    """
    before = scope.fact(node.input[0]).shape
    if before is None or axis < 0 or axis >= len(before):
        return None
    after = scope.fact(node.output[0]).shape
    if after is None:
        return None
    size = before[axis]
    if size == 1:
        return _reshaped_single(before, after, axis)
    behind = [d for d in before[axis + 1 :] if d != 1]
    ahead = [d for d in before[:axis] if d != 1]
    matches = []
    for place, other in enumerate(after):
        same_size = other == size or other is None or size is None
        rest = [d for d in after[place + 1 :] if d != 1]
        first = [d for d in after[:place] if d != 1]
        same_behind = rest == behind and None not in behind
        same_ahead = (first == ahead and None not in ahead) or (len(first) == len(ahead) == 1)
        if same_size and other != 1 and (same_behind or (same_ahead and not rest and not behind)):
            matches.append(place)
    return matches[0] if len(matches) == 1 else None


def _reshaped_single(
    before: tuple[Dimension, ...], after: tuple[Dimension, ...], axis: int
) -> int | None:
    """A column of size 1 stays where it was if the reshape only touches what lies behind it."""
    if before[: axis + 1] == after[: axis + 1]:
        return axis
    if axis == len(before) - 1 and after and after[-1] == 1:
        return len(after) - 1
    return None


def _reduced(scope: Scope, node: onnx.NodeProto, axis: int) -> int | None:
    """Axes that a reduction removes move the others; a reduced axis is lost."""
    axes = scope.integers(node, "axes", position=1)
    rank = scope.fact(node.input[0]).rank
    if axes is None:
        return None
    if rank is None and (axis < 0) != all(a < 0 for a in axes):
        return None
    removed = {normalised(a, rank) for a in axes}
    if axis in removed:
        return None
    if scope.integer(node, "keepdims", 1):
        return axis
    return axis - sum(a < axis for a in removed) if axis >= 0 else None


def _pooled(scope: Scope, node: onnx.NodeProto, axis: int) -> int | None:  # noqa: ARG001
    """Pooling keeps batch and channels and shrinks the rest."""
    return axis if axis in (0, 1) else None


def _gathered(scope: Scope, node: onnx.NodeProto, axis: int) -> int | None:
    """A single index removes its axis; several keep it."""
    rank = scope.fact(node.input[0]).rank
    picked = normalised(scope.integer(node, "axis", 0), rank)
    indices = scope.fact(node.input[1]).rank if len(node.input) > 1 else None
    array = scope.array(node.input[1]) if len(node.input) > 1 else None
    indices = array.ndim if array is not None else indices
    if indices is None or picked == axis or picked < 0 or axis < 0:
        return axis if indices == 1 and picked != axis else None
    return axis + (indices - 1 if picked < axis else 0)


AXIS_RULES: dict[str, AxisRule] = {
    "Transpose": _transposed,
    "Squeeze": _squeezed,
    "Unsqueeze": _unsqueezed,
    "Flatten": _flattened,
    "Reshape": _reshaped,
    "ReduceMean": _reduced,
    "ReduceMax": _reduced,
    "ReduceSum": _reduced,
    "GlobalAveragePool": _pooled,
    "GlobalMaxPool": _pooled,
    "AveragePool": _pooled,
    "MaxPool": _pooled,
    "Gather": _gathered,
}
"""How an operator moves an axis; the operators not listed keep every axis in its place."""
