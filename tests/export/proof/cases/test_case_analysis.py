"""Heads reject what is not finite; without their guards they are seen to accept it."""

import onnx
import pytest
from support.proofs import computed_of, model_of
from support.proved_forms import measured

from logitconf.card.score_card import ScoreCard
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.proof.cases.case_analysis import Walk
from logitconf_export.proof.cases.rules import Rules
from logitconf_export.proof.cases.sorts import cases_of
from logitconf_export.proof.composing.head_part import HeadPart
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
