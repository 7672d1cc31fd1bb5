"""Scores with a calibration map, from the fit to the file and back, with every kind of map."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from support import reference
from support import runtime_matrix as matrix
from support.mapped_scores import CASES, fitted, host_of, rows_of

from logitconf import HeadForm, LogitconfError, SoftmaxScore
from logitconf.head_spec import Head
from logitconf.rows import split_rows
from logitconf.scores.table import SCORES
from logitconf_export import attach, detach, reattach, retune, to_onnx, verify
from logitconf_export.decisions.hard_rows import arranged, hard_batches
from logitconf_export.decisions.reference import Reference, same_head
from logitconf_export.drift.measuring import drift
from logitconf_export.drift.refitting import refit
from logitconf_export.heads.in_file import head_in
from logitconf_export.verification.certificate import HOLDS

QUICK: dict[str, Any] = {"optimisations": ["all"], "pairs": 40}
NUMBERS = "temperature and threshold are the card's"
GRAPH = "the graph is the card's"
SCORES_OF_CLASSES = [
    name
    for name in matrix.scores_for("multiclass", 5)
    if SCORES[name].band.of_shift is not None
]  # fmt: skip

# that such maps change labels is told at every attach, and tested beside it
pytestmark = pytest.mark.filterwarnings(
    "ignore:the calibration map .* can change:logitconf.errors.LogitconfWarning"
)


def run(model: onnx.ModelProto, rows: Any) -> list[Any]:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    outputs: list[Any] = session.run(None, {session.get_inputs()[0].name: rows})
    return outputs


def failed(report: Any) -> set[str]:
    return {check.name for check in report.checks if not check.passed}


def number(model: onnx.ModelProto, name: str) -> Any:
    return next(t for t in model.graph.initializer if t.name == f"logitconf/{name}")


@pytest.mark.parametrize("name", CASES)
def test_from_the_fit_to_the_file_and_back(name: str, tmp_path: Path) -> None:
    score, host = fitted(name), host_of(CASES[name])
    pixels, logits, _ = rows_of(name)
    selected = score.select(logits)

    module = score.compile()
    alone = to_onnx(module)
    assert alone == to_onnx(score)
    assert {f"logitconf/{part}" for part in CASES[name].numbers} <= {
        tensor.name for tensor in alone.graph.initializer
    }
    assert run(alone, logits)[1].mean() == pytest.approx(selected["selected"].mean(), abs=2e-3)

    attached = attach(host, score, tmp_path / "host.onnx")
    values, mask = run(attached, pixels)[1:3]
    assert values == pytest.approx(np.asarray(selected["score"]), abs=2e-5)
    assert (mask == selected["selected"]).mean() > 0.998
    assert verify(tmp_path / "host.onnx", feeds={"pixels": pixels}, **QUICK).passed

    tuned = retune(attached, temperature=2.0, threshold=score.threshold)
    assert verify(tuned, feeds={"pixels": pixels}, **QUICK).passed
    # whatever the old temperature was behind is gone, and the map stays
    card = head_in(tuned).metadata.card
    assert (card.temperature, card.calibration_map) == (2.0, score.card.calibration_map)
    assert tuned == attach(host, card)

    assert detach(tuned) == host
    stripped = onnx.ModelProto.FromString(attached.SerializeToString())
    del stripped.metadata_props[:]
    again = reattach(stripped, card=score.card)
    assert np.array_equal(run(again, pixels)[1], values)
    assert verify(again, feeds={"pixels": pixels}, **QUICK).passed


@pytest.mark.parametrize("name", ["vector", "matrix", "one logit", "each label"])
def test_a_number_of_the_map_that_is_not_the_cards_fails(name: str) -> None:
    for part in CASES[name].numbers:
        model = to_onnx(fitted(name))
        tensor = number(model, part)
        values = numpy_helper.to_array(tensor).copy()
        values.reshape(-1)[0] = np.nextafter(values.reshape(-1)[0], np.float32(9.0))
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        assert NUMBERS in failed(verify(model, **QUICK))


@pytest.mark.parametrize("name", ["vector", "matrix"])
def test_a_graph_that_leaves_the_map_out_or_reads_another_number_fails(name: str) -> None:
    model = to_onnx(fitted(name))
    adds = [node for node in model.graph.node if "logitconf/bias" in node.input]
    assert len(adds) == 1
    adds[0].op_type = "Sub"
    assert GRAPH in failed(verify(model, **QUICK))
    if name == "vector":
        swapped = to_onnx(fitted(name))
        for node in swapped.graph.node:
            node.input[:] = [
                {"logitconf/bias": "logitconf/scale"}.get(one, one) for one in node.input
            ]
        assert GRAPH in failed(verify(swapped, **QUICK))


@pytest.mark.parametrize("score", SCORES_OF_CLASSES)
@pytest.mark.parametrize("name", ["vector", "matrix"])
def test_every_score_of_classes_passes_verification(score: str, name: str) -> None:
    made = fitted(name, score)
    _, logits, _ = rows_of(name)
    assert verify(to_onnx(made), logits, **QUICK).passed


@pytest.mark.parametrize("name", ["labels", "one logit", "two logits", "each label"])
@pytest.mark.parametrize("score", ["energy", "entropy", "margin", "gini"])
def test_scores_of_labels_and_logits_pass_verification(score: str, name: str) -> None:
    if CASES[name].per_label and not SCORES[score].judges_labels:
        pytest.skip(f"{score} judges no label by itself")
    made = fitted(name, score)
    _, logits, _ = rows_of(name)
    assert verify(to_onnx(made), logits, **QUICK).passed


@pytest.mark.parametrize("name", ["vector", "matrix", "labels"])
@pytest.mark.parametrize(
    "form",
    [
        {"precision": "float64"},
        {"runtime": "onnxruntime"},
        {"rank": 4},
        {"rank": 3, "class_axis": 2},
        {"mask_type": "uint8", "outputs": ("label", "probabilities")},
        {"rank": 3, "outputs": ("label", "probabilities")},
    ],
)
def test_every_form_passes_verification(name: str, form: dict[str, Any]) -> None:
    report = verify(to_onnx(fitted(name).compile(**form)), **QUICK)
    assert report.passed, failed(report)


@pytest.mark.parametrize("opset", [7, 8, 9, 11, 12, 13, 18, 24])
@pytest.mark.parametrize("name", ["vector", "matrix", "one logit", "labels"])
def test_every_opset_decides_alike(name: str, opset: int) -> None:
    score = fitted(name)
    _, logits, _ = rows_of(name)
    expected = score.compile()(torch.from_numpy(logits))[1].numpy()
    mask = run(to_onnx(score, opset=opset), logits)[1]
    assert (mask == expected).mean() > 0.998


@pytest.mark.parametrize("name", CASES)
def test_rows_that_cannot_be_computed_on_are_never_accepted(name: str) -> None:
    score = fitted(name)
    head = Head.of_card(score.card, HeadForm(score.card.n_classes))
    family = head.layout.family
    for rows in hard_batches(head.form, family=family, dtype="float32", seed=0).values():
        laid = arranged(rows, head.form) if rows.ndim < 2 else rows
        bad = np.isnan(laid) | (laid == np.inf)
        values, mask = run(to_onnx(head), laid)[:2]
        per_label = score.card.per_label
        lost = bad if per_label else bad.any(axis=1)
        if CASES[name].calibration == "matrix":
            lost |= np.isneginf(laid).any(axis=1)
        assert not mask[lost].any()
        assert not np.isfinite(values[lost]).any()


def test_a_masked_class_stays_masked_behind_scales() -> None:
    score = fitted("vector")
    rows = np.array([[4.0, -np.inf, 0.0, 0.0, -np.inf]], np.float32)
    low = np.where(np.isneginf(rows), np.float32(-1e4), rows)
    model = to_onnx(score)
    assert run(model, rows)[0] == pytest.approx(run(model, low)[0], abs=1e-6)
    assert np.isfinite(run(model, rows)[0]).all()


@pytest.mark.parametrize("name", ["vector", "matrix"])
def test_torch_keeps_the_map_in_buffers_that_travel(name: str) -> None:
    score = fitted(name)
    module = score.compile()
    _, logits, _ = rows_of(name)
    rows = torch.from_numpy(logits[:50])
    names = {"temperature", "threshold", *CASES[name].numbers}
    assert set(module.state_dict()) == names
    other = fitted(name, "margin").compile()
    other.load_state_dict(module.state_dict())
    assert same_head(module, module.half().float()) == ()
    batch = torch.export.Dim("N", min=2)
    exported: Any = torch.export.export(module, (rows,), dynamic_shapes={"logits": {0: batch}})
    for one, two in zip(exported.module()(rows[:7]), module(rows[:7]), strict=True):
        assert torch.equal(one, two)
    # what a module holds is what it exports
    biases = module.state_dict()["bias"]
    biases += 0.25
    assert same_head(score, module)
    written = numpy_helper.to_array(number(to_onnx(module), "bias"))
    assert np.array_equal(written, biases.numpy())


def test_a_map_of_logits_is_refused_on_probabilities_unless_offsets_do_not_count() -> None:
    with pytest.raises(LogitconfError, match="fitted on logits must get them"):
        Head.of_card(fitted("vector").card, HeadForm(5, kind="probabilities"))
    for name in ("two logits", "one logit", "labels"):
        card = fitted(name).card
        assert Head.of_card(card, HeadForm(card.n_classes, kind="probabilities")).calibration


def test_a_map_is_for_one_model_and_for_its_own_columns() -> None:
    with pytest.raises(LogitconfError, match="members must be None, as the score was made, got 3"):
        Head.of_card(fitted("vector").card, HeadForm(5, members=3))
    with pytest.raises(LogitconfError, match="a calibration map of 5 columns needs logits with"):
        Head.of_card(fitted("vector").card, HeadForm(4))


@pytest.mark.parametrize("name", ["two logits", "labels"])
def test_probabilities_are_mapped_as_the_logits_that_belong_to_them(name: str) -> None:
    score = fitted(name)
    _, logits, _ = rows_of(name)
    wide = logits.astype(np.float64)
    if name == "labels":
        shares = 1.0 / (1.0 + np.exp(-wide))
    else:
        shares = np.exp(wide) / np.exp(wide).sum(axis=1, keepdims=True)
    form = HeadForm(score.card.n_classes, kind="probabilities", precision="float64")
    model = to_onnx(Head.of_card(score.card, form), logits_dtype="float64")
    assert run(model, shares)[0] == pytest.approx(run(to_onnx(score), logits)[0], abs=1e-5)


def test_a_head_without_a_map_is_written_as_before_there_were_maps() -> None:
    _, logits, truth = rows_of("vector")
    plain = SoftmaxScore().fit(logits, truth).set_threshold(coverage=0.8)
    model = to_onnx(plain)
    assert [node.op_type for node in model.graph.node] == [
        "ReduceMax", "Sub", "Reciprocal", "Mul", "Exp", "ReduceSum", "Div", "Less", "Less", "And",
    ]  # fmt: skip
    assert [tensor.name.removeprefix("logitconf/") for tensor in model.graph.initializer] == [
        "temperature", "threshold", "axes_1", "-1", "-1.5",
    ]  # fmt: skip
    text = next(e.value for e in model.metadata_props if e.key == "logitconf")
    assert "calibration" not in text


@pytest.mark.parametrize("name", ["vector", "matrix"])
def test_heads_with_maps_decide_jointly(name: str) -> None:
    host = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17]>
        host (float[N, 5] x) => (float[N, 5] y, float[N, 5] w) {
          z = Neg(x)
          y = Softmax<axis = 1>(z)
          v = Abs(x)
          w = Softmax<axis = 1>(v)
        }"""
    )
    joined = attach(host, fitted(name), several="joint")
    _, logits, _ = rows_of(name)
    masks = [run(to_onnx(fitted(name)), rows)[1] for rows in (-logits, np.abs(logits))]
    together = run(joined, logits)[-1]
    assert (together == (masks[0] & masks[1])).mean() > 0.998
    assert verify(joined, feeds={"x": logits}, **QUICK).passed
    assert detach(joined) == host


@pytest.mark.parametrize("name", ["vector", "matrix"])
@pytest.mark.parametrize("score", SCORES_OF_CLASSES)
def test_the_band_covers_what_maps_round(name: str, score: str) -> None:
    """Float32 in NumPy, torch and onnxruntime against double, on logits of every size."""
    made = fitted(name, score)
    head = Head.of_card(made.card, HeadForm(5))
    judge, random = Reference(head), np.random.default_rng(1)
    rows = random.normal(size=(20000, 5)) * 10.0 ** random.uniform(-2.0, 2.5, (20000, 1))
    # offsets cancel in the differences, and their rounding does not
    rows = (rows + random.choice([0.0, 30.0, -300.0], size=(20000, 1))).astype(np.float32)
    truth = judge.truth(rows).score.astype(np.float64)
    allowed = judge.allowed(truth, sizes=judge.sizes(rows))
    for scores in (head(rows)[0], judge.decisions(rows).score, run(to_onnx(head), rows)[0]):
        assert (np.abs(scores - truth) <= allowed).all()


@pytest.mark.parametrize("name", ["vector", "matrix", "one logit", "labels", "each label"])
@pytest.mark.parametrize(
    ("runtime", "module"),
    [
        ("onnx-reference", "onnx"),
        ("ort-format", "onnxruntime"),
        ("openvino", "openvino"),
        ("tract", "tract"),
        ("opencv", "cv2"),
    ],
)
def test_every_runtime_decides_alike(runtime: str, module: str, name: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{runtime} is not installed")
    _, logits, _ = rows_of(name)
    report = verify(to_onnx(fitted(name)), logits[:300], runtimes=[runtime], **QUICK)
    assert report.passed, failed(report)


def test_a_matrix_is_not_added_up_along_the_last_axis_before_its_biases() -> None:
    """OpenVINO 2026.4 fuses the two, and adds the biases along another axis."""
    nodes = {node.op_type: node for node in reversed(to_onnx(fitted("matrix")).graph.node)}
    initializers = {t.name: t for t in to_onnx(fitted("matrix")).graph.initializer}
    axes = [
        numpy_helper.to_array(initializers[nodes[op].input[1]]).tolist()
        for op in ("Unsqueeze", "ReduceSum")
    ]
    assert axes == [[2], [1]]


@pytest.mark.parametrize("name", ["vector", "labels", "one logit"])
def test_drift_counts_errors_and_calibration_of_the_mapped_logits(name: str) -> None:
    score, host = fitted(name), attach(host_of(CASES[name]), fitted(name))
    pixels, logits, labels = rows_of(name)
    found = drift(host, host, {"pixels": pixels}, labels)
    shares = np.asarray(score.probabilities(logits))
    truth = labels if name == "vector" else (labels.reshape(shares.shape) > 0.5)
    right = shares.argmax(axis=1) == truth if name == "vector" else (shares > 0.5) == truth
    assert found.reference.errors is not None
    wrong = ~right.reshape(len(labels), -1).all(axis=1)
    assert found.reference.errors.count == wrong.sum()
    sure = shares.max(axis=1) if name == "vector" else np.maximum(shares, 1.0 - shares)
    assert found.reference.calibration_error == pytest.approx(
        reference.calibration_error(sure.reshape(-1), right.reshape(-1)), abs=1e-5
    )
    other = attach(host_of(CASES[name]), replace(score.card, calibration_map=None))
    assert not drift(host, other, {"pixels": pixels}).same_numbers


def test_a_card_is_fitted_again_on_a_variant_with_the_same_kind_of_map() -> None:
    score, host = fitted("vector"), attach(host_of(CASES["vector"]), fitted("vector"))
    pixels, _, labels = rows_of("vector")
    again = head_in(refit(host, {"pixels": pixels}, labels)).metadata.card
    assert again.calibration_map is not None
    assert score.card.calibration_map is not None
    assert again.calibration_map.scale == pytest.approx(score.card.calibration_map.scale, rel=1e-4)


def test_a_certificate_is_counted_again_on_the_labels_that_the_map_predicts() -> None:
    _, logits, labels = rows_of("vector", 3000, 1)
    score = SoftmaxScore(calibration="vector").fit(logits, labels, holdout=0.5)
    score.set_threshold(risk=0.2)
    _, held = split_rows(len(logits), 0.5, 0)
    assert (score.probabilities(logits).argmax(axis=1) != logits.argmax(axis=1)).any()
    report = verify(to_onnx(score), logits[held], labels=labels[held], **QUICK)
    assert report.passed, failed(report)
    counted = next(check for check in report.checks if check.name == HOLDS)
    assert "the certified rows" in counted.detail


@pytest.mark.parametrize("name", ["vector", "matrix", "one logit"])
def test_a_compiled_module_decides_as_it_does_uncompiled(name: str) -> None:
    module = fitted(name).compile()
    compiled = torch.compile(module, backend="aot_eager")
    rows = torch.from_numpy(rows_of(name)[1][:40])
    for one, two in zip(compiled(rows), module(rows), strict=True):
        assert torch.equal(one, two)
