"""What each operator of a neural network says of its output: one table, one function a case."""

from dataclasses import replace

from logitconf_export.hosts.graph.axes import normalised
from logitconf_export.hosts.graph.scope import Scope
from logitconf_export.hosts.linear_layers import linear_source
from logitconf_export.hosts.reader import (
    Kind,
    OperatorKey,
    Pattern,
    Reading,
    Result,
    Site,
    Unread,
)
from logitconf_export.hosts.softmax_parts import log_sum_axis, own_sum, unshifted

_MICROSOFT = "com.microsoft"
_ACTIVATIONS = ("Softmax", "LogSoftmax", "Sigmoid", "HardSigmoid", "Hardmax", "QLinearSoftmax")


def categorical(scope: Scope, logits: str, axis: int, *, kind: Kind, reason: str) -> Result:
    """The reading of a softmax of ``logits`` along one axis, however it is written.

    Cases: one column is always 1.0 and refused; axis 0 of two axes is the batch and refused; an
    axis other than the classes of the last layer, an input that is a probability already, and
    classes that the graph does not count, are doubted.
    """
    facts = scope.fact(logits)
    source = linear_source(scope, logits)
    axis = normalised(axis, facts.rank)
    if facts.rank is not None and not 0 <= axis < facts.rank:
        return Unread(f"{reason} runs over axis {axis} of {facts.rank} axes")
    n_classes = facts.size(axis)
    if n_classes is None and source is not None and source.axis == axis:
        n_classes = source.n_classes
    if n_classes == 1:
        return Unread(f"{reason} runs over one column, which is always 1.0")
    if axis == 0 and facts.rank == 2 and facts.size(0) is None:
        return Unread(f"{reason} runs over axis 0 of two, which is the batch")
    reading = Reading(kind, "categorical", axis, n_classes, logits, "logits", axis, True, reason)
    if axis == 0 and facts.rank is not None:
        reading = reading.doubted("it runs over axis 0, so the model has no batch axis there")
    other = source.axis if source is not None else None
    if source is not None and other is not None and other != axis and (other < 0) == (axis < 0):
        reading = reading.doubted(
            f"it runs over axis {axis}, but the {source.operator} before it has its outputs on "
            f"axis {other}, so this may be time or attention"
        )
    elif source is None and n_classes is None:
        reading = reading.doubted("the graph does not say how many classes there are")
    return _doubted_behind_activation(scope, logits, reading)


def bernoulli(scope: Scope, logits: str, *, kind: Kind, reason: str) -> Reading:
    """The reading of a sigmoid of ``logits``, however it is written.

    Cases: one axis or a dropped class axis is one logit a position; the axis of the last layer's
    outputs holds the labels; without a layer in sight, axis 1 of two; else the axis is unknown.
    """
    facts = scope.fact(logits)
    source = linear_source(scope, logits)
    axis: int | None
    n_classes: int | None
    if facts.rank == 1 or (source is not None and source.axis is None and source.n_classes == 1):
        axis, n_classes = facts.rank, 1
    elif source is not None and source.axis is not None:
        axis = source.axis
        size = facts.size(axis)
        n_classes = size if size is not None else source.n_classes
    elif facts.rank == 2:
        axis, n_classes = 1, facts.size(1)
    else:
        axis, n_classes = None, None
    reading = Reading(kind, "bernoulli", axis, n_classes, logits, "logits", axis, True, reason)
    if axis is None:
        reading = reading.doubted("which axis holds the labels cannot be told")
    elif n_classes is None and source is None:
        reading = reading.doubted("the graph does not say how many labels there are")
    return _doubted_behind_activation(scope, logits, reading)


def _doubted_behind_activation(scope: Scope, logits: str, reading: Reading) -> Reading:
    producer = scope.standard(logits)
    if producer is not None and producer.op_type in _ACTIVATIONS:
        return reading.doubted(f"its input is a {producer.op_type} already")
    return reading


def _softmax(site: Site) -> Result:
    """Softmax or LogSoftmax; below opset 13 the axes from ``axis`` on are flattened into one."""
    scope, node = site.scope, site.node
    kind: Kind = "log-probabilities" if node.op_type == "LogSoftmax" else "probabilities"
    logits, reason = node.input[0], f"{node.op_type} node"
    if scope.opset() >= 13:
        axis = scope.integer(node, "axis", -1)
        return categorical(scope, logits, axis, kind=kind, reason=reason)
    axis = scope.integer(node, "axis", 1)
    shape = scope.fact(logits).shape
    if shape is None:
        result = categorical(scope, logits, axis, kind=kind, reason=reason)
        if isinstance(result, Unread) or axis == -1:
            return result
        return result.doubted("its rank, and so its axis, is not known")
    axis = normalised(axis, len(shape))
    if 0 <= axis < len(shape) - 1:
        wide = [k for k in range(axis, len(shape)) if shape[k] != 1]
        if len(wide) > 1:
            return Unread(
                f"{reason} of opset {scope.opset()} runs over axes {axis} to {len(shape) - 1} "
                "jointly, not over one class axis"
            )
        axis = wide[0] if wide else axis
    return categorical(scope, logits, axis, kind=kind, reason=reason)


def _sigmoid(site: Site) -> Result:
    """Sigmoid: labels that do not compete."""
    scope, node = site.scope, site.node
    return bernoulli(scope, node.input[0], kind="probabilities", reason="Sigmoid node")


def _fused_softmax(site: Site) -> Result:
    """Softmax fused with a bias or with quantisation: its logits exist in no float tensor."""
    scope, node, name = site.scope, site.node, site.name
    axis = normalised(scope.integer(node, "axis", -1), scope.fact(name).rank)
    n_classes = scope.fact(name).size(axis)
    if n_classes == 1:
        return Unread(f"{node.op_type} runs over one column, which is always 1.0")
    reason = f"{node.op_type} node, whose logits are not in the graph"
    tensor = name if node.op_type == "BiasSoftmax" else None
    return Reading(
        "probabilities", "categorical", axis, n_classes, tensor, "probabilities", axis, True, reason
    )


def _quantized_sigmoid(site: Site) -> Result:
    """QLinearSigmoid: probabilities, of which only the dequantised ones are floats."""
    reading = bernoulli(site.scope, site.name, kind="probabilities", reason="QLinearSigmoid node")
    return reading.at_value(None)


def _divided(site: Site) -> Result | None:
    """Div: a softmax or sigmoid in parts, or rows divided by their own sum."""
    scope, node = site.scope, site.node
    upper, lower = node.input[0], node.input[1]
    if scope.scalar(upper) == 1.0:
        return _logistic(scope, lower)
    axis = own_sum(scope, upper, lower)
    if axis is None:
        return None
    return _normalised(site, upper, axis)


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
                return _normalised(site, upper, axis)
    return None


def _normalised(site: Site, upper: str, axis: int) -> Result:
    """Rows over their own sum: a softmax if they are exponentials, probabilities in any case."""
    scope, name = site.scope, site.name
    producer = scope.standard(upper)
    if producer is not None and producer.op_type == "Exp":
        logits, how = unshifted(scope, producer.input[0], axis)
        reason = f"softmax written as Exp, ReduceSum and {how}"
        return categorical(scope, logits, axis, kind="probabilities", reason=reason)
    inner = site.read(upper)
    n_classes = scope.fact(name).size(axis)
    reading = Reading(
        "probabilities", "categorical", axis, n_classes, name, "probabilities", axis, True,
        "rows divided by their own sum",
    )  # fmt: skip
    if n_classes == 1:
        return Unread("one column divided by itself is always 1.0")
    if isinstance(inner, Unread) or inner.kind != "probabilities":
        return reading.doubted("whether they are never negative cannot be told")
    return reading


def _length_one(site: Site) -> Result | None:
    """LpNormalization with p = 1 of values that are never negative: divided by their own sum."""
    scope, node = site.scope, site.node
    if scope.integer(node, "p", 2) != 1:
        return None
    axis = normalised(scope.integer(node, "axis", -1), scope.fact(site.name).rank)
    return _normalised(site, node.input[0], axis)


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
    """Clip of probabilities, against a later logarithm of zero; the logits lie before it."""
    node = site.node
    inner = site.read(node.input[0])
    if isinstance(inner, Unread) or inner.kind == "logits":
        return None
    return replace(inner, reason=f"{inner.reason}, clipped")


ACTIVATION_PATTERNS: dict[OperatorKey, Pattern] = {
    ("", "Softmax"): _softmax,
    ("", "LogSoftmax"): _softmax,
    ("", "Sigmoid"): _sigmoid,
    ("", "Div"): _divided,
    ("", "Mul"): _multiplied,
    ("", "LpNormalization"): _length_one,
    ("", "Reciprocal"): _reciprocal,
    ("", "Sub"): _subtracted,
    ("", "Exp"): _exponential,
    ("", "Log"): _logarithm,
    ("", "Clip"): _clipped,
    (_MICROSOFT, "BiasSoftmax"): _fused_softmax,
    (_MICROSOFT, "QLinearSoftmax"): _fused_softmax,
    (_MICROSOFT, "QLinearSigmoid"): _quantized_sigmoid,
}
"""Operators that turn logits into probabilities, whole or in parts."""
