"""Heads' graphs changed on purpose, and what a runtime and exact arithmetic make of rows."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import numpy_helper
from support.worst_runtime import allowed_by_size

from logitconf.head_spec import Head
from logitconf_export.decisions.reference import Reference
from logitconf_export.proof.composing.arithmetic import Arithmetic
from logitconf_export.proof.exact.intervals import Floats
from logitconf_export.proof.prover import Question, computed_scores


def scores_of(model: onnx.ModelProto, rows: npt.NDArray[np.float32]) -> Floats:
    """What onnxruntime makes of rows."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (scores,) = session.run(["score"], {"logits": rows})
    return np.asarray(scores, dtype=np.float64)


def truth_of(question: Question, rows: npt.NDArray[np.float32]) -> Floats:
    """The exact scores of rows, rounded to float32."""
    head = Head.of_card(question.metadata.card, question.metadata.form)
    return Reference(head).truth(rows.astype(np.float64)).score.astype(np.float64)


def off_and_allowed(
    question: Question, rows: npt.NDArray[np.float32], runtime: Arithmetic
) -> tuple[Floats, Floats]:
    """What onnxruntime's scores of rows are off by, and may be where operations round like this."""
    computed, exact = computed_scores(question, runtime)
    truth = truth_of(question, rows)
    off = np.abs(scores_of(question.model, rows) - truth)
    # the truth is rounded to float32
    off = np.maximum(off - 0.5 * np.spacing(np.abs(truth).astype(np.float32)), 0.0)
    return off, allowed_by_size(computed, exact, truth)


def changed(model: onnx.ModelProto, edit: Callable[[onnx.GraphProto], None]) -> onnx.ModelProto:
    """A copy of a model with its graph edited."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    edit(made.graph)
    return made


def put_before(
    model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], numbers: Mapping[str, npt.ArrayLike]
) -> None:
    """Lets a head read y, which other nodes make of the logits and of numbers, by their names."""
    graph = model.graph
    for node in graph.node:
        node.input[:] = ["y" if name == "logits" else name for name in node.input]
    kept = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *kept])
    for name, values in numbers.items():
        graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))


def maker(graph: onnx.GraphProto, name: str) -> onnx.NodeProto:
    """The node that makes a value."""
    (node,) = (n for n in graph.node if n.output[0] == f"logitconf/{name}")
    assert isinstance(node, onnx.NodeProto)
    return node


def with_number(old: float, new: float) -> Callable[[onnx.GraphProto], None]:
    """Another number in the place of one."""

    def edit(graph: onnx.GraphProto) -> None:
        (tensor,) = (
            t
            for t in graph.initializer
            if numpy_helper.to_array(t).tobytes() == np.float32(old).tobytes()
        )
        tensor.CopyFrom(numpy_helper.from_array(np.asarray(new, dtype=np.float32), tensor.name))

    return edit


def with_node(name: str, op_type: str, places: list[int]) -> Callable[[onnx.GraphProto], None]:
    """Another operator, of some of the inputs."""

    def edit(graph: onnx.GraphProto) -> None:
        node = maker(graph, name)
        given = [node.input[i] for i in places]
        node.op_type = op_type
        del node.input[:]
        node.input.extend(given)
        del node.attribute[:]

    return edit


def with_input(name: str, place: int, other: str) -> Callable[[onnx.GraphProto], None]:
    """Another value as an input of the node that makes one."""

    def edit(graph: onnx.GraphProto) -> None:
        maker(graph, name).input[place] = f"logitconf/{other}"

    return edit
