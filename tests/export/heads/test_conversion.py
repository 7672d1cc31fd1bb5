import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from support.head_cases import (
    HEADS,
    SCORES,
    SCORES_AND_COLUMNS,
    TASKS,
    constants,
    eager,
    hard_rows,
    head_for,
    run,
)

from logitconf import LogitconfError
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import read_metadata

# both sides compute the same float32 formula; sums and exp differ in the last places
CLOSE = 3e-6


@pytest.mark.parametrize(("score", "task"), HEADS)
@pytest.mark.parametrize("runtime", ["any", "onnxruntime", "cuda"])
def test_the_graph_says_what_the_head_says_of_hard_rows(
    score: str, task: str, runtime: str
) -> None:
    head = head_for(score, task, runtime=runtime)
    rows = hard_rows(TASKS[task][1])
    ours, theirs = eager(head, rows), run(to_onnx(head), rows)
    np.testing.assert_allclose(theirs.score, ours.score, rtol=CLOSE, atol=CLOSE)
    np.testing.assert_array_equal(theirs.mask, ours.mask)


@pytest.mark.parametrize("opset", [7, 9, 11, 17, 26])
@pytest.mark.parametrize("runtime", ["any", "onnxruntime", "cuda"])
@pytest.mark.parametrize("form", [{}, {"class_axis": 2, "rank": 3}], ids=["rows", "positions"])
def test_the_likeliest_classes_of_gen_are_the_same_at_every_opset(
    opset: int, runtime: str, form: dict[str, Any]
) -> None:
    head = head_for("gen", threshold=1.5, given={"top": 2}, runtime=runtime, **form)
    rows = np.concatenate([hard_rows(5), np.zeros((1, 5)), np.eye(5)]).astype(np.float32)
    rows = rows[np.newaxis] if form else rows
    ours, theirs = eager(head, rows), run(to_onnx(head, opset=opset), rows)
    np.testing.assert_allclose(theirs.score, ours.score, rtol=CLOSE, atol=CLOSE)
    np.testing.assert_array_equal(theirs.mask, ours.mask)
    assert 0 < int(theirs.mask.sum()) < theirs.mask.size


@pytest.mark.parametrize("score", SCORES)
def test_the_graph_has_the_contracted_inputs_outputs_and_names(score: str) -> None:
    model = to_onnx(head_for(score))
    onnx.checker.check_model(model, full_check=True)
    assert [value.name for value in model.graph.input] == ["logits"]
    outputs = {v.name: v.type.tensor_type.elem_type for v in model.graph.output}
    assert outputs == {"score": onnx.TensorProto.FLOAT, "mask": onnx.TensorProto.BOOL}
    inner = [name for node in model.graph.node for name in (node.name, *node.output)]
    inner += [tensor.name for tensor in model.graph.initializer]
    assert all(name.startswith("logitconf/") or name in outputs for name in inner)
    assert (model.opset_import[0].version, model.ir_version) == (17, 8)
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"


@pytest.mark.parametrize(("score", "task"), HEADS)
def test_nothing_is_folded_from_temperature_or_threshold(score: str, task: str) -> None:
    def shape_of(temperature: float, threshold: float) -> bytes:
        head = head_for(score, task)
        head.temperature.fill_(temperature)
        head.threshold.fill_(threshold)
        model = to_onnx(head)
        for tensor in model.graph.initializer:
            if tensor.name in ("logitconf/temperature", "logitconf/threshold"):
                tensor.ClearField("raw_data")
        return bytes(model.SerializeToString(deterministic=True))

    assert shape_of(1.5, -0.7) == shape_of(0.25, 3.0)


def test_temperature_and_threshold_are_one_initializer_each_and_are_used() -> None:
    model = to_onnx(head_for("energy", threshold=-4.0))
    values = {t.name: numpy_helper.to_array(t) for t in constants(model)}
    assert values["logitconf/temperature"] == np.float32(1.5)
    assert values["logitconf/threshold"] == np.float32(-4.0)
    for name in ("logitconf/temperature", "logitconf/threshold"):
        assert any(name in node.input for node in model.graph.node)


def test_the_model_holds_nothing_of_the_machine_that_exported_it() -> None:
    content = to_onnx(head_for("margin")).SerializeToString()
    for trace in (str(Path(__file__).parents[3]), "forward", ".py", "torch", Path.home().name):
        assert trace.encode() not in content, trace


SCRIPT = """
import sys, hashlib
from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.head import ConfidenceHead
from logitconf_export.heads.conversion import to_onnx
head = ConfidenceHead(ScoreCard("entropy", "multiclass", 1.5, 0.5, 7), HeadForm(7))
print(hashlib.sha256(to_onnx(head).SerializeToString(deterministic=True)).hexdigest())
"""


def test_the_same_head_gives_the_same_bytes_in_every_process() -> None:
    root = Path(__file__).parents[3]
    digests = set()
    for seed in ("0", "1"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": f"{root}:{root / 'export'}"}
        result = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, check=True
        )
        digests.add(result.stdout)
    assert len(digests) == 1


def test_the_metadata_rebuild_the_head() -> None:
    head = head_for("softmax", mask_type="uint8", precision="float64")
    found = read_metadata(to_onnx(head))
    assert (found.card, found.form, found.attached) == (head.card, head.form, None)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("score", SCORES)
def test_logits_of_every_dtype_are_taken(score: str, dtype: str) -> None:
    head = head_for(score)
    model = to_onnx(head, logits_dtype=dtype)
    onnx.checker.check_model(model, full_check=True)
    rows = torch.randn(50, 5, generator=torch.Generator().manual_seed(1)) * 4
    cast = rows.to(getattr(torch, dtype))
    ours, theirs = head(cast), run(model, cast)
    np.testing.assert_allclose(theirs.score, ours[0].numpy(), rtol=CLOSE, atol=CLOSE)
    np.testing.assert_array_equal(theirs.mask, ours[1].numpy())


@pytest.mark.parametrize("mask_type", ["bool", "uint8", "float32"])
def test_the_mask_has_the_type_asked_for(mask_type: str) -> None:
    decision = run(to_onnx(head_for("softmax", mask_type=mask_type)), hard_rows(5))
    assert decision.mask.dtype == np.dtype(mask_type)
    assert set(np.unique(decision.mask)) == {0, 1}


AXES = [(2, 0), (2, 1), (3, 1), (3, 2), (3, 0), (4, 1), (4, 3)]


@pytest.mark.parametrize(("rank", "axis"), AXES)
@pytest.mark.parametrize(("score", "columns"), [c for c in SCORES_AND_COLUMNS if c[1] < 600])
@pytest.mark.parametrize("runtime", ["any", "onnxruntime", "cuda"])
def test_every_class_axis_gives_one_score_a_position(
    score: str, rank: int, axis: int, runtime: str, columns: int
) -> None:
    shape = [3, 4, 6, 2][:rank]
    shape[axis] = columns
    logits = np.random.default_rng(0).normal(0, 3, shape).astype(np.float32)
    head = head_for(
        score, "multiclass", n_classes=columns, rank=rank, class_axis=axis, runtime=runtime
    )
    flat = head_for(score, "multiclass", n_classes=columns, runtime=runtime)
    expected = eager(flat, np.moveaxis(logits, axis, -1).reshape(-1, columns))
    found = run(to_onnx(head), logits)
    assert found.score.shape == tuple(size for i, size in enumerate(shape) if i != axis)
    np.testing.assert_allclose(found.score.ravel(), expected.score, rtol=CLOSE, atol=CLOSE)
    np.testing.assert_array_equal(found.mask.ravel(), expected.mask)


@pytest.mark.parametrize("score", SCORES)
def test_a_free_class_dim_takes_any_number_of_classes(score: str) -> None:
    head = head_for(score, "multiclass", n_classes=None)
    model = to_onnx(head)
    for columns in (2, 5, 1000):
        logits = np.random.default_rng(1).normal(0, 3, (8, columns)).astype(np.float32)
        np.testing.assert_allclose(
            run(model, logits).score, eager(head, logits).score, rtol=CLOSE, atol=CLOSE
        )


@pytest.mark.parametrize(("score", "task"), HEADS)
def test_no_rows_give_no_scores(score: str, task: str) -> None:
    columns = TASKS[task][1]
    for runtime in ("any", "onnxruntime", "cuda"):
        head = head_for(score, task, runtime=runtime)
        decision = run(to_onnx(head), np.zeros((0, columns), np.float32))
        assert decision.score.shape == decision.mask.shape == (0,)


@pytest.mark.parametrize(("score", "columns"), SCORES_AND_COLUMNS)
@pytest.mark.parametrize("runtime", ["any", "onnxruntime", "cuda"])
def test_one_threshold_a_class_is_looked_up_by_the_predicted_class(
    score: str, columns: int, runtime: str
) -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 3, (300, columns)).astype(np.float32)
    plain = head_for(score, "multiclass", n_classes=columns)
    middle = float(np.median(eager(plain, logits).score))
    limits = tuple(middle * float(factor) for factor in rng.uniform(0.97, 1.03, columns))
    head = head_for(score, "multiclass", n_classes=columns, threshold=limits, runtime=runtime)
    decision = run(to_onnx(head), logits)
    chosen = np.array(limits, np.float32)[np.argmax(logits, axis=1)]
    np.testing.assert_array_equal(decision.mask, decision.score < chosen)
    np.testing.assert_array_equal(decision.mask, eager(head, logits).mask)
    assert 0 < decision.mask.sum() < len(logits)


NEW = {"threshold": -2.0, "temperature": 1.0}


def test_optional_inputs_default_to_the_fitted_values_and_can_be_given() -> None:
    import onnxruntime

    model = to_onnx(head_for("margin", threshold=-1.0), optional_inputs=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    row = {"logits": np.array([[3, 1, 0, 0, 0]], np.float32)}
    given = {f"logitconf/{n}": np.array(v, np.float32) for n, v in NEW.items()}
    assert session.run(["mask"], row)[0].tolist() == [True]
    assert session.run(["mask"], row | given)[0].tolist() == [False]


def test_probabilities_are_a_third_output_when_asked_for() -> None:
    import onnxruntime
    import scipy.special

    head = head_for("energy", outputs=("probabilities",))
    model = to_onnx(head)
    logits = np.random.default_rng(3).normal(0, 3, (9, 5)).astype(np.float32)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(["probabilities"], {"logits": logits})
    np.testing.assert_allclose(found, scipy.special.softmax(logits / 1.5, axis=1), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "phrase"),
    [
        ({"opset": 6}, r"opset must be in 7\.\.26, got 6"),
        ({"opset": 27}, r"opset must be in 7\.\.26, got 27"),
        ({"opset": 17, "ir_version": 4}, r"ir_version must be in 8\.\.13 for opset 17, got 4"),
        ({"logits_dtype": "int8"}, "logits_dtype must be one of"),
        ({"logits_dtype": "bfloat16", "opset": 12}, "bfloat16 logits need opset 13"),
    ],
)
def test_what_cannot_be_written_is_refused(options: dict[str, object], phrase: str) -> None:
    with pytest.raises(LogitconfError, match=phrase):
        to_onnx(head_for("softmax"), **options)  # type: ignore[arg-type]


def test_an_existing_file_is_kept_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "head.onnx"
    path.write_text("mine")
    with pytest.raises(LogitconfError, match="exists"):
        to_onnx(head_for("softmax"), path)
    assert path.read_text() == "mine"
    model = to_onnx(head_for("softmax"), path, force=True)
    assert onnx.load(str(path)) == model
    assert [p.name for p in tmp_path.iterdir()] == ["head.onnx"]
