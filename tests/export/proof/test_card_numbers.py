"""Thresholds of classes and labels, and calibration maps, are the card's to the last bit."""

from collections.abc import Callable, Mapping

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support import other_tools
from support.proved_forms import measured

from logitconf.calibration.maps.calibration_map import CalibrationMap
from logitconf.card.score_card import ScoreCard
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.composing.arithmetic import Measured
from logitconf_export.proof.prover import Question, prove
from logitconf_export.proof.verdicts import RuntimeProof

LIMITS = (-0.6, -0.55, -0.7, -0.65)
SCALE, BIAS = (0.95, 1.0, 1.05, 1.0), (-0.1, 0.0, 0.1, 0.0)
MAP = CalibrationMap("vector", scale=SCALE, bias=BIAS)
CARDS: Mapping[str, Callable[[str], ScoreCard]] = {
    "threshold of each class": lambda s: ScoreCard(s, "multiclass", 1.5, LIMITS, 4),
    "each label judged": lambda s: ScoreCard(s, "multilabel", 1.5, LIMITS, 4, per_label=True),
    "vector map": lambda s: ScoreCard(s, "multiclass", 1.5, -0.6, 4, calibration_map=MAP),
}


@pytest.fixture(scope="module")
def runtime() -> Measured:
    return measured()


def model_of(heads: str, score: str = "softmax", form: str = "any") -> onnx.ModelProto:
    return to_onnx(CARDS[heads](score), n_classes=4, runtime=form)


def proof_of(
    model: onnx.ModelProto, runtime: Measured, changed: onnx.ModelProto | None = None
) -> RuntimeProof:
    return prove(Question(changed or model, read_metadata(model)), runtime)


@pytest.mark.parametrize("form", ["any", "onnxruntime", "cuda"])
@pytest.mark.parametrize("heads", sorted(CARDS))
def test_such_a_head_is_proved(heads: str, form: str, runtime: Measured) -> None:
    proof = proof_of(model_of(heads, form=form), runtime)
    assert proof.verdict == "PROVED", proof.reason


def test_double_takes_the_threshold_of_the_largest_of_the_given_logits(runtime: Measured) -> None:
    card = CARDS["threshold of each class"]("softmax")
    proof = proof_of(to_onnx(card, n_classes=4, precision="float64"), runtime)
    assert proof.verdict == "PROVED", proof.reason


def moved(values: Array) -> Array:
    other = values.copy()
    other[1] = np.nextafter(values[1], np.float32(9))
    return other


def exchanged(values: Array) -> Array:
    return values[[0, 2, 1, 3]]


CHANGES: list[tuple[str, str, Callable[[Array], Array]]] = [
    ("threshold of each class", "threshold", moved),
    ("threshold of each class", "threshold", exchanged),
    ("each label judged", "threshold", moved),
    ("each label judged", "threshold", exchanged),
    ("vector map", "scale", moved),
    ("vector map", "scale", exchanged),
    ("vector map", "bias", moved),
    ("vector map", "bias", exchanged),
]


@pytest.mark.parametrize("renamed", [False, True])
@pytest.mark.parametrize(("heads", "name", "change"), CHANGES)
def test_a_number_of_a_class_that_is_another_is_not_proved(
    heads: str, name: str, change: Callable[[Array], Array], runtime: Measured, *, renamed: bool
) -> None:
    model = model_of(heads)
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    (tensor,) = [t for t in changed.graph.initializer if t.name == f"logitconf/{name}"]
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)), tensor.name))
    if renamed:
        changed = other_tools.with_renamed_values(changed)
    proof = proof_of(model, runtime, changed)
    if renamed and name != "threshold":
        # without its name a number of a map is one that does not fit
        assert (proof.verdict, "calibration map" in proof.reason) == ("CANNOT PROVE", True)
        return
    assert proof.verdict == "REFUTED"
    assert f"the graph's {name} of column 1 is" in proof.reason


def test_thresholds_that_go_with_another_class_are_not_proved(runtime: Measured) -> None:
    """The threshold is taken at the smallest logit, where the card's is that of the largest."""
    model = model_of("threshold of each class")
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    (equal,) = [n for n in changed.graph.node if n.op_type == "Equal"]
    changed.graph.node.insert(
        0, onnx.helper.make_node("ReduceMin", ["logits"], ["least"], axes=[1], keepdims=1)
    )
    equal.input[1] = "least"
    proof = proof_of(model, runtime, changed)
    assert (proof.verdict, "stops it" in proof.reason) == ("CANNOT PROVE", True)


def test_a_maximum_of_thresholds_is_not_proved(runtime: Measured) -> None:
    """Of a tie the smaller one counts."""
    model = model_of("threshold of each class")
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    (least,) = [n for n in changed.graph.node if n.op_type == "ReduceMin"]
    least.op_type = "ReduceMax"
    assert proof_of(model, runtime, changed).verdict == "CANNOT PROVE"


def test_a_map_of_which_a_step_is_left_out_is_not_proved(runtime: Measured) -> None:
    model = model_of("vector map")
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    (add,) = [n for n in changed.graph.node if n.input[1:] == ["logitconf/bias"]]
    add.op_type = "Identity"
    del add.input[1:]
    assert proof_of(model, runtime, changed).verdict == "CANNOT PROVE"


@pytest.mark.parametrize("heads", sorted(CARDS))
def test_no_score_is_off_by_more_than_is_proved(heads: str, runtime: Measured) -> None:
    """Of random rows near the thresholds, run in onnxruntime beside the formula in double."""
    from onnxruntime import InferenceSession

    from logitconf.head_spec import Head
    from logitconf_export.decisions.reference import Reference

    model = model_of(heads)
    proof, metadata = proof_of(model, runtime), read_metadata(model)
    rows = np.random.default_rng(0).normal(size=(2000, 4)).astype(np.float32) * 3
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    score, mask = (np.asarray(out).ravel() for out in session.run(None, {"logits": rows}))
    reference = Reference(Head.of_card(metadata.card, metadata.form))
    truth, thresholds = reference.truth(rows), reference.thresholds(rows).astype(np.float64)
    assert proof.bound is not None
    half_float = 0.5 * np.spacing(np.abs(truth.score)).astype(np.float64)
    off = np.abs(score - truth.score.astype(np.float64)) - half_float
    assert (off <= proof.bound.anywhere).all()
    far = np.abs(truth.score - thresholds) > proof.bound.near_threshold + half_float
    assert far.mean() > 0.9
    assert (mask == truth.mask)[far].all()
