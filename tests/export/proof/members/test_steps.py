"""Heads over members: what onnxruntime is off by, and graphs that compute something else."""

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from support.proved_forms import measured

from logitconf.card.score_card import ScoreCard
from logitconf.head_spec import Head
from logitconf_export.decisions.reference import Reference
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.proof.prover import Question, computed_scores, prove
from logitconf_export.proof.verdicts import RuntimeProof

SCORES = {"mutual_information": 0.05, "predictive_variance": 0.02}
T, K, M = 1.5, 5, 3


def head(score: str, *, n_classes: int = K, members: int = M, form: str = "any") -> onnx.ModelProto:
    card = ScoreCard(
        score,
        "multiclass",
        temperature=T,
        threshold=SCORES[score],
        n_classes=n_classes,
        members=members,
    )
    return to_onnx(card, n_classes=n_classes, members=members, runtime=form)


def proof_of(model: onnx.ModelProto, metadata_of: onnx.ModelProto | None = None) -> RuntimeProof:
    return prove(Question(model, read_metadata(metadata_of or model)), measured())


def rows_of(n_classes: int, members: int, seed: int = 0) -> Array:
    """Logits (N, K, M) of members from alike to opposite, and some with classes alike."""
    random = np.random.default_rng(seed)
    shape = (3000, n_classes, members)
    shared = random.normal(size=(*shape[:2], 1)) * 10.0 ** random.uniform(-2.0, 1.5, (3000, 1, 1))
    own = random.normal(size=shape) * 10.0 ** random.uniform(-4.0, 1.5, (3000, 1, 1))
    first = np.zeros(shape)
    first[:, 0, ::2] = random.uniform(0.0, 12.0, size=(3000, 1))
    # each member sure of a class of its own, and all others alike: then roundings add up
    sure = np.repeat(-random.uniform(0.0, 20.0, size=(3000, 1, 1)), n_classes, axis=1)
    sure = np.repeat(sure, members, axis=2)
    for member in range(members):
        sure[:, member % n_classes, member] = 0.0
    every = np.vstack([shared + own, first + own * 1e-2, sure, sure + own * 1e-3])
    return np.clip(every, -100.0, 100.0).astype(np.float32)


def run(model: onnx.ModelProto, logits: Array) -> Array:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (score,) = session.run(["score"], {session.get_inputs()[0].name: logits})
    return np.asarray(score, dtype=np.float64)


def truth_of(model: onnx.ModelProto, logits: Array) -> Array:
    metadata = read_metadata(model)
    reference = Reference(Head.of_card(metadata.card, metadata.form))
    return np.asarray(reference.truth(logits.astype(np.float64)).score, dtype=np.float64)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("form", ["any", "cuda"])
def test_heads_over_members_are_proved(score: str, form: str) -> None:
    proof = proof_of(head(score, form=form))
    assert proof.verdict == "PROVED", proof.reason
    assert proof.bound is not None
    assert proof.bound.near_threshold < proof.bound.band


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(("n_classes", "members"), [(2, 2), (10, 3), (100, 8)])
def test_no_error_of_onnxruntime_is_beyond_the_bound_at_its_score(
    score: str, n_classes: int, members: int
) -> None:
    model = head(score, n_classes=n_classes, members=members)
    computed, exact = computed_scores(Question(model, read_metadata(model)), measured())
    values, error = computed.errors(exact)
    rows = rows_of(n_classes, members)
    truth = truth_of(model, rows)
    off = np.abs(run(model, rows) - truth)
    # the reference's score is a float32
    bound = error[np.minimum(np.searchsorted(values.high, truth), len(error) - 1)]
    assert (off <= bound + 2.0**-24 * np.abs(truth)).all()
    assert off.max() > error.max() / 12.0


def test_more_members_and_worse_operations_make_the_bound_larger() -> None:
    def largest(members: int, arithmetic: Rounded) -> float:
        model = head("mutual_information", members=members)
        computed, exact = computed_scores(Question(model, read_metadata(model)), arithmetic)
        return float(computed.errors(exact)[1].max())

    plain = largest(2, Rounded())
    assert plain < largest(40, Rounded())
    usual = dict(Rounded().errors)
    for operation in ("Log", "Mul", "Reciprocal"):
        worse = Rounded("worse", tuple({**usual, operation: 8.0}.items()))
        assert largest(2, worse) > plain, operation


def _constant(model: onnx.ModelProto, old: float, new: float) -> None:
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size == 1 and values.ravel()[0] == np.float32(old):
            tensor.CopyFrom(numpy_helper.from_array(np.full_like(values, new), tensor.name))


def _node(model: onnx.ModelProto, operation: str, which: int = 0) -> onnx.NodeProto:
    nodes: list[onnx.NodeProto] = [n for n in model.graph.node if n.op_type == operation]
    return nodes[which]


def _third_becomes_half(model: onnx.ModelProto) -> None:
    _constant(model, 1.0 / M, 0.5)


def _limit_that_counts(model: onnx.ModelProto) -> None:
    _constant(model, 1e-37, 1e-2)


def _limit_from_above(model: onnx.ModelProto) -> None:
    clip = _node(model, "Clip")
    clip.input.insert(1, "")


def _without_the_mean(model: onnx.ModelProto) -> None:
    """The difference from the sum over the members."""
    difference = _node(model, "Sub", 1)
    difference.input[1] = _node(model, "ReduceSum", 1).output[0]


def _mean_without_its_axis(model: onnx.ModelProto) -> None:
    """Rows and members then meet, where there are as many of both."""
    summed = _node(model, "ReduceSum", 1)
    next(a for a in summed.attribute if a.name == "keepdims").i = 0


def _squared_once_more(model: onnx.ModelProto) -> None:
    product = _node(model, "Mul", 3)
    product.input[0] = _node(model, "Reciprocal", 1).output[0]


def _of_exponentials(model: onnx.ModelProto) -> None:
    """The mean of what does not add up to 1."""
    _node(model, "ReduceSum", 1).input[0] = _node(model, "Exp").output[0]


def _largest_member(model: onnx.ModelProto) -> None:
    summed = _node(model, "ReduceSum", -1)
    summed.op_type = "ReduceMax"
    del summed.input[1:]
    summed.attribute.append(onnx.helper.make_attribute("axes", [1]))


def _over_members_first(model: onnx.ModelProto) -> None:
    """Sums of squares over members, and then over classes as if these were members."""
    first, last = _node(model, "ReduceSum", 2), _node(model, "ReduceSum", 3)
    first.input[1], last.input[1] = last.input[1], last.input[1]


def _other_temperature(model: onnx.ModelProto) -> None:
    _constant(model, T, 1.5000002)


CHANGES: Mapping[str, tuple[str, Callable[[onnx.ModelProto], None]]] = {
    "another number of members": ("predictive_variance", _third_becomes_half),
    "a limit that counts": ("mutual_information", _limit_that_counts),
    "a limit from above": ("mutual_information", _limit_from_above),
    "off the sum": ("predictive_variance", _without_the_mean),
    "rows meet members": ("predictive_variance", _mean_without_its_axis),
    "an inverse instead of a probability": ("predictive_variance", _squared_once_more),
    "no probabilities": ("mutual_information", _of_exponentials),
    "the largest member": ("predictive_variance", _largest_member),
    "members before classes": ("predictive_variance", _over_members_first),
    "another temperature": ("mutual_information", _other_temperature),
}


@lru_cache
def changed(name: str) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    score, change = CHANGES[name]
    model, original = head(score), head(score)
    change(model)
    return model, original


@pytest.mark.parametrize("name", CHANGES)
def test_a_graph_that_computes_something_else_is_not_proved(name: str) -> None:
    model, original = changed(name)
    assert model != original
    proof = proof_of(model, original)
    assert proof.verdict != "PROVED", name


# the same but for rounding
ALIKE = {"another temperature", "members before classes"}


@pytest.mark.parametrize("name", sorted(set(CHANGES) - ALIKE))
def test_what_is_not_proved_does_differ(name: str) -> None:
    model, original = changed(name)
    # as many rows as members
    rows = rows_of(K, M)[::1000][:M]
    assert not np.allclose(run(model, rows), truth_of(original, rows), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_member_that_is_not_finite_leaves_no_score(score: str, value: float) -> None:
    """As the proof says of all such rows."""
    model, rows = head(score), rows_of(K, M)[:50]
    rows[:, 1, 2] = value
    assert np.isnan(run(model, rows)).all()
    everything = rows_of(K, M)[:50]
    everything[:, :, 1] = -np.inf
    assert np.isnan(run(model, everything)).all()
