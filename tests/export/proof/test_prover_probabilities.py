"""Heads that read probabilities or their logarithms: proofs, what onnxruntime does, and changes."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from support.proved_forms import measured

from logitconf.card.score_card import ScoreCard
from logitconf.head_spec import Head
from logitconf_export.decisions.reference import Reference
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.heads.sources import head_of
from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.prover import Question, computed_scores, prove
from logitconf_export.proof.verdicts import RuntimeProof
from logitconf_export.proof.witnesses import Searcher

K, T = 10, 1.5
THRESHOLDS = {"softmax": -0.6, "entropy": 0.3, "gini": 0.3, "doctor_beta": 0.3, "margin": -0.6}


def head(score: str, kind: str, n: int = K, temperature: float = T) -> onnx.ModelProto:
    card = ScoreCard(
        score, "multiclass", temperature=temperature, threshold=THRESHOLDS[score], n_classes=n
    )
    made = head_of(card, n_classes=n)
    return to_onnx(Head.of_card(card, replace(made.form, kind=kind)))


def proof_of(model: onnx.ModelProto) -> RuntimeProof:
    return prove(Question(model, read_metadata(model)), measured())


def run(model: onnx.ModelProto, rows: Array) -> tuple[Array, Array]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    score, mask = session.run(["score", "mask"], {session.get_inputs()[0].name: rows})
    return np.asarray(score, dtype=np.float64), np.asarray(mask)


def probabilities(n: int = K) -> Array:
    """Rows (N, K) from nearly even to nearly sure, some classes down to 1e-37, some 0."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(4000, n)) * 10.0 ** random.uniform(-2.0, 1.3, (4000, 1))
    odds = np.exp(np.maximum(logits - logits.max(axis=1, keepdims=True), -80.0))
    shares = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    shares[::5, 1:4] = 0.0
    # sums of other runtimes are a little off
    made: Array = shares * random.uniform(0.99, 1.01, size=(4000, 1)).astype(np.float32)
    return made


def truth_of(model: onnx.ModelProto, rows: Array) -> Array:
    metadata = read_metadata(model)
    reference = Reference(Head.of_card(metadata.card, metadata.form))
    return np.asarray(reference.truth(rows).score, dtype=np.float64)


@pytest.mark.parametrize("kind", ["probabilities", "log-probabilities"])
@pytest.mark.parametrize("score", ["softmax", "entropy", "doctor_beta"])
def test_heads_of_classes_are_proved_on_what_they_read(score: str, kind: str) -> None:
    proof = proof_of(head(score, kind))
    assert proof.verdict == "PROVED", proof.reason
    assert f"no row of {kind}" in proof.reason
    assert proof.bound is not None
    assert proof.bound.masked == ""


@pytest.mark.parametrize("score", ["softmax", "entropy", "gini"])
def test_no_error_of_onnxruntime_is_beyond_the_bound(score: str) -> None:
    model, rows = head(score, "probabilities"), probabilities()
    computed, exact = computed_scores(Question(model, read_metadata(model)), measured())
    _, error = computed.errors(exact)
    off = np.abs(run(model, rows)[0] - truth_of(model, rows))
    assert off.max() <= error.max()
    assert off.max() > error.max() / 12.0


def test_logarithms_are_off_by_more_the_lower_the_temperature() -> None:
    """So that near T = 0 a band that does not know of them proves nothing."""
    warm, cold = (proof_of(head("softmax", "probabilities", 2, t)) for t in (T, 0.05))
    assert warm.bound is not None
    assert cold.bound is not None
    assert cold.bound.anywhere > 5.0 * warm.bound.anywhere


@pytest.mark.parametrize("score", ["softmax", "entropy"])
def test_what_is_no_probability_leaves_no_score(score: str) -> None:
    """As the proof's cases say: a NaN, one below 0, +inf, and none above 0."""
    model, rows = head(score, "probabilities"), probabilities()[:4]
    rows[0, 3], rows[1, 2], rows[2, 1], rows[3] = np.nan, -0.25, np.inf, 0.0
    values, mask = run(model, rows)
    assert np.isnan(values).all()
    assert not mask.any()


def _with_offset(model: onnx.ModelProto) -> None:
    """log(p + 1e-3), as some losses have it."""
    model.graph.initializer.append(numpy_helper.from_array(np.array(1e-3, np.float32), "offset"))
    first = model.graph.node[0]
    model.graph.node.insert(0, helper.make_node("Add", [first.input[0], "offset"], ["moved"]))
    first.input[0] = "moved"


def _without_logarithm(model: onnx.ModelProto) -> None:
    next(n for n in model.graph.node if n.op_type == "Log").op_type = "Identity"


def _of_squares(model: onnx.ModelProto) -> None:
    first = model.graph.node[0]
    read = first.input[0]
    model.graph.node.insert(0, helper.make_node("Mul", [read, read], ["squares"]))
    first.input[0] = "squares"


def _of_odds(model: onnx.ModelProto) -> None:
    """log(1 − p) instead of log p."""
    model.graph.initializer.append(numpy_helper.from_array(np.array(1.0, np.float32), "unit"))
    first = model.graph.node[0]
    model.graph.node.insert(0, helper.make_node("Sub", ["unit", first.input[0]], ["others"]))
    first.input[0] = "others"


CHANGES: Mapping[str, Callable[[onnx.ModelProto], None]] = {
    "an offset": _with_offset,
    "no logarithm": _without_logarithm,
    "squares": _of_squares,
    "the other probability": _of_odds,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_graph_that_reads_probabilities_otherwise_is_not_proved(name: str) -> None:
    model, original = head("softmax", "probabilities"), head("softmax", "probabilities")
    CHANGES[name](model)
    assert proof_of(model).verdict != "PROVED"
    rows = probabilities()[:200]
    assert not np.allclose(run(model, rows)[0], truth_of(original, rows), rtol=1e-3)


def test_probabilities_in_double_are_not_proved() -> None:
    """Two that differ by a float64's last place may have one logarithm, and count as tied."""
    card = ScoreCard("margin", "multiclass", temperature=T, threshold=-0.6, n_classes=K)
    form = replace(head_of(card, n_classes=K).form, kind="probabilities", precision="float64")
    proof = proof_of(to_onnx(Head.of_card(card, form)))
    assert proof.verdict == "CANNOT PROVE"
    assert "in double" in proof.reason


def test_a_head_of_logits_that_says_it_reads_probabilities_is_not_proved() -> None:
    logits, said = head("softmax", "logits"), head("softmax", "probabilities")
    del said.graph.node[:]
    said.graph.node.extend(logits.graph.node)
    del said.graph.initializer[:]
    said.graph.initializer.extend(logits.graph.initializer)
    assert proof_of(said).verdict != "PROVED"


@pytest.mark.parametrize("kind", ["probabilities", "log-probabilities"])
def test_a_head_that_cannot_be_proved_is_not_refuted_by_rows_of_another_kind(kind: str) -> None:
    """Logits as probabilities would have no score."""
    model = head("margin", kind)
    searcher = Searcher(read_metadata(model), lambda rows: run(model, rows), 100.0)
    assert searcher(None) is None
