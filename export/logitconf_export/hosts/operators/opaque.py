"""Operators that nothing is read through: recurrent layers, detectors, random numbers."""

import onnx

from logitconf_export.hosts.graph.scope import ANY_DOMAIN, Scope, Shape
from logitconf_export.hosts.graph.shapes import input_shape
from logitconf_export.hosts.reader import OperatorRow


def _recurrent(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """LSTM, GRU, RNN: time, directions, batch, hidden."""
    before = input_shape(scope, node, 0)
    if before is None or len(before) != 3:
        return None
    directions = 2 if scope.text(node, "direction", "forward") == "bidirectional" else 1
    return before[0], directions, before[1], scope.integer(node, "hidden_size", 0) or None


ROWS = (
    *(
        OperatorRow(
            name=name, shape=_recurrent, hint="a recurrent layer's state or features"
        )
        for name in ("LSTM", "GRU", "RNN")
    ),
    *(
        OperatorRow(name=name, domains=(ANY_DOMAIN,), detects=True)
        for name in (
            "NonMaxSuppression", "EfficientNMS_TRT", "BatchedNMS_TRT", "BatchedNMSDynamic_TRT",
            "RoiAlign", "MaxRoiPool", "DetectionOutput", "TRTBatchedNMS",
        )
    ),
    *(
        OperatorRow(name=name, random=True)
        for name in (
            "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
            "Multinomial", "Bernoulli",
        )
    ),
)  # fmt: skip
"""Operators whose outputs are no row of classes."""
