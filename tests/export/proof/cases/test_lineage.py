"""A masked class stays -inf in what is moved and compared, and need not in what is chosen."""

import numpy as np
import onnx
from onnx import helper
from support.changed_graphs import put_before
from support.proofs import computed_of, model_of

from logitconf_export.heads.metadata import read_metadata
from logitconf_export.proof.cases.lineage import kept_names
from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.proof.composing.head_part import HeadPart
from logitconf_export.proof.prover import Question, prove


def kept(model: onnx.ModelProto) -> frozenset[str]:
    return kept_names(HeadPart.of(model, read_metadata(model)), computed_of(model).values)


def unmasked() -> onnx.ModelProto:
    """A margin of logits of which -inf is replaced by a number, as no finite one is."""
    model = model_of("margin")
    below = helper.make_node("Less", ["logits", "deep"], ["bad"])
    where = helper.make_node("Where", ["bad", "low", "logits"], ["y"])
    put_before(model, [below, where], {"deep": np.float32(-1e38), "low": np.float32(-1.0)})
    return model


def test_the_order_of_the_logits_is_kept_and_arithmetic_is_not() -> None:
    model = model_of("margin")
    by_operation = {node.op_type: set(node.output) <= kept(model) for node in model.graph.node}
    assert all(by_operation[name] for name in ("Split", "Min", "Max", "Squeeze"))
    assert not any(by_operation[name] for name in ("Sub", "Mul", "Div"))


def test_a_choice_by_a_limit_may_put_a_number_in_the_place_of_a_masked_class() -> None:
    assert "y" not in kept(unmasked())


def test_a_margin_that_unmasks_classes_is_not_proved() -> None:
    # a row with one class left has no margin, and this head gives it one
    model = unmasked()
    proof = prove(Question(model, read_metadata(model)), Rounded())
    assert proof.verdict == "CANNOT PROVE"
    assert "one class left" in proof.reason
