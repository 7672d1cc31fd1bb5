"""Files that another tool has rewritten: verify says what happened and what mends it."""

from pathlib import Path

import onnx
import onnxruntime
import pytest
from support.command_line import SOFTMAX, Rows, host, rows

from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf_export.attachment.attaching import attach
from logitconf_export.attachment.reattaching import reattach
from logitconf_export.verification.verifying import verify

CARD = ScoreCard("softmax", "multiclass", temperature=1.5, threshold=-0.6, n_classes=4)
REWRITTEN = "a tool has rewritten it; reattach puts the head back"


@pytest.fixture(scope="module")
def data() -> Rows:
    return rows()


@pytest.fixture
def optimised(tmp_path: Path) -> onnx.ModelProto:
    """A host with a head as onnxruntime saves it: constants folded, nodes fused."""
    path = tmp_path / "optimised.onnx"
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path)
    level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.graph_optimization_level = level
    content = attach(host(SOFTMAX), CARD).SerializeToString()
    onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return onnx.load(path)


def test_a_rewritten_head_that_decides_alike_fails_with_what_mends_it(
    optimised: onnx.ModelProto, data: Rows
) -> None:
    report = verify(optimised, data.pixels, rows_as="inputs", optimisations=["all"], pairs=100)
    assert not report.passed
    assert any(REWRITTEN in note for note in report.notes)
    mended = reattach(optimised)
    again = verify(mended, data.pixels, rows_as="inputs", optimisations=["all"], pairs=100)
    assert again.passed, again.failures
    assert not any(REWRITTEN in note for note in again.notes)


def test_a_head_that_decides_otherwise_is_not_called_rewritten(
    optimised: onnx.ModelProto, data: Rows
) -> None:
    for node in optimised.graph.node:
        node.op_type = "Greater" if node.op_type == "Less" else node.op_type
    report = verify(optimised, data.pixels, rows_as="inputs", optimisations=["all"], pairs=100)
    assert not report.passed
    assert not any(REWRITTEN in note for note in report.notes)


def test_a_file_that_lost_its_card_is_told_from_one_that_never_had_a_head(
    optimised: onnx.ModelProto, data: Rows
) -> None:
    del optimised.metadata_props[:]
    with pytest.raises(LogitconfError, match=r"dropped its metadata; .*reattach --card CARD.json"):
        verify(optimised, data.pixels, rows_as="inputs")
    with pytest.raises(LogitconfError) as error:
        verify(host(SOFTMAX), data.pixels, rows_as="inputs")
    assert "dropped" not in str(error.value)
