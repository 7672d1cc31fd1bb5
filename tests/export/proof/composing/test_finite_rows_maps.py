"""Heads behind calibration maps: what a map rounds is carried, and another is not the card's."""

from collections.abc import Callable, Mapping

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from support.proved_forms import FORMS, measured

from logitconf.calibration.maps.calibration_map import CalibrationMap
from logitconf.card.score_card import ScoreCard
from logitconf.head_spec import Head
from logitconf_export.decisions.reference import Reference
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.proof.prover import Question, prove
from logitconf_export.proof.verdicts import RuntimeProof

N = 6
RANDOM = np.random.default_rng(0)
BIAS = tuple(0.1 * (i % 3 - 1) for i in range(N))
MATRIX = (np.eye(N) + 0.2 * RANDOM.normal(size=(N, N))).astype(np.float32)
MAPS = {
    "vector": CalibrationMap("vector", scale=(0.9, 1.1, 1.0, 0.8, 1.2, 1.0), bias=BIAS),
    "matrix": CalibrationMap("matrix", matrix=tuple(map(tuple, MATRIX.tolist())), bias=BIAS),
}
THRESHOLDS = {"softmax": -0.6, "margin": -0.6, "softmax_margin": -0.6, "max_logit": -3.0}


def model_of(kind: str, score: str, form: str = "any", **parts: object) -> onnx.ModelProto:
    given = {"threshold": THRESHOLDS.get(score, 0.3), "calibration_map": MAPS[kind], **parts}
    card = ScoreCard(score, "multiclass", temperature=1.5, n_classes=N, **given)  # type: ignore[arg-type]
    return to_onnx(card, n_classes=N, runtime=form)


def proved(model: onnx.ModelProto) -> RuntimeProof:
    return prove(Question(model, read_metadata(model)), measured())


def run(model: onnx.ModelProto, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    score, mask = session.run(["score", "mask"], {"logits": rows.astype(np.float32)})
    return np.asarray(score), np.asarray(mask)


def finite_rows() -> np.ndarray:
    scale = 10.0 ** RANDOM.uniform(-1.0, 2.0, size=(4000, 1))
    rows = np.clip(RANDOM.normal(size=(4000, N)) * scale, -100.0, 100.0)
    # where all is as large as it may be
    rows[:500] = np.sign(rows[:500]) * 100.0 + RANDOM.normal(size=(500, N)).clip(-1.0, 0.0)
    return rows.clip(-100.0, 100.0).astype(np.float32)


@pytest.mark.parametrize("kind", sorted(MAPS))
@pytest.mark.parametrize("score", [*sorted(THRESHOLDS), "entropy", "gini"])
def test_no_score_behind_a_map_is_off_by_more_than_is_proved(kind: str, score: str) -> None:
    model, rows = model_of(kind, score), finite_rows()
    proof, metadata = proved(model), read_metadata(model)
    assert proof.verdict == "PROVED", proof.reason
    truth = Reference(Head.of_card(metadata.card, metadata.form)).truth(rows.astype(np.float64))
    exact = truth.score.astype(np.float64)
    # rounded to float32 once
    half_ulp = 0.5 * np.spacing(np.abs(truth.score)).astype(np.float64)
    assert proof.bound is not None
    assert (np.abs(run(model, rows)[0] - exact) <= proof.bound.anywhere + half_ulp).all()


@pytest.mark.parametrize("kind", sorted(MAPS))
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("score", ["margin", "softmax_margin"])
def test_every_form_is_proved_and_rejects_what_is_not_finite(
    kind: str, form: str, score: str
) -> None:
    model = model_of(kind, score, form)
    assert proved(model).verdict == "PROVED"
    sure = np.where(np.arange(N) == 2, 50.0, np.linspace(-1.0, 1.0, N))
    rows = [np.where(np.arange(N) == k, bad, sure) for k in range(N) for bad in (np.nan, np.inf)]
    rows.append(np.full(N, -np.inf))
    if score == "margin":
        rows += [np.where(np.arange(N) == k, 5.0, -np.inf) for k in range(N)]
    assert not run(model, np.array(rows))[1].any()


def _put(model: onnx.ModelProto, name: str, array: np.ndarray, new: str) -> None:
    """Another constant under another name, read in the place of the first."""
    model.graph.initializer.append(numpy_helper.from_array(array, new))
    for node in model.graph.node:
        node.input[:] = [new if given == f"logitconf/{name}" else given for given in node.input]


def _transposed(model: onnx.ModelProto) -> None:
    _put(model, "matrix", MATRIX.T.copy(), "other")


def _one_step_off(model: onnx.ModelProto) -> None:
    other = MATRIX.copy()
    other[3, 4] = np.nextafter(other[3, 4], np.float32(1.0))
    _put(model, "matrix", other, "other")


def _summed_the_other_way(model: onnx.ModelProto) -> None:
    total = next(node for node in model.graph.node if node.op_type == "ReduceSum")
    model.graph.initializer.append(numpy_helper.from_array(np.array([2]), "other"))
    total.input[1] = "other"


def _laid_the_other_way(model: onnx.ModelProto) -> None:
    first = next(node for node in model.graph.node if node.op_type == "Unsqueeze")
    model.graph.initializer.append(numpy_helper.from_array(np.array([1]), "other"))
    first.input[1] = "other"


def _without_its_bias(model: onnx.ModelProto) -> None:
    add = next(node for node in model.graph.node if "logitconf/bias" in node.input)
    add.op_type = "Identity"
    del add.input[1:]


def _of_raw_logits(model: onnx.ModelProto) -> None:
    sub = next(node for node in model.graph.node if node.op_type == "Sub")
    sub.input[0] = "logits"


def _mapped_twice(model: onnx.ModelProto) -> None:
    add = next(node for node in model.graph.node if "logitconf/bias" in node.input)
    at = list(model.graph.node).index(add)
    again = onnx.NodeProto.FromString(add.SerializeToString())
    again.name, again.input[0], again.output[0] = "again", "once", add.output[0]
    add.output[0] = "once"
    model.graph.node.insert(at + 1, again)


CHANGES: Mapping[str, tuple[str, float, Callable[[onnx.ModelProto], None]]] = {
    "transposed": ("matrix", 1e-2, _transposed),
    "one step off": ("matrix", 0.0, _one_step_off),
    "summed the other way": ("matrix", 1e-2, _summed_the_other_way),
    "laid the other way": ("matrix", 1e-2, _laid_the_other_way),
    "without its bias": ("matrix", 1e-3, _without_its_bias),
    "mapped twice": ("vector", 1e-3, _mapped_twice),
    "of raw logits": ("vector", 1e-2, _of_raw_logits),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_another_map_is_not_taken_for_the_cards(change: str) -> None:
    kind, far, alter = CHANGES[change]
    model = model_of(kind, "softmax")
    rows = finite_rows()[1000:1200] * np.float32(0.1)
    before = run(model, rows)[0]
    alter(model)
    assert np.abs(run(model, rows)[0] - before).max() >= far
    assert proved(model).verdict != "PROVED"


@pytest.mark.parametrize("kind", sorted(MAPS))
def test_thresholds_of_classes_are_those_of_mapped_logits_that_do_not_nearly_tie(kind: str) -> None:
    several = tuple(-0.6 + 0.01 * i for i in range(N))
    model = model_of(kind, "softmax", threshold=several)
    proof = proved(model)
    assert proof.verdict == "PROVED", proof.reason
    assert "two largest calibrated logits" in proof.reason
    # the limits of raw logits
    equal = next(node for node in model.graph.node if node.op_type == "Equal")
    top = next(node for node in model.graph.node if equal.input[1] in node.output)
    equal.input[0] = top.input[0] = "logits"
    assert proved(model).verdict != "PROVED"
