"""Recognises sums along the class axis: the parts that softmax and log-softmax are written in."""

from collections.abc import Iterator

import onnx

from logitconf_export.hosts.graph.axes import normalised
from logitconf_export.hosts.graph.scope import Scope

_STEPS = 12


def own_sum(scope: Scope, upper: str, lower: str) -> int | None:
    """The axis along which ``lower`` is the sum of ``upper``, broadcast back over it.

    Passes the Reshape and Expand that tensor libraries write for broadcasting, and a small constant
    added against a division by zero.
    """
    return _reduced_axis(scope, lower, ("ReduceSum", "ReduceL1"), upper)


def log_sum_axis(scope: Scope, left: str, right: str) -> int | None:
    """The axis along which ``right`` is the log-sum-exp of ``left``, in any of its spellings.

    Cases: ReduceLogSumExp(x); Log(ReduceSum(Exp(x))); the same plus the maximum that was taken off.
    """
    axis = _reduced_axis(scope, right, ("ReduceLogSumExp",), left)
    if axis is not None:
        return axis
    for name in _carried(scope, right):
        node = scope.standard(name)
        if node is not None and node.op_type == "Log":
            return _log_of_sum(scope, node, left)
        if node is not None and node.op_type == "Add":
            return _shifted_log(scope, node, left)
    return None


def unshifted(scope: Scope, name: str, axis: int) -> tuple[str, str]:
    """The logits before their row maximum was taken off, and words for what was done.

    A softmax does not change when a row is shifted, but an energy does; so where the shift is no
    maximum of the same row, the shifted value itself is returned, and said so.
    """
    node = scope.standard(name)
    if node is None or node.op_type != "Sub":
        return name, "a division"
    reduced = _reduced_axis(scope, node.input[1], ("ReduceMax",), node.input[0])
    if reduced == axis:
        return node.input[0], "a division, after the row maximum"
    return name, "a division, of a difference"


def _log_of_sum(scope: Scope, log: onnx.NodeProto, left: str) -> int | None:
    for name in _carried(scope, log.input[0]):
        node = scope.standard(name)
        if node is None or node.op_type != "ReduceSum":
            continue
        exponent = scope.standard(node.input[0])
        if exponent is None or exponent.op_type != "Exp":
            return None
        inner = exponent.input[0]
        axis = _axis_of(scope, node)
        shifted = axis is not None and unshifted(scope, inner, axis)[0] == left
        return axis if inner == left or shifted else None
    return None


def _shifted_log(scope: Scope, total: onnx.NodeProto, left: str) -> int | None:
    """Log(ReduceSum(Exp(x - m))) + m, with m the row maximum of x."""
    for log_name, top_name in (tuple(total.input), tuple(total.input)[::-1]):
        log = scope.standard(log_name)
        if log is not None and log.op_type == "Log":
            axis = _log_of_sum(scope, log, left)
            top = _reduced_axis(scope, top_name, ("ReduceMax",), left)
            return axis if axis is not None and axis == top else None
    return None


def _reduced_axis(scope: Scope, name: str, operators: tuple[str, ...], of: str) -> int | None:
    restored = False
    for step in _carried(scope, name):
        node = scope.standard(step)
        if node is None:
            return None
        if node.op_type in ("Reshape", "Unsqueeze"):
            restored = True
        if node.op_type not in operators:
            continue
        if not _same(scope, node.input[0], of):
            return None
        # Without the removed axis put back, [N] would broadcast over the classes and not the rows.
        if not scope.integer(node, "keepdims", 1) and not restored:
            return None
        return _axis_of(scope, node)
    return None


def _axis_of(scope: Scope, node: onnx.NodeProto) -> int | None:
    axes = scope.integers(node, "axes", position=1)
    facts = scope.fact(node.input[0])
    if axes is None or len(axes) != 1:
        return None
    return normalised(axes[0], facts.rank)


def _carried(scope: Scope, name: str) -> Iterator[str]:
    """The value and those it was carried over from, unchanged but for shape and guards."""
    for _ in range(_STEPS):
        yield name
        node = scope.standard(name)
        if node is None or not node.input:
            return
        row = scope.operators.row(node)
        if row.carries:
            name = node.input[0]
        elif row.guards and len(node.input) == 2:
            varying = [n for n in node.input if scope.scalar(n) is None]
            if len(varying) != 1:
                return
            name = varying[0]
        else:
            return


def _same(scope: Scope, name: str, other: str) -> bool:
    for _ in range(_STEPS):
        if name == other:
            return True
        node = scope.standard(name)
        if node is None or not scope.operators.row(node).alias:
            return False
        name = node.input[0]
    return False
