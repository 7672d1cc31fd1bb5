"""What a host declares of the place of a head, and whether that can be true; loads no head."""

import onnx

from logitconf_export.hosts.candidates import Candidate


def misdeclared(graph: onnx.GraphProto, candidate: Candidate) -> str | None:
    """Why no head can be attached to a place whose declared shape is wrong; None if it is not."""
    declared = declared_dims(graph, candidate.tensor)
    if declared is None or candidate.rank in (None, len(declared)):
        return None
    return (
        f"'{candidate.tensor}' has {candidate.rank} axes but is declared with {len(declared)}, "
        "so runtimes would refuse a head on it; correct the declared shape first"
    )


def declared_dims(
    graph: onnx.GraphProto, name: str
) -> list[onnx.TensorShapeProto.Dimension] | None:
    """The dims that the graph declares for a value; None if it declares none."""
    for value in (*graph.value_info, *graph.output, *graph.input):
        if value.name == name and value.type.tensor_type.HasField("shape"):
            return list(value.type.tensor_type.shape.dim)
    return None
