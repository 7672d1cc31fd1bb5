"""Reductions, winners and pooling."""

from dataclasses import replace

import onnx
from onnx import TensorProto

from logitconf_export.hosts.graph.axes import axis_after, normalised
from logitconf_export.hosts.graph.scope import Scope, Shape, first_input
from logitconf_export.hosts.graph.shapes import broadcast_shape, input_shape, window_sizes
from logitconf_export.hosts.reader import OperatorRow, Reading, Result, Site, Unread

_MOST_AVERAGED = 64


def _pooling(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """Batch, channels and windows."""
    before = input_shape(scope, node, 0)
    if before is None or len(before) < 3:
        return None
    if node.op_type.startswith("Global"):
        return (*before[:2], *(1 for _ in before[2:]))
    kernel = scope.integers(node, "kernel_shape", position=len(node.input)) or []
    return (*before[:2], *window_sizes(scope, node, before[2:], tuple(kernel)))


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


def _winner(site: Site) -> Result:
    """ArgMax or TopK along the class axis: labels, which tell where the classes are."""
    scope, node = site.scope, site.node
    inner = site.read(node.input[0])
    if isinstance(inner, Unread):
        return inner
    default = 0 if node.op_type == "ArgMax" else -1
    axis = normalised(scope.integer(node, "axis", default), scope.fact(node.input[0]).rank)
    if inner.axis is not None and inner.axis != axis:
        return inner.indirect(f"{node.op_type} runs over axis {axis}").doubted(
            f"but its classes are on axis {inner.axis}"
        )
    if inner.family is None:
        inner = replace(inner, family="categorical")
    return inner.indirect(f"the output is {node.op_type} of it")


def _averaged(site: Site) -> Result | None:
    """The mean of probabilities over members or positions: still probabilities, without logits."""
    scope, node, name = site.scope, site.node, site.name
    readings = [site.read(n) for n in node.input[:_MOST_AVERAGED] if n]
    if node.op_type == "ReduceMean":
        readings = readings[:1]
    first = readings[0]
    if isinstance(first, Unread) or first.kind != "probabilities":
        return None if isinstance(first, Reading) else first
    alike = all(
        isinstance(r, Reading)
        and (r.kind, r.family, r.axis) == (first.kind, first.family, first.axis)
        for r in readings
    )
    axis = axis_after(scope, node, first.axis)
    single = first.family == "bernoulli" and first.n_classes == 1
    if not alike or (axis is None and not single):
        return Unread(f"it is a {node.op_type} over classes or of unlike values")
    if axis == 0 and first.family == "categorical":
        return Unread(f"it is a {node.op_type} over the batch")
    reason = f"mean of several: {first.reason}"
    return replace(first, axis=axis, reason=reason, direct=True).at_value(name)


ROWS = (
    OperatorRow(
        name="ReduceMean", inputs=1, shape=_reduction, axis=_reduced, follows=first_input,
        read=_averaged,
    ),
    OperatorRow(name="Mean", inputs=1, shape=broadcast_shape, read=_averaged),
    *(
        OperatorRow(
            name=name, inputs=1, shape=_reduction, axis=_reduced, follows=first_input, softens=True,
        )
        for name in ("ReduceMax", "ReduceSum")
    ),
    *(
        OperatorRow(name=name, inputs=1, shape=_reduction)
        for name in ("ReduceLogSumExp", "ReduceL1")
    ),
    *(
        OperatorRow(name=name, shape=_reduction)
        for name in ("ReduceMin", "ReduceProd", "ReduceL2", "ReduceLogSum", "ReduceSumSquare")
    ),
    OperatorRow(
        name="ArgMax", inputs=1, shape=_reduction, dtype=TensorProto.INT64, read=_winner
    ),
    OperatorRow(name="ArgMin", shape=_reduction, dtype=TensorProto.INT64),
    OperatorRow(name="TopK", inputs=1, read=_winner),
    *(
        OperatorRow(name=name, shape=_pooling, axis=_pooled, follows=first_input)
        for name in ("GlobalAveragePool", "AveragePool")
    ),
    *(
        OperatorRow(name=name, shape=_pooling, axis=_pooled, follows=first_input, softens=True)
        for name in ("GlobalMaxPool", "MaxPool")
    ),
)  # fmt: skip
"""Operators that make one value of several, or name the largest."""
