"""Infers shapes forwards through the operators that readings look at.

onnx's own inference is not used: onnx 1.23 dies of a segmentation fault on hostile sizes (GatherND
with indices of size -1), and with ``data_prop`` allocates an entry for each declared element.
"""

import onnx

from logitconf_export.hosts.graph.facts import UNKNOWN, TensorFacts
from logitconf_export.hosts.graph.scope import Scope
from logitconf_export.hosts.graph.shapes import MOST_AXES

_LARGEST_SIZE = 2**62


def forward_facts(scope: Scope, node: onnx.NodeProto) -> list[TensorFacts]:
    """Types and shapes of a node's outputs, in order, as far as a rule tells; empty without one."""
    row = scope.operators.row(node)
    if row.shape is None or not node.input or not node.input[0]:
        return []
    shape = row.shape(scope, node)
    if shape is not None and len(shape) > MOST_AXES:
        shape = None
    if shape is not None:
        # A chain of Concat(x, x) would otherwise make numbers of as many digits as it has nodes.
        shape = tuple(d if not isinstance(d, int) or d < _LARGEST_SIZE else None for d in shape)
    facts = TensorFacts(_dtype(scope, node), shape)
    if row.shaped is None:
        return [facts] * len(node.output)
    return [UNKNOWN] * row.shaped + [facts]


def _dtype(scope: Scope, node: onnx.NodeProto) -> int:
    dtype = scope.operators.row(node).dtype
    if dtype is None:
        return scope.fact(node.input[0]).dtype
    return dtype if isinstance(dtype, int) else dtype(scope, node)
