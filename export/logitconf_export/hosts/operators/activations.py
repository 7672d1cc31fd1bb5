"""Activations: those that make probabilities, and those that leave no logits."""

import onnx

from logitconf_export.hosts.graph.axes import normalised
from logitconf_export.hosts.graph.scope import Scope, first_input
from logitconf_export.hosts.graph.shapes import same_shape
from logitconf_export.hosts.meanings import bernoulli, categorical
from logitconf_export.hosts.reader import (
    MICROSOFT,
    Kind,
    OperatorRow,
    Reading,
    Result,
    Site,
    Unread,
)


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


def _are_negated(scope: Scope, joined: onnx.NodeProto) -> bool:
    """Whether a Concat joins a value and its negative."""
    if len(joined.input) != 2:
        return False
    for one, other in (tuple(joined.input), tuple(joined.input)[::-1]):
        node = scope.standard(one)
        if node is not None and node.op_type == "Neg" and node.input[0] == other:
            return True
    return False


def _sigmoid(site: Site) -> Result:
    """Sigmoid: labels that do not compete, unless its columns are -z and z of one logit."""
    scope, node = site.scope, site.node
    joined = scope.standard(node.input[0])
    if joined is not None and joined.op_type == "Concat" and _are_negated(scope, joined):
        axis = normalised(scope.integer(joined, "axis", 0), scope.fact(site.name).rank)
        reason = "Sigmoid node of the columns -z and z, so p and 1 - p of one logit"
        reading = Reading("probabilities", "categorical", axis, 2, site.name, "probabilities", axis,
                          True, reason)  # fmt: skip
        return reading if scope.fact(site.name).size(axis) == 2 else reading.doubted("if it is one")
    return bernoulli(scope, node.input[0], kind="probabilities", reason="Sigmoid node")


def fused_softmax(site: Site) -> Result:
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


_NO_PROBABILITY = "an activation that is no probability"

ROWS = (
    *(
        OperatorRow(
            name=name, inputs=1, shape=same_shape, same_shape=first_input, activation=True,
            read=_softmax,
        )
        for name in ("Softmax", "LogSoftmax")
    ),
    OperatorRow(
        name="Sigmoid", inputs=1, shape=same_shape, same_shape=first_input, activation=True,
        read=_sigmoid,
    ),
    OperatorRow(
        name="HardSigmoid", shape=same_shape, activation=True,
        hint="a piecewise line whose logits cannot be had back",
    ),
    OperatorRow(
        name="Hardmax", shape=same_shape, activation=True, hint="which keeps the winner alone"
    ),
    OperatorRow(
        name="Relu", shape=same_shape, same_shape=first_input, follows=first_input, softens=True,
        hint=_NO_PROBABILITY,
    ),
    OperatorRow(
        name="LeakyRelu", shape=same_shape, same_shape=first_input, follows=first_input,
        softens=True,
    ),
    OperatorRow(
        name="Tanh", shape=same_shape, same_shape=first_input, hint=_NO_PROBABILITY
    ),
    *(OperatorRow(name=name, shape=same_shape, same_shape=first_input) for name in ("Elu", "Erf")),
    *(
        OperatorRow(name=name, shape=same_shape)
        for name in ("Selu", "PRelu", "Softplus", "Softsign", "HardSwish", "Mish", "Celu")
    ),
    OperatorRow(name="Gelu", domains=("", MICROSOFT), shape=same_shape),
    *(
        OperatorRow(name=name, domains=(MICROSOFT,), shape=same_shape)
        for name in ("BiasGelu", "FastGelu", "QuickGelu")
    ),
    OperatorRow(
        name="BiasSoftmax", domains=(MICROSOFT,), inputs=1, shape=same_shape,
        read=fused_softmax,
    ),
)  # fmt: skip
"""Operators that bend each value, or all values of a row."""
