"""Heads are proved, and what is not the card's is refuted or not proved."""

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from support import other_tools

from logitconf.card.score_card import ScoreCard
from logitconf.head_spec import Head
from logitconf_export.decisions.reference import Reference
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.proof.prover import Question, computed_scores, prove
from logitconf_export.proof.witnesses import Searcher

THRESHOLDS = {"softmax": -0.6, "entropy": 0.3, "energy": -3.0, "margin": -0.6}
# what tables of onnxruntime 1.31 say
RUNTIME = Rounded("a runtime", (("Exp", 0.9), ("Log", 3.5), ("Softmax exp", 1.5)))
TASKS = {"multiclass": (2, 10), "binary": (1,), "multilabel": (5,)}
CELLS = [
    (score, task, n, form)
    for score in THRESHOLDS
    for task, sizes in TASKS.items()
    for n in sizes
    for form in ("any", "onnxruntime")
]


def model_of(
    score: str = "softmax", task: str = "multiclass", n: int = 10, form: str = "any"
) -> onnx.ModelProto:
    threshold = THRESHOLDS[score]
    card = ScoreCard(score, task, temperature=1.5, threshold=threshold, n_classes=n)
    return to_onnx(card, n_classes=n, runtime=form)


def question_of(model: onnx.ModelProto) -> Question:
    return Question(model, read_metadata(model))


@pytest.mark.parametrize(("score", "task", "n", "form"), CELLS)
def test_a_head_is_proved(score: str, task: str, n: int, form: str) -> None:
    proof = prove(question_of(model_of(score, task, n, form)), RUNTIME)
    assert proof.verdict == "PROVED", proof.reason
    assert proof.bound is not None
    assert 0.0 < proof.bound.near_threshold <= proof.bound.anywhere


@pytest.mark.parametrize("score", sorted(THRESHOLDS))
def test_no_score_of_the_runtime_is_off_by_more_than_is_proved(score: str) -> None:
    model = model_of(score)
    question = question_of(model)
    computed, exact = computed_scores(question, RUNTIME)
    values, error = computed.errors(exact)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    random = np.random.default_rng(0)
    scale = 10.0 ** random.uniform(-1, 1.4, size=(4000, 1))
    rows = np.clip(random.normal(size=(4000, 10)) * scale, -100, 100).astype(np.float32)
    (scores,) = session.run(["score"], {"logits": rows})
    head = Head.of_card(question.metadata.card, question.metadata.form)
    truth = Reference(head).truth(rows.astype(np.float64)).score.astype(np.float64)
    off = np.abs(scores - truth)
    # truth is rounded to float32 once
    half_ulp = 0.5 * np.spacing(np.abs(truth).astype(np.float32)).astype(np.float64)
    near = (values.low[None] <= truth[:, None] + 1e-5) & (
        values.high[None] >= truth[:, None] - 1e-5
    )
    allowed = np.where(near, error[None], 0.0).max(axis=1)
    assert (off <= allowed + half_ulp).all()
    assert off.max() > 0.0


def changed(model: onnx.ModelProto, name: str, value: float) -> onnx.ModelProto:
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for tensor in made.graph.initializer:
        if tensor.name == f"logitconf/{name}":
            tensor.CopyFrom(
                numpy_helper.from_array(np.asarray(value, dtype=np.float32), tensor.name)
            )
    return made


@pytest.mark.parametrize("name", ["temperature", "threshold"])
@pytest.mark.parametrize("renamed", [False, True])
def test_a_number_that_is_one_float_away_is_refuted(name: str, *, renamed: bool) -> None:
    model = model_of()
    value = {"temperature": 1.5, "threshold": -0.6}[name]
    wrong = changed(model, name, float(np.nextafter(np.float32(value), np.float32(9))))
    if renamed:
        wrong = other_tools.with_renamed_values(wrong)
    proof = prove(question_of(wrong), RUNTIME)
    assert (proof.verdict, name in proof.reason) == ("REFUTED", True), proof.reason


def test_a_constant_of_the_formula_that_is_one_float_away_is_not_proved() -> None:
    model = model_of("margin")
    half = next(
        t for t in model.graph.initializer if numpy_helper.to_array(t).tobytes() == b"\0\0\0?"
    )
    half.CopyFrom(
        numpy_helper.from_array(np.asarray(np.nextafter(np.float32(0.5), np.float32(1))), half.name)
    )
    assert prove(question_of(model), RUNTIME).verdict != "PROVED"


def without_guard(model: onnx.ModelProto) -> None:
    both = next(n for n in model.graph.node if n.op_type == "And")
    both.op_type, both.input[1] = "And", both.input[0]


def with_other_operation(model: onnx.ModelProto) -> None:
    node = next(n for n in model.graph.node if n.op_type == "ReduceSum")
    node.op_type = "ReduceSumSquare"
    node.attribute.append(onnx.helper.make_attribute("axes", [1]))
    del node.input[1:]


def with_greater(model: onnx.ModelProto) -> None:
    node = next(n for n in model.graph.node if n.op_type == "Less" and n.input[0] == "score")
    node.input[:] = [node.input[1], node.input[0]]


FAULTS: dict[str, Callable[[onnx.ModelProto], None]] = {
    "the guard is gone": without_guard,
    "another sum": with_other_operation,
    "the wrong side": with_greater,
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_fault_in_the_graph_is_not_proved(fault: str) -> None:
    model = model_of()
    FAULTS[fault](model)
    assert prove(question_of(model), RUNTIME).verdict != "PROVED"


@pytest.mark.parametrize("tool", sorted(other_tools.TOOLS))
@pytest.mark.parametrize("score", sorted(THRESHOLDS))
def test_a_file_that_a_tool_rewrote_is_proved_or_the_node_is_named(score: str, tool: str) -> None:
    model = model_of(score)
    rewritten = other_tools.TOOLS[tool](model)
    proof = prove(Question(rewritten, read_metadata(model)), RUNTIME)
    if tool in {"outputs renamed", "all renamed", "prefix before all names"}:
        assert (proof.verdict, "output" in proof.reason) == ("CANNOT PROVE", True)
    else:
        assert proof.verdict == "PROVED" or "stops it" in proof.reason, proof.reason


def test_a_worse_operation_makes_the_bound_grow() -> None:
    question = question_of(model_of())
    bounds = []
    for ulps in (0.5, 1.5, 300.0):
        proof = prove(question, Rounded("worse", (("Exp", ulps), ("Log", 1.0))))
        assert proof.bound is not None
        bounds.append((proof.bound.near_threshold, proof.verdict))
    assert bounds[0][0] < bounds[1][0] < bounds[2][0]
    assert [verdict for _, verdict in bounds] == ["PROVED", "PROVED", "CANNOT PROVE"]


def test_a_row_that_is_decided_otherwise_refutes() -> None:
    from logitconf_export.proof.composing.head_part import HeadPart
    from logitconf_export.proof.witnesses import Searcher

    model = model_of()
    with_other_operation(model)
    question = question_of(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    search = Searcher(
        question.metadata, lambda x: tuple(session.run(["score", "mask"], {"logits": x})), 100.0
    )
    assert HeadPart.of(model, question.metadata).score == "score"
    proof = prove(question, RUNTIME, search)
    assert proof.verdict == "REFUTED"
    assert proof.witness is not None
    row = np.array([proof.witness.logits])
    truth = Reference(Head.of_card(question.metadata.card, question.metadata.form)).truth(row)
    assert bool(truth.mask[0]) != proof.witness.accepted


class Exp(OpRun):
    """Its results are some 1000 steps of float32 too large."""

    op_domain = ""

    def _run(self, x: Array) -> tuple[Array]:
        return ((np.exp(x) * np.float32(1.0 + 2.0**-13)).astype(np.float32),)


@pytest.mark.parametrize("operation", [None, Exp])
def test_an_operation_as_bad_as_its_table_is_refuted_by_a_row(operation: type[Exp] | None) -> None:
    model = model_of()
    question = question_of(model)
    evaluator = ReferenceEvaluator(model, new_ops=[operation] if operation else [])

    def run(logits: Array) -> tuple[Array, Array]:
        score, mask = evaluator.run(["score", "mask"], {"logits": logits})
        return np.asarray(score), np.asarray(mask)

    search = Searcher(question.metadata, run, 100.0)
    bad = Rounded("a runtime", (("Exp", 1100.0), ("Log", 3.5), ("Softmax exp", 1100.0)))
    proof = prove(question, bad, search)
    if operation is None:
        # the table allows what this runtime does not do
        assert (proof.verdict, proof.witness) == ("CANNOT PROVE", None)
        return
    assert proof.verdict == "REFUTED"
    assert proof.witness is not None
    logits = np.asarray(proof.witness.logits, dtype=np.float64)
    exact = -1.0 / np.exp((logits - logits.max()) / 1.5).sum()
    assert proof.witness.exact == pytest.approx(exact, rel=1e-6)
    (again,), _ = run(logits[None].astype(np.float32))
    assert again == np.float32(proof.witness.score)
    assert abs(again - exact) > proof.witness.band
    assert f"gets {again:.9g}" in proof.reason
