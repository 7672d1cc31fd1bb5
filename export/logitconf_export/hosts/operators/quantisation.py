"""Quantised values: between integers and floats, and activations of integers."""

import onnx
from onnx import TensorProto

from logitconf_export.hosts.graph.scope import Scope, Shape, first_input
from logitconf_export.hosts.graph.shapes import broadcast, input_shape, same_shape
from logitconf_export.hosts.meanings import bernoulli
from logitconf_export.hosts.operators.activations import fused_softmax
from logitconf_export.hosts.reader import MICROSOFT, OperatorRow, Result, Site


def _quantized_sigmoid(site: Site) -> Result:
    """QLinearSigmoid: probabilities, of which only the dequantised ones are floats."""
    reading = bernoulli(site.scope, site.name, kind="probabilities", reason="QLinearSigmoid node")
    return reading.at_value(None)


def _scale_type(scope: Scope, node: onnx.NodeProto) -> int:
    """Dequantised values have the type of their scale."""
    return scope.fact(node.input[1]).dtype if len(node.input) > 1 else 0


def _added_shape(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """QLinearAdd broadcasts inputs 0 and 3; scales and zero points stand between."""
    left, right = input_shape(scope, node, 0), input_shape(scope, node, 3)
    return None if left is None or right is None else broadcast(left, right)


def _beside_bias(scope: Scope, node: onnx.NodeProto) -> str | None:
    """The summand that varies where the other is a constant bias."""
    varying = [n for n in (node.input[0], node.input[3]) if not scope.is_constant(n)]
    return varying[0] if len(varying) == 1 else None


ROWS = (
    OperatorRow(
        name="QuantizeLinear", domains=("", MICROSOFT), inputs=1, shape=same_shape,
        dtype=TensorProto.UINT8, same_shape=first_input, follows=first_input, copies=True,
        rounds=True, quantization="to integers",
    ),
    OperatorRow(
        name="DequantizeLinear", domains=("", MICROSOFT), inputs=1, shape=same_shape,
        dtype=_scale_type, same_shape=first_input, follows=first_input, copies=True, rounds=True,
        quantization="to floats",
    ),
    OperatorRow(name="DynamicQuantizeLinear", shape=same_shape, dtype=TensorProto.UINT8),
    OperatorRow(
        name="QLinearSoftmax", domains=(MICROSOFT,), inputs=1, shape=same_shape, activation=True,
        read=fused_softmax,
    ),
    OperatorRow(
        name="QLinearSigmoid", domains=(MICROSOFT,), inputs=1, shape=same_shape,
        read=_quantized_sigmoid,
    ),
    # onnxruntime's quantizer writes MatMul and Add so, without DequantizeLinear between.
    OperatorRow(
        name="QLinearAdd", domains=(MICROSOFT,), inputs=7, shape=_added_shape, follows=_beside_bias,
    ),
)  # fmt: skip
"""Operators between floats and quantised integers."""
