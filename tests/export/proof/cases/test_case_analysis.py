"""Heads reject what is not finite; without their guards they are seen to accept it."""

import numpy as np
import onnx
import pytest
from onnx import helper
from support.changed_graphs import put_before
from support.proofs import computed_of, model_of
from support.proved_forms import measured

from logitconf.card.score_card import ScoreCard
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.proof.cases.case_analysis import Walk
from logitconf_export.proof.cases.rules import Rules
from logitconf_export.proof.cases.sorts import cases_of
from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.proof.composing.head_part import HeadPart
from logitconf_export.proof.prover import Question, prove
from logitconf_export.proof.tables.operation_table import RuntimeTables


def accepted(
    model: onnx.ModelProto, *, margin: bool = False, tables: RuntimeTables | None = None
) -> list[str]:
    part = HeadPart.of(model, read_metadata(model))
    computed = computed_of(model)
    return [
        way.case.name
        for case in cases_of(n_classes=10, margin=margin)
        for way in Walk(part, computed.values, Rules(tables), case).accepted()
    ]


@pytest.mark.parametrize("score", ["softmax", "entropy", "energy", "margin"])
def test_no_row_that_is_not_finite_is_accepted(score: str) -> None:
    assert accepted(model_of(score), margin=score == "margin") == []


def test_without_its_floor_a_head_accepts_rows_of_masked_classes() -> None:
    model = model_of("softmax")
    both = next(node for node in model.graph.node if node.op_type == "And")
    both.input[1] = both.input[0]
    assert "no finite value" in accepted(model)


def test_without_its_carrier_a_margin_accepts_a_nan() -> None:
    model = model_of("margin")
    where = [n for n in model.graph.node if n.op_type == "Where"][-1]
    where.input[2] = where.input[1]
    assert "a NaN" in accepted(model, margin=True)


@pytest.mark.parametrize("score", ["energy", "margin"])
def test_forms_for_cuda_reject_by_a_remainder(score: str) -> None:
    card = ScoreCard(score, "multiclass", 1.5, -3.0, 10)
    model = to_onnx(card, n_classes=10, runtime="cuda")
    assert "Mod" in {node.op_type for node in model.graph.node}
    tables = measured().tables
    margin = score == "margin"
    assert accepted(model, tables=tables, margin=margin) == []
    if not margin:
        # its LogSoftmax gives a NaN already in this runtime
        return
    last = next(node for node in model.graph.node if node.op_type == "Mod")
    last.op_type = "Identity"
    del last.input[1:], last.attribute[:]
    assert accepted(model, tables=tables, margin=margin) != []


LOW = np.float32(-np.inf)


def masking(test: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node(test, ["logits"], ["bad"]),
        helper.make_node("Where", ["bad", "masked", "logits"], ["y"]),
    ]


MASKINGS = {
    "a NaN": masking("IsNaN"),
    "a +inf": masking("IsInf"),
    "a NaN by a number": [
        helper.make_node("IsNaN", ["logits"], ["bad"]),
        helper.make_node("Where", ["bad", "masked", "nought"], ["kept"]),
        helper.make_node("Where", ["bad", "kept", "logits"], ["y"]),
    ],
    "a NaN by a cast": [
        helper.make_node("IsNaN", ["logits"], ["bad"]),
        helper.make_node("Cast", ["bad"], ["share"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Less", ["nought", "share"], ["again"]),
        helper.make_node("Where", ["again", "masked", "logits"], ["y"]),
    ],
    "a NaN by Not and Or": [
        helper.make_node("IsNaN", ["logits"], ["bad"]),
        helper.make_node("IsInf", ["logits"], ["infinite"]),
        helper.make_node("Or", ["bad", "infinite"], ["either"]),
        helper.make_node("Not", ["either"], ["good"]),
        helper.make_node("Where", ["good", "logits", "masked"], ["y"]),
    ],
}


@pytest.mark.parametrize("score", ["softmax", "margin"])
@pytest.mark.parametrize("name", sorted(MASKINGS))
def test_a_head_that_masks_what_is_not_finite_is_not_proved(name: str, score: str) -> None:
    # no class is accepted where all are masked, and none where none is: only where some are
    model = model_of(score)
    put_before(model, MASKINGS[name], {"masked": LOW, "nought": np.float32(0.0)})
    proof = prove(Question(model, read_metadata(model)), Rounded())
    assert proof.verdict == "CANNOT PROVE"
    assert "may be accepted" in proof.reason


def test_a_limit_for_each_class_may_let_one_through_and_the_next_not() -> None:
    model = model_of("softmax")
    nodes = [
        helper.make_node("ReduceMax", ["logits"], ["top"], keepdims=1, axes=[1]),
        helper.make_node("Less", ["top", "limits"], ["good"]),
        helper.make_node("Where", ["good", "logits", "masked"], ["y"]),
    ]
    limits = np.where(np.arange(10) == 0, 200.0, 1e30)[None]
    put_before(model, nodes, {"masked": LOW, "limits": limits.astype(np.float32)})
    proof = prove(Question(model, read_metadata(model)), Rounded())
    assert proof.verdict == "CANNOT PROVE"
