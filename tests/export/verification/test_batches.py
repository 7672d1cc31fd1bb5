"""Rows in other batches: heads must not care, hosts that do are told on."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import parser
from onnxruntime import quantization
from support import head_models, tampering

from logitconf.card.score_card import HeadForm
from logitconf.errors import LogitconfError
from logitconf_export import attach, to_onnx, verify
from logitconf_export.heads.in_file import head_in
from logitconf_export.runtimes.sessions import Session
from logitconf_export.verification.batches import HeadRunner

CENTRED = """
<ir_version: 8, opset_import: ["" : 17]>
host (float[N, 8] pixels) => (float[N, 5] probabilities) {
    raw = Gemm (pixels, weight, bias)
    mean = ReduceMean <axes = [0], keepdims = 1> (raw)
    logits = Sub (raw, mean)
    probabilities = Softmax <axis = 1> (logits)
}
"""


def decide(model: onnx.ModelProto, logits: Any, batch: int | None) -> Any:
    with Session(model, profile=False) as session:
        return HeadRunner(session, head_in(model)).decide(logits, batch)


@pytest.mark.parametrize(
    "form",
    [
        HeadForm(5),
        HeadForm(5, rank=3, class_axis=2),
        HeadForm(5, rank=3, class_axis=1),
        HeadForm(5, rank=3, class_axis=0),
        HeadForm(5, rank=1, class_axis=0),
    ],
    ids=str,
)
@pytest.mark.parametrize("batch", [None, 1, 4])
def test_rows_come_in_their_own_order(form: HeadForm, batch: int | None) -> None:
    """Against NumPy's own softmax along the class axis."""
    shape = [6, 7, 8][: form.input_rank]
    shape[form.class_axis] = 5
    logits = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    decided = decide(to_onnx(head_models.make_head(form=form)), logits, batch)
    powers = np.exp(logits.astype(np.float64) / 1.5)
    expected = -(powers / powers.sum(form.class_axis, keepdims=True)).max(form.class_axis)
    np.testing.assert_allclose(decided.score, expected.reshape(-1), rtol=1e-6)


def test_a_fixed_batch_is_filled_up() -> None:
    model = to_onnx(head_models.make_head())
    expected = decide(model, np.eye(10, dtype=np.float32)[:7], None)
    model.graph.input[0].type.tensor_type.shape.dim[0].Clear()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 3
    decided = decide(model, np.eye(10, dtype=np.float32)[:7], None)
    np.testing.assert_array_equal(decided.score, expected.score)
    assert len(decide(model, np.zeros((0, 10), np.float32), None).score) == 0


def test_a_head_that_loses_a_row_is_refused() -> None:
    model = to_onnx(head_models.make_head())
    node = tampering.made_by(model, "score")
    del node.input[0]
    node.op_type = "ReduceSum"
    node.attribute.append(onnx.helper.make_attribute("keepdims", 1))
    with pytest.raises(LogitconfError, match="one decision for each of 4 rows"):
        decide(model, np.zeros((8, 10), np.float32), 4)


def test_an_honest_host_is_told_to_reject_what_is_not_finite() -> None:
    report = verify(tampering.hosted(), optimisations=["all"], pairs=20)
    assert report.passed
    assert any("0 decide otherwise than among all" in note for note in report.notes)
    assert "an input of NaN alone is rejected, and 0 of 3 other rows" in " ".join(report.notes)


def test_a_host_that_couples_its_rows_is_told_on() -> None:
    host = parser.parse_model(CENTRED)
    host.graph.initializer.extend(tampering.weights("weight", "bias"))
    model = attach(host, tampering.head())
    report = verify(model, head_models.make_pixels(40), rows_as="inputs", optimisations=["all"])
    assert report.passed, report.failures
    words = " ".join(report.notes)
    assert "32 rows of the host alone and in batches of 7" in words
    assert "couples the rows of a batch" in words


def test_dynamic_quantisation_lets_a_row_of_nan_decide_for_others(tmp_path: Any) -> None:
    """DynamicQuantizeLinear makes finite integers of NaN, and its range is the whole batch's."""
    source, target = tmp_path / "host.onnx", tmp_path / "int8.onnx"
    source.write_bytes(tampering.plain_host().SerializeToString())
    quantization.quantize_dynamic(source, target)
    quantized = onnx.load(target)
    assert any("DynamicQuantize" in node.op_type for node in quantized.graph.node)
    head = tampering.head(threshold=-0.2)
    rows = np.random.default_rng(0).standard_normal((32, 8)).astype(np.float32)
    report = verify(attach(quantized, head), rows, rows_as="inputs", optimisations=["all"])
    assert report.passed, report.failures
    assert any("alone is ACCEPTED" in note for note in report.notes), report.notes


def test_a_head_whose_decisions_change_their_shape_with_the_rows_is_refused() -> None:
    """A score (N, N) fits every batch by itself, and no two batches of different sizes."""
    model = to_onnx(head_models.make_head())
    last = next(node for node in model.graph.node if "score" in node.output)
    last.output[0] = "inner"
    for node in model.graph.node:
        node.input[:] = ["inner" if name == "score" else name for name in node.input]
    text = '<ir_version: 8, opset_import: ["": 17]> g (float[N] inner) => (float[N, N] score) {'
    text += " one = Constant <value = int64[1] {1}> ()  column = Unsqueeze (inner, one)"
    wide = parser.parse_model(text + " score = Add (column, inner) }")
    model.graph.node.extend(wide.graph.node)
    with pytest.raises(LogitconfError, match="decisions must have one shape, however many rows"):
        decide(model, np.eye(10, dtype=np.float32)[:7], 4)
