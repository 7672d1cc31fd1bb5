"""What a head costs whatever the machine: nodes that run, and bytes that they read and write."""

from __future__ import annotations

import math
from dataclasses import dataclass

import onnx
from onnx import TensorProto, helper, shape_inference
from support.head_revisions import HeadCase
from support.runtime_matrix import scores_for

from logitconf.card.score_card import RUNTIMES
from logitconf.errors import LogitconfError
from logitconf.scores.table import SCORES

# views of what is there: onnxruntime moves nothing for them
VIEWS = {"Identity", "Reshape", "Squeeze", "Unsqueeze"}
ROWS = 64
CASES = (
    ("multiclass", 10),
    ("multiclass", 1000),
    ("multiclass", 32000),
    ("binary", 1),
    ("binary", 2),
    ("multilabel", 80),
)
"""Task and columns of the heads that are counted, one for each way in which a form is chosen."""


@dataclass(frozen=True, slots=True)
class GraphCost:
    """What one run of a head takes.

    Attributes:
        nodes: that depend on the logits, so that no optimiser folds them; views count.
        bytes: that the nodes read and write, each as often as it does, without views.
        passes: the same in units of the logits' own size.
    """

    nodes: int
    bytes: int
    passes: float


def graph_cost(model: onnx.ModelProto, shape: tuple[int, ...]) -> GraphCost:
    """The cost of a head on logits of this shape.

    Raises:
        LogitconfError: if the size of a value is not known.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for dim, size in zip(fixed.graph.input[0].type.tensor_type.shape.dim, shape, strict=True):
        dim.dim_value = size
    for output in fixed.graph.output:
        output.type.tensor_type.ClearField("shape")
    graph = shape_inference.infer_shapes(fixed, data_prop=True, strict_mode=True).graph
    sizes = {value.name: _bytes(value) for value in (*graph.value_info, *graph.output)}
    sizes |= {tensor.name: _bytes_of(tensor.data_type, tensor.dims) for tensor in graph.initializer}
    sizes["logits"] = _bytes(graph.input[0])
    known, nodes, moved = {"logits"}, 0, 0
    for node in graph.node:
        if not known & set(node.input):
            continue
        known.update(node.output)
        nodes += 1
        if node.op_type not in VIEWS:
            moved += sum(sizes[name] for name in (*node.input, *node.output))
    return GraphCost(nodes, moved, moved / sizes["logits"])


def _bytes(value: onnx.ValueInfoProto) -> int:
    kind = value.type.tensor_type
    dims = [dim.dim_value for dim in kind.shape.dim if dim.HasField("dim_value")]
    if len(dims) != len(kind.shape.dim):
        raise LogitconfError(f"every size of {value.name!r} must be known")
    return _bytes_of(kind.elem_type, dims)


def _bytes_of(kind: int, dims: list[int]) -> int:
    size = 1 if kind == TensorProto.BOOL else helper.tensor_dtype_to_np_dtype(kind).itemsize
    return size * math.prod(dims)


def counted_heads() -> list[HeadCase]:
    """Every score of one model with every task, in the form for every runtime."""
    return [
        HeadCase(score, task, columns, runtime=runtime)
        for task, columns in CASES
        for score in scores_for(task, columns)
        if not SCORES[score].over_members
        for runtime in RUNTIMES
    ]


def case_cost(model: onnx.ModelProto, case: HeadCase) -> GraphCost:
    """The cost of a case on as many rows as all of them get."""
    return graph_cost(model, (ROWS, case.columns))


HEADER = "| score | task | columns | any | onnxruntime | cuda |"


def cell(cost: GraphCost) -> str:
    """A cost in a word: nodes, and passes over the logits."""
    return f"{cost.nodes} · {cost.passes:.1f}"


def cells_in(record: str) -> dict[tuple[str, str, int, str], str]:
    """What a record says of each head today: behind the arrow, if there is one."""
    found = {}
    for line in record.splitlines():
        parts = [part.strip() for part in line.strip("|").split("|")]
        if len(parts) == 6 and parts[2].isdigit():
            for runtime, text in zip(RUNTIMES, parts[3:], strict=True):
                found[parts[0], parts[1], int(parts[2]), runtime] = text.split(" → ")[-1]
    return found
