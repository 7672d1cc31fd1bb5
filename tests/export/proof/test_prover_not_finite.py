"""Heads that accept rows which are not finite, by what onnxruntime makes of an infinity."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from support.proofs import model_of

from logitconf_export.heads.metadata import read_metadata
from logitconf_export.proof.composing.arithmetic import Arithmetic, Measured, Rounded
from logitconf_export.proof.prover import Question, prove
from logitconf_export.proof.tables.files import read_tables

RECORDS = Path(__file__).resolve().parents[2] / "records" / "operations"


def behind_a_limit(model: onnx.ModelProto) -> onnx.ModelProto:
    """A head of logits from −1e30 up, with guards of its own against NaN and rows of −inf.

    Rows of ordinary logits have the scores of the head. An infinite logit becomes the largest
    float in onnxruntime, which takes a missing upper limit for that, and the head has a score.
    """
    graph = model.graph
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = "kept" if name == "logits" else name
        for place, name in enumerate(node.output):
            node.output[place] = "first mask" if name == "mask" else name
    numbers = {"lower": -1e30, "one": 1.0, "lowest": -1e37}
    tensors = [
        numpy_helper.from_array(np.array(v, np.float32), name) for name, v in numbers.items()
    ]
    graph.initializer.extend([*tensors, numpy_helper.from_array(np.array([1]), "axis")])
    kept = list(graph.node)
    del graph.node[:]
    make = helper.make_node
    graph.node.extend(
        [
            make("Clip", ["logits", "lower"], ["kept"]),
            *kept,
            make("Abs", ["logits"], ["sizes"]),
            make("Neg", ["sizes"], ["below"]),
            make("ReduceSum", ["below", "axis"], ["carrier"], keepdims=0),
            make("Less", ["carrier", "one"], ["no NaN"]),
            make("ReduceMax", ["logits"], ["top"], axes=[1], keepdims=0),
            make("Less", ["lowest", "top"], ["some"]),
            make("And", ["no NaN", "some"], ["guard"]),
            make("And", ["first mask", "guard"], ["mask"]),
        ]
    )
    return model


@pytest.mark.parametrize("score", ["softmax", "energy", "max_logit"])
@pytest.mark.parametrize("measured", [False, True])
def test_an_infinity_that_a_limit_makes_finite_is_not_proved(score: str, measured: bool) -> None:
    model = behind_a_limit(model_of(score))
    rows = np.zeros((3, 10), np.float32)
    rows[0, 0], rows[1, 3], rows[2] = np.inf, np.nan, -np.inf
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (mask,) = session.run(["mask"], {"logits": rows})
    assert mask.tolist() == [True, False, False]
    (path,) = RECORDS.glob("onnxruntime_1.31.1_cpu_*.json")
    arithmetic: Arithmetic = Measured(read_tables(path)) if measured else Rounded()
    proof = prove(Question(model, read_metadata(model)), arithmetic)
    assert proof.verdict != "PROVED"
    assert "+inf" in proof.reason or not measured
