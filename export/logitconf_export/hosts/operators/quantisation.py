"""Quantised values: between integers and floats, and activations of integers."""

import onnx
from onnx import TensorProto

from logitconf_export.hosts.graph.scope import Scope, first_input
from logitconf_export.hosts.graph.shapes import same_shape
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
)  # fmt: skip
"""Operators between floats and quantised integers."""
