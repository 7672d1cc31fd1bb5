"""Arithmetic and comparisons; the parts that softmax and sigmoid are written in."""

import math
from dataclasses import replace

import onnx
from onnx import TensorProto

from logitconf_export.hosts.graph.scope import Scope, first_input
from logitconf_export.hosts.graph.shapes import broadcast_shape, same_shape
from logitconf_export.hosts.meanings import bernoulli, categorical, normalised_rows
from logitconf_export.hosts.reader import Kind, OperatorRow, Reading, Result, Site, Unread
from logitconf_export.hosts.softmax_parts import log_sum_axis, own_sum, unshifted

_CLIPPED = 0.01
_CLIPPED_LOG = 5.0
"""How much of the range a Clip against zeros may take off: 1e-7 is usual, e^-5 is .007."""


def _divided(site: Site) -> Result | None:
    """Div: a softmax or sigmoid in parts, or rows divided by their own sum."""
    scope, node = site.scope, site.node
    upper, lower = node.input[0], node.input[1]
    if scope.scalar(upper) == 1.0:
        return _logistic(scope, lower)
    axis = own_sum(scope, upper, lower)
    if axis is None:
        return None
    return normalised_rows(site, upper, axis)


def _multiplied(site: Site) -> Result | None:
    """Mul by the Reciprocal of the own sum: the same as Div. Mul by 1, as onnxmltools has it."""
    scope, node = site.scope, site.node
    for upper, other in (tuple(node.input), tuple(node.input)[::-1]):
        if scope.scalar(other) == 1.0:
            inner = site.read(upper)
            return inner if isinstance(inner, Reading) and inner.kind != "logits" else None
        producer = scope.standard(other)
        if producer is not None and producer.op_type == "Reciprocal":
            axis = own_sum(scope, upper, producer.input[0])
            if axis is not None:
                return normalised_rows(site, upper, axis)
    return None


def _logistic(scope: Scope, lower: str) -> Result | None:
    """1 / (1 + exp(-x)), with Div or Reciprocal."""
    total = scope.standard(lower)
    if total is None or total.op_type != "Add":
        return None
    varying = [n for n in total.input if scope.scalar(n) != 1.0]
    power = scope.standard(varying[0]) if len(varying) == 1 else None
    negated = scope.standard(power.input[0]) if power and power.op_type == "Exp" else None
    if negated is None or negated.op_type != "Neg":
        return None
    reason = "sigmoid written as 1 / (1 + Exp(-x))"
    return bernoulli(scope, negated.input[0], kind="probabilities", reason=reason)


def _reciprocal(site: Site) -> Result | None:
    """Reciprocal(1 + exp(-x)): a sigmoid."""
    scope, node = site.scope, site.node
    return _logistic(scope, node.input[0])


def _subtracted(site: Site) -> Result | None:
    """Sub: a log-softmax in parts, or the complement 1 - p of a sigmoid."""
    scope, node = site.scope, site.node
    left, right = node.input[0], node.input[1]
    axis = log_sum_axis(scope, left, right)
    if axis is not None:
        logits, how = unshifted(scope, left, axis)
        reason = f"log-softmax written as x minus its log-sum-exp, and {how}"
        return categorical(scope, logits, axis, kind="log-probabilities", reason=reason)
    if scope.scalar(left) == 1.0:
        inner = site.read(right)
        if isinstance(inner, Reading) and inner.family == "bernoulli":
            return replace(inner, reason=f"1 minus a {inner.reason}")
    return None


def _exponential(site: Site) -> Result | None:
    """Exp of log-probabilities gives probabilities."""
    return _converted(site, ("log-probabilities", "probabilities"))


def _logarithm(site: Site) -> Result | None:
    """Log of probabilities gives log-probabilities."""
    return _converted(site, ("probabilities", "log-probabilities"))


def _converted(site: Site, kinds: tuple[Kind, Kind]) -> Result | None:
    inner = site.read(site.node.input[0])
    if isinstance(inner, Unread) or inner.kind != kinds[0]:
        return None
    return replace(inner, kind=kinds[1], reason=f"{site.node.op_type} of a {inner.reason}")


def _clipped(site: Site) -> Result | None:
    """Clip of probabilities, against a later logarithm of zero; the logits lie before it.

    Bounds that leave less than nearly all of the range, or that are computed, change what it means.
    """
    scope, node = site.scope, site.node
    inner = site.read(node.input[0])
    if isinstance(inner, Unread) or inner.kind == "logits":
        return None
    clipped = replace(inner, reason=f"{inner.reason}, clipped")
    least, most = _bound(scope, node, "min", 1), _bound(scope, node, "max", 2)
    if least is None or most is None:
        return clipped.doubted("to bounds that are computed")
    highest, lowest = (0.0, -_CLIPPED_LOG) if inner.kind == "log-probabilities" else (1.0, 0.0)
    if least > lowest + _CLIPPED or most < highest - _CLIPPED:
        return clipped.doubted(f"to {least:g} to {most:g}, which many rows may reach")
    return clipped


def _bound(scope: Scope, node: onnx.NodeProto, name: str, position: int) -> float | None:
    """A bound of Clip, an attribute below opset 11; infinite without one, None if computed."""
    value = scope.attribute(node, name)
    if isinstance(value, float):
        return value
    if position < len(node.input) and node.input[position]:
        return scope.scalar(node.input[position])
    return math.inf if name == "max" else -math.inf


def _compared(site: Site) -> Result | None:
    """A comparison with a constant: accepted or positive labels."""
    scope, node = site.scope, site.node
    varying = [n for n in node.input if not scope.is_constant(n)]
    if len(varying) != 1:
        return None
    inner = site.read(varying[0])
    return inner if isinstance(inner, Unread) else inner.indirect("the output compares it")


def _varying(scope: Scope, node: onnx.NodeProto) -> list[str]:
    return [n for n in node.input if n and not scope.is_constant(n)]


def _beside_constants(scope: Scope, node: onnx.NodeProto) -> str | None:
    """The only input that varies: the other is a bias or a scale."""
    varying = _varying(scope, node)
    return varying[0] if len(varying) == 1 else None


def _first_beside_constants(scope: Scope, node: onnx.NodeProto) -> str | None:
    """The same where only the first input may vary: c - x and c / x turn the order around."""
    only = _beside_constants(scope, node)
    return only if node.input and only == node.input[0] else None


def _scaled(scope: Scope, node: onnx.NodeProto) -> str | None:
    """The same, or a layer of integers: its scale depends on the input, but is one positive number.

    Dynamic quantisation multiplies Cast(MatMulInteger) by it.
    """
    varying = _varying(scope, node)
    if len(varying) == 2:
        return next((n for n in varying if _is_integer_layer(scope, n)), None)
    return varying[0] if len(varying) == 1 else None


def _is_integer_layer(scope: Scope, name: str) -> bool:
    node = scope.standard(name)
    if node is not None and node.op_type == "Cast":
        node = scope.standard(node.input[0])
    row = None if node is None else scope.operators.row(node)
    return row is not None and row.layer is not None and row.dtype == TensorProto.INT32


def _unmasked(scope: Scope, node: onnx.NodeProto) -> str | None:
    """The only varying one of the two values that a Where mixes: the other is a mask."""
    varying = [n for n in node.input[1:] if n and not scope.is_constant(n)]
    return varying[0] if len(varying) == 1 else None


def _shaped_as(scope: Scope, node: onnx.NodeProto) -> str | None:
    """The input that a constant row or number is combined with."""
    low = [n for n in node.input if scope.is_constant(n) and (scope.fact(n).rank or 0) <= 1]
    rest = [n for n in node.input if n not in low]
    known = all(scope.fact(n).shape is not None for n in low)
    single = len(rest) == 1 and known and scope.fact(rest[0]).rank != 0
    return rest[0] if single else None


def _chosen_type(scope: Scope, node: onnx.NodeProto) -> int:
    """The type of what a Where chooses from."""
    return scope.fact(node.input[1]).dtype if len(node.input) > 1 else 0


ROWS = (
    OperatorRow(
        name="Add", inputs=2, pair=True, shape=broadcast_shape, same_shape=_shaped_as,
        follows=_beside_constants, sums=True, guards=True,
    ),
    OperatorRow(
        name="Sub", inputs=2, pair=True, shape=broadcast_shape, same_shape=_shaped_as,
        follows=_first_beside_constants, read=_subtracted,
    ),
    OperatorRow(
        name="Mul", inputs=2, pair=True, shape=broadcast_shape, same_shape=_shaped_as,
        follows=_scaled, read=_multiplied,
        hint="a product of computed values, as gates and detectors have",
    ),
    OperatorRow(
        name="Div", inputs=2, pair=True, shape=broadcast_shape, same_shape=_shaped_as,
        follows=_first_beside_constants, read=_divided,
    ),
    OperatorRow(name="Sum", shape=broadcast_shape, sums=True),
    OperatorRow(name="Max", shape=broadcast_shape, guards=True),
    OperatorRow(
        name="Where", shape=broadcast_shape, dtype=_chosen_type, follows=_unmasked,
        hint="which mixes several values",
    ),
    *(OperatorRow(name=name, shape=broadcast_shape) for name in ("Pow", "Min", "Mod")),
    *(
        OperatorRow(name=name, shape=broadcast_shape, dtype=TensorProto.BOOL)
        for name in ("And", "Or", "Equal")
    ),
    *(
        OperatorRow(
            name=name, inputs=2, shape=broadcast_shape, dtype=TensorProto.BOOL, read=_compared
        )
        for name in ("Greater", "GreaterOrEqual", "Less", "LessOrEqual")
    ),
    *(
        OperatorRow(name=name, shape=same_shape, dtype=TensorProto.BOOL)
        for name in ("Not", "IsNaN")
    ),
    OperatorRow(
        name="Exp", inputs=1, shape=same_shape, same_shape=first_input, read=_exponential
    ),
    OperatorRow(name="Log", inputs=1, shape=same_shape, same_shape=first_input, read=_logarithm),
    OperatorRow(name="Neg", inputs=1, shape=same_shape, same_shape=first_input),
    OperatorRow(
        name="Reciprocal", inputs=1, shape=same_shape, same_shape=first_input, read=_reciprocal
    ),
    OperatorRow(
        name="Clip", inputs=1, shape=same_shape, same_shape=first_input, follows=first_input,
        softens=True, carries=True, read=_clipped,
    ),
    *(
        OperatorRow(name=name, shape=same_shape)
        for name in ("Abs", "Sqrt", "CumSum", "Floor", "Ceil", "Round")
    ),
)  # fmt: skip
"""Operators that compute each value from those in its place."""
