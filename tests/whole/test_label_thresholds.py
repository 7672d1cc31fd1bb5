"""Heads with a threshold for each label: graph, host, verification, retuning, command line."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from support.command_line import done
from support.head_cases import eager, head_for, run

import logitconf
from logitconf_export import attach, head_nodes, retune, to_onnx, verify
from logitconf_export.attachment.thresholds import policy_arguments
from logitconf_export.drift.measuring import drift
from logitconf_export.drift.refitting import refit
from logitconf_export.verification.certificate import HOLDS
from logitconf_export.verification.report import VerificationReport

Array = NDArray[Any]
LABELS, PIXELS = 4, 6
QUICK: dict[str, Any] = {"optimisations": ["all"], "pairs": 50}
HOST = f"""<ir_version: 8, opset_import: ["" : 17]>
tagger (float[N, {PIXELS}] pixels) => (float[N, {LABELS}] tags) {{
    logits = Gemm (pixels, weight, bias)
    tags = Sigmoid (logits)
}}"""


def tagger(seed: int = 0) -> onnx.ModelProto:
    host = onnx.parser.parse_model(HOST)
    random = np.random.default_rng(seed)
    for name, shape in (("weight", (PIXELS, LABELS)), ("bias", (LABELS,))):
        values = random.normal(0, 2, shape).astype(np.float32)
        host.graph.initializer.append(numpy_helper.from_array(values, name))
    return host


def rows(count: int, seed: int = 1) -> tuple[Array, Array, Array]:
    """Inputs (N, 6), the tagger's logits (N, 4) and labels drawn from them at T = 1.5."""
    random = np.random.default_rng(seed)
    pixels = random.standard_normal((count, PIXELS)).astype(np.float32)
    weight, bias = (numpy_helper.to_array(t) for t in tagger().graph.initializer)
    logits = (pixels @ weight + bias).astype(np.float32)
    chances = 1.0 / (1.0 + np.exp(-logits.astype(np.float64) / 1.5))
    return pixels, logits, (random.random(logits.shape) < chances).astype(np.float32)


@pytest.fixture(scope="module")
def score() -> logitconf.LogitScore:
    _, logits, labels = rows(1500)
    fitted = logitconf.MarginScore(task="multilabel", per_label=True)
    fitted.fit(logits, labels, holdout=0.5).set_threshold(risk=0.08, confidence=0.9)
    return fitted


def shipped_by(score: logitconf.LogitScore) -> onnx.ModelProto:
    return attach(tagger(), score.compile())


def test_the_host_says_for_each_tag_what_the_score_does(score: logitconf.LogitScore) -> None:
    pixels, logits, _ = rows(500, 2)
    shipped = shipped_by(score)
    assert len([t for t in shipped.graph.initializer if t.name == "logitconf/threshold"]) == 1
    session = onnxruntime.InferenceSession(shipped.SerializeToString())
    found, mask = session.run(["score", "mask"], {"pixels": pixels})
    expected = score.select(logits)
    np.testing.assert_allclose(found, expected["score"], rtol=1e-5, atol=1e-5)
    limits = np.array(score.threshold, dtype=np.float32)
    np.testing.assert_array_equal(mask, found < limits)
    assert 0.2 < mask.mean() < 0.95


def holds(report: VerificationReport) -> bool | None:
    return next(check.passed for check in report.checks if check.name == HOLDS)


def test_the_file_is_verified_with_its_certificate_alone_and_on_labelled_rows(
    score: logitconf.LogitScore,
) -> None:
    pixels, _, labels = rows(1200, 3)
    shipped = shipped_by(score)
    report = verify(shipped, pixels, rows_as="inputs", labels=labels, **QUICK)
    assert report.passed, report.failures
    assert "for each label by itself" in report.to_text()
    assert holds(report) is True
    worse = labels.copy()
    worse[:, 2] = 1.0 - worse[:, 2]
    against = verify(shipped, pixels, rows_as="inputs", labels=worse, **QUICK)
    assert holds(against) is False
    assert "label 2: " in "; ".join(against.failures)
    assert "label 1: " not in "; ".join(against.failures)


def test_the_certified_rows_give_the_certified_counts_again(score: logitconf.LogitScore) -> None:
    from logitconf.rows import split_rows

    _, logits, labels = rows(1500)
    _, held = split_rows(len(logits), 0.5, 0)
    model = to_onnx(score.compile())
    report = verify(model, logits[held], labels=labels[held], **QUICK)
    assert report.passed, report.failures
    assert "the certified rows: " in report.to_text()
    assert "of 3000 decisions are wrong" in report.to_text()


def test_one_swapped_threshold_of_the_graph_is_found(score: logitconf.LogitScore) -> None:
    model = to_onnx(score.compile())
    tensor = next(t for t in model.graph.initializer if t.name == "logitconf/threshold")
    values = numpy_helper.to_array(tensor).copy()
    values[[0, 1]] = values[[1, 0]]
    assert values[0] != values[1]
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    assert not verify(model, **QUICK).passed


def test_retuning_equals_a_fresh_export_and_keeps_the_number_of_thresholds(
    score: logitconf.LogitScore,
) -> None:
    limits = (-1.0, -2.0, -0.5, -3.0)
    tuned = retune(shipped_by(score), threshold=limits)
    pixels, _, _ = rows(300, 4)
    session = onnxruntime.InferenceSession(tuned.SerializeToString())
    found, mask = session.run(["score", "mask"], {"pixels": pixels})
    np.testing.assert_array_equal(mask, found < np.array(limits, dtype=np.float32))
    assert verify(tuned, **QUICK).passed
    with pytest.raises(logitconf.LogitconfError, match=r"this head has 4 thresholds, got -1\.0"):
        retune(tuned, threshold=-1.0)


@pytest.mark.parametrize("runtime", ["any", "onnxruntime"])
@pytest.mark.parametrize("form", [{"rank": 3}, {"rank": 4}, {"rank": 3, "class_axis": 2}], ids=str)
def test_labels_on_any_axis_are_compared_with_their_own_threshold(
    form: dict[str, int], runtime: str
) -> None:
    limits = (-0.9, -0.7, -0.8)
    head = head_for(
        "softmax",
        "multilabel",
        threshold=limits,
        per_label=True,
        n_classes=3,
        runtime=runtime,
        **form,
    )
    shape, axis = [5, 2, 4, 3][: form["rank"]], form.get("class_axis", 1)
    shape[axis] = 3
    logits = np.random.default_rng(0).normal(0, 3, shape).astype(np.float32)
    model = to_onnx(head)
    onnx.checker.check_model(model, full_check=True)
    found = run(model, logits)
    own_axis = [3 if a == axis else 1 for a in range(len(shape))]
    limit = np.array(limits, dtype=np.float32).reshape(own_axis)
    np.testing.assert_array_equal(found.mask, found.score < limit)
    np.testing.assert_array_equal(found.mask, eager(head, logits).mask)
    report = verify(model, logits, **QUICK)
    assert report.passed, report.failures


def test_a_head_on_probabilities_decides_each_label() -> None:
    limits = (0.3, 0.4, 0.5, 0.2)
    head = head_for("entropy", "multilabel", threshold=limits, per_label=True, kind="probabilities")
    report = verify(to_onnx(head), **QUICK)
    assert report.passed, report.failures


def test_a_variant_is_compared_and_refitted_label_by_label(score: logitconf.LogitScore) -> None:
    pixels, logits, labels = rows(800, 6)
    shipped = shipped_by(score)
    other = logitconf.MarginScore(task="multilabel", per_label=True).fit(logits, labels)
    other.set_threshold(coverage=0.5)
    strict = attach(tagger(), other.compile())
    report = drift(shipped, strict, {"pixels": pixels}, labels)
    assert report.rows == 800 * LABELS
    masks = [s.select(logits)["selected"] for s in (score, other)]
    assert report.flips.count == (masks[0] != masks[1]).sum()
    wrong = (logits > 0) != (labels > 0.5)
    assert report.variant.risk is not None
    assert report.variant.risk.count == (wrong & masks[1]).sum()
    assert policy_arguments(other.card) == {"coverage": 0.5}
    again = refit(strict, {"pixels": pixels}, labels)
    assert len(head_nodes(again)) == len(head_nodes(strict))
    found = drift(strict, again, {"pixels": pixels})
    assert found.flips.count <= 4  # onnxruntime's matrix product against NumPy's


def test_the_command_line_fits_attaches_and_verifies_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pixels, logits, labels = rows(400, 7)
    np.savez("logits.npz", logits=logits, labels=labels)
    np.savez("val.npz", pixels=pixels, labels=labels)
    onnx.save(tagger(), "host.onnx")
    fit = "fit logits.npz --score margin --task multilabel --per-label --coverage 0.8 -o card.json"
    printed = done(capsys, fit)
    assert "1,280 of 1,600 labels" in printed
    done(capsys, "attach host.onnx card.json -o out.onnx")
    done(capsys, "verify out.onnx --data val.npz")
    assert "for each label by itself" in done(capsys, "inspect out.onnx")
