"""A masked class counts for nothing in a head, unless something is done to it."""

import onnx
import pytest
from support.proofs import computed_of, model_of

from logitconf_export.heads.metadata import read_metadata
from logitconf_export.proof.cases.masked_classes import what_counts_masked
from logitconf_export.proof.cases.rules import Rules
from logitconf_export.proof.composing.head_part import HeadPart


def counts(model: onnx.ModelProto) -> str:
    part = HeadPart.of(model, read_metadata(model))
    return what_counts_masked(part, computed_of(model), Rules(None))


@pytest.mark.parametrize("score", ["softmax", "entropy", "energy", "margin"])
def test_a_masked_class_counts_for_nothing(score: str) -> None:
    assert counts(model_of(score)) == ""


def test_an_entropy_without_its_bound_is_not_a_number_for_a_masked_class() -> None:
    model = model_of("entropy")
    clip = next(node for node in model.graph.node if node.op_type in ("Clip", "Max"))
    clip.op_type = "Identity"
    del clip.input[1:]
    assert "score" in counts(model)
