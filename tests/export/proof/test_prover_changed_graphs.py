"""Heads whose graph repeats a number of the row, or counts others than the largest logits."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from support.proofs import model_of

from logitconf_export.heads.metadata import read_metadata
from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.proof.prover import Question, prove

NUMBERS: Mapping[str, np.ndarray] = {
    "axis": np.array([1]),
    "nought": np.zeros(1, np.float32),
    "noughts": np.zeros((1, 10), np.float32),
    "ones": np.ones((1, 10), np.float32),
    "infinities": np.full((1, 10), np.inf, np.float32),
}


def with_nodes(after: str, nodes: Sequence[onnx.NodeProto]) -> onnx.ModelProto:
    """A head whose first operation of a kind gives `own`; what others read of it is `made`."""
    model = model_of("softmax")
    graph = model.graph
    at = next(i for i, node in enumerate(graph.node) if node.op_type == after)
    read = graph.node[at].output[0]
    graph.node[at].output[0] = "own"
    kept = list(graph.node)
    del graph.node[:]
    last = helper.make_node("Identity", ["made"], [read])
    graph.node.extend([*kept[: at + 1], *nodes, last, *kept[at + 1 :]])
    graph.initializer.extend(numpy_helper.from_array(a, name) for name, a in NUMBERS.items())
    return model


def summed(*nodes: onnx.NodeProto, operation: str = "ReduceSum") -> list[onnx.NodeProto]:
    axes: dict[str, Any] = {} if operation == "ReduceSum" else {"axes": [1]}
    given = ["wide", "axis"] if operation == "ReduceSum" else ["wide"]
    return [*nodes, helper.make_node(operation, given, ["made"], keepdims=1, **axes)]


def counted(of: str) -> list[onnx.NodeProto]:
    """How many of a tensor's numbers are the largest."""
    return [
        helper.make_node("ReduceMax", [of], [f"{of} top"], keepdims=1, axes=[1]),
        helper.make_node("Equal", [of, f"{of} top"], [f"{of} at top"]),
        helper.make_node("Cast", [f"{of} at top"], [f"{of} mark"], to=onnx.TensorProto.FLOAT),
        helper.make_node("ReduceSum", [f"{of} mark", "axis"], [f"{of} count"], keepdims=1),
    ]


def times_counts(other: onnx.NodeProto) -> list[onnx.NodeProto]:
    """The sum of exponentials, times another count over that of the largest logits."""
    return [
        other,
        *counted("logits"),
        *counted("other"),
        helper.make_node("Div", ["other count", "logits count"], ["shares"]),
        helper.make_node("Squeeze", ["shares", "axis"], ["share"]),
        helper.make_node("Mul", ["own", "share"], ["made"]),
    ]


IS_NAN = helper.make_node("IsNaN", ["logits"], ["bad"])
CHANGES: Mapping[str, tuple[str, list[onnx.NodeProto]]] = {
    "0 added by class": (
        "ReduceMax",
        summed(helper.make_node("Add", ["own", "noughts"], ["wide"])),
    ),
    "times 1 by class": ("ReduceMax", summed(helper.make_node("Mul", ["own", "ones"], ["wide"]))),
    "a remainder by class": (
        "ReduceMax",
        summed(helper.make_node("Mod", ["own", "infinities"], ["wide"], fmod=1)),
    ),
    "a choice by class": (
        "ReduceMax",
        summed(IS_NAN, helper.make_node("Where", ["bad", "nought", "own"], ["wide"])),
    ),
    "a truth by class": (
        "ReduceMax",
        summed(
            IS_NAN,
            helper.make_node("Cast", ["bad"], ["share"], to=onnx.TensorProto.FLOAT),
            helper.make_node("Add", ["own", "share"], ["wide"]),
        ),
    ),
    "the other side by class": (
        "ReduceMax",
        summed(
            helper.make_node("IsNaN", ["own"], ["bad"]),
            helper.make_node("Where", ["bad", "logits", "own"], ["wide"]),
        ),
    ),
    "the smallest counted": (
        "ReduceSum",
        times_counts(helper.make_node("Neg", ["logits"], ["other"])),
    ),
    "each counted twice": (
        "ReduceSum",
        times_counts(helper.make_node("Concat", ["logits", "logits"], ["other"], axis=1)),
    ),
}
ROW = np.array([[3.0] + [2.0] * 9], dtype=np.float32)


def score_of(model: onnx.ModelProto) -> float:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return float(session.run(["score"], {"logits": ROW})[0].item())


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_a_graph_of_another_score_is_not_proved(change: str) -> None:
    model = with_nodes(*CHANGES[change])
    assert abs(score_of(model) - score_of(model_of("softmax"))) > 0.05
    assert prove(Question(model, read_metadata(model)), Rounded()).verdict != "PROVED"


@pytest.mark.parametrize("wide", [False, True])
def test_a_mean_of_one_number_is_that_number_and_one_of_copies_rounds(wide: bool) -> None:
    number = "noughts" if wide else "nought"
    copies = helper.make_node("Add", ["own", number], ["wide"])
    model = with_nodes("ReduceMax", summed(copies, operation="ReduceMean"))
    assert score_of(model) == pytest.approx(score_of(model_of("softmax")), rel=1e-6)
    proof = prove(Question(model, read_metadata(model)), Rounded())
    assert proof.verdict == ("CANNOT PROVE" if wide else "PROVED"), proof.reason
    assert not wide or "times the rounding band" in proof.reason
