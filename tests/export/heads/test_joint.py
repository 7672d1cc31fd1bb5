"""The joint decision of several heads: its nodes, at old and new opsets, and its NumPy twin."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.head_spec import Head
from logitconf_export.heads.joint import check_joinable, joint_decision, joint_graph, joint_nodes
from logitconf_export.heads.metadata import HeadMetadata, HeadsMetadata

NAN, INF = float("nan"), float("inf")
# a row a column: the scores of two heads, their masks, and by hand what they decide together
SCORES = [[-0.9, -0.2, NAN, -0.9, -INF, 0.0], [-0.5, -0.8, -0.9, INF, -0.9, 0.0]]
MASKS = [[True, False, False, True, False, True], [True, True, True, False, True, True]]
SCORE = np.array([-0.5, -0.2, NAN, NAN, NAN, 0.0], np.float32)
MASK = np.array([True, False, False, False, False, True])
NAMES, MASK_NAMES = ("a", "b"), ("ma", "mb")


def head(score: str = "softmax", threshold: Any = -0.5, **form: Any) -> Head:
    return Head.of_card(ScoreCard(score, "multiclass", threshold=threshold), HeadForm(2, **form))


def run(opset: int, mask_type: str = "bool") -> list[Any]:
    graph = joint_graph(NAMES, MASK_NAMES, opset=opset, mask_type=mask_type)
    for name in NAMES:
        graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N"]))
    for name in MASK_NAMES:
        graph.input.append(helper.make_tensor_value_info(name, TensorProto.BOOL, ["N"]))
    graph.output.append(helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N"]))
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(mask_type))
    graph.output.append(helper.make_tensor_value_info("mask", kind, ["N"]))
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", opset)])
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    feeds: dict[str, Any] = {n: np.array(v, np.float32) for n, v in zip(NAMES, SCORES, strict=True)}
    feeds |= {n: np.array(v) for n, v in zip(MASK_NAMES, MASKS, strict=True)}
    return list(session.run(["score", "mask"], feeds))


@pytest.mark.parametrize("opset", [7, 9, 13, 17, 21])
def test_the_nodes_accept_what_every_head_accepts_and_score_the_worst(opset: int) -> None:
    score, mask = run(opset)
    np.testing.assert_array_equal(score, SCORE, strict=True)
    np.testing.assert_array_equal(mask, MASK, strict=True)


@pytest.mark.parametrize("mask_type", ["uint8", "float32"])
def test_a_mask_of_numbers_has_the_type_that_was_asked_for(mask_type: str) -> None:
    np.testing.assert_array_equal(run(17, mask_type)[1], MASK.astype(mask_type), strict=True)


def test_numpy_decides_as_worked_out_by_hand() -> None:
    score, mask = joint_decision([np.array(v, np.float32) for v in SCORES], [*map(np.array, MASKS)])
    np.testing.assert_array_equal(score, SCORE, strict=True)
    np.testing.assert_array_equal(mask, MASK, strict=True)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (head("margin"), "got margin below -0.5, softmax below -0.5"),
        (head(threshold=-0.6), "same score and one threshold"),
        (head(mask_type="uint8"), "the same mask_type in every head"),
    ],
)
def test_heads_that_differ_have_no_joint_decision(other: Head, words: str) -> None:
    check_joinable([head(), head()])
    with pytest.raises(LogitconfError, match=words):
        check_joinable([head(), other])


def test_thresholds_by_class_have_no_joint_decision() -> None:
    by_class = head(threshold=(-0.5, -0.6))
    with pytest.raises(LogitconfError, match="one threshold in every head"):
        check_joinable([by_class, by_class])


def test_heads_that_decide_each_for_itself_have_no_joint_nodes() -> None:
    one = head()
    with pytest.raises(LogitconfError, match="each decides for itself"):
        joint_nodes(HeadsMetadata((HeadMetadata(one.card, one.form),)), opset=17)
