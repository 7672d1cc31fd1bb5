"""MaxLogit-pNorm is proved, with bounds that hold, and graphs that were changed are not."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper
from support.changed_graphs import (
    changed,
    maker,
    off_and_allowed,
    scores_of,
    truth_of,
    with_input,
    with_node,
    with_number,
)
from support.proved_forms import measured
from support.worst_runtime import ROUNDED, allowed_by_size, largest_errors

from logitconf.card.score_card import ScoreCard
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.proof.composing import composition, deviations
from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.proof.composing.deviations import Share
from logitconf_export.proof.composing.finite_rows import Computed
from logitconf_export.proof.composing.head_part import HeadPart
from logitconf_export.proof.exact.abstract_rows import AbstractRows
from logitconf_export.proof.exact.expressions import Expression
from logitconf_export.proof.prover import Question, computed_scores, prove


def question_of(n: int = 10, form: str = "any", p: int = 4) -> Question:
    card = ScoreCard(
        "max_logit_norm",
        "multiclass",
        temperature=1.25,
        threshold=-0.6,
        n_classes=n,
        parameters={"p": p},
    )
    model = to_onnx(card, n_classes=n, runtime=form)
    return Question(model, read_metadata(model))


def rows_of(n: int, count: int = 3000, seed: int = 0) -> npt.NDArray[np.float32]:
    """Rows of all sizes, of two values, with ties, and with one class apart."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, n)) * 10.0 ** random.uniform(-9, 1.6, size=(count, 1))
    rows[: count // 8] = random.integers(0, 2, size=(count // 8, n)) * 3.3
    rows[: count // 8, 0], rows[: count // 8, 1] = 0.0, 3.3
    rows[count // 8 : count // 4, 1] = rows[count // 8 : count // 4].max(axis=1)
    rows[count // 4 : count // 3, 0] += 40.0
    return np.clip(rows, -100, 100).astype(np.float32)


@pytest.mark.parametrize("form", ["any", "onnxruntime", "cuda"])
@pytest.mark.parametrize(("n", "p"), [(10, 4), (3, 4), (10, 3), (10, 2), (10, 7)])
def test_a_head_is_proved(n: int, p: int, form: str) -> None:
    proof = prove(question_of(n, form, p), measured())
    assert proof.verdict == "PROVED", proof.reason
    assert "but for those whose logits all lie within 2^-59" in proof.reason


@pytest.mark.parametrize("n", [3, 10, 100])
def test_no_score_is_off_by_more_than_is_proved(n: int) -> None:
    off, allowed = off_and_allowed(question_of(n), rows_of(n), measured())
    assert (off <= allowed).all()
    assert (off > 0.02 * allowed).any()


def without_sign(graph: onnx.GraphProto) -> None:
    maker(graph, "abs").op_type = "Identity"


def with_the_mean_of_the_lowest(graph: onnx.GraphProto) -> None:
    node = maker(graph, "sum2")
    node.op_type = "ReduceMin"
    del node.input[1:], node.attribute[:]
    node.attribute.append(helper.make_attribute("axes", [1]))


CHANGES: Mapping[str, tuple[int, Callable[[onnx.GraphProto], None]]] = {
    "another root": (4, with_number(-0.25, -0.26)),
    "a norm of 3 at least": (4, with_number(1.0, 3.0)),
    "without the sign": (3, without_sign),
    "another mean": (4, with_the_mean_of_the_lowest),
    "distances from the sum": (4, with_input("sub2", 1, "sum2")),
    "the sum for the mean": (4, with_input("mul9", 0, "sum2")),
    "a square for a power of 4": (4, with_node("mul7", "Identity", [0])),
    "a cube for a power of 4": (4, with_input("mul7", 1, "abs")),
    "the mean of what is there": (4, with_input("div2", 1, "clip2")),
    "a reach of 1 at least": (4, with_number(2.0**-100, 1.0)),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_a_changed_graph_is_not_proved(change: str) -> None:
    p, edit = CHANGES[change]
    question = question_of(5, p=p)
    other = changed(question.model, edit)
    assert prove(Question(other, question.metadata), measured()).verdict != "PROVED"
    rows = rows_of(5)
    before, after = scores_of(question.model, rows), scores_of(other, rows)
    # it is another head: a runtime sees it
    assert not (np.abs(after - before) <= 1e-5).all()


def test_a_root_that_is_one_float_away_is_not_proved() -> None:
    question = question_of(5, p=3)
    third = np.float32(-1.0 / 3.0)
    edit = with_number(float(third), float(np.nextafter(third, np.float32(0.0))))
    other = Question(changed(question.model, edit), question.metadata)
    assert prove(other, measured()).verdict != "PROVED"


def check_against_the_worst_runtime(
    question: Question, computed: Computed, exact: Expression
) -> None:
    rows = rows_of(4, 120, 3).astype(np.float64)
    worst = largest_errors(HeadPart.of(question.model, question.metadata), rows)
    allowed = allowed_by_size(computed, exact, truth_of(question, rows.astype(np.float32)))
    assert (worst <= allowed).all()


def test_the_worst_runtime_stays_within_what_is_proved() -> None:
    question = question_of(4)
    check_against_the_worst_runtime(question, *computed_scores(question, ROUNDED))


OTHERS = AbstractRows.others_above
NOTHING = Share(np.zeros((1, 1)), 0.0)
BUGS: Mapping[str, tuple[object, str, object]] = {
    "a quotient is exact": (deviations, "share_of_quotient", lambda *_: NOTHING),
    "products carry nothing": (composition, "carried_product", lambda a, *_: 0.0 * a),
    "nothing is rounded": (Rounded, "units", lambda *_a, **_k: np.zeros((1, 1))),
    "others count a tenth": (AbstractRows, "others_above", lambda *given: 0.1 * OTHERS(*given)),
}


@pytest.mark.parametrize("bug", sorted(BUGS))
def test_planted_bugs_are_caught(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    question = question_of(4)
    monkeypatch.setattr(*BUGS[bug])
    computed = computed_scores(question, ROUNDED)
    if bug != "others count a tenth":
        monkeypatch.undo()
    with pytest.raises(AssertionError):
        check_against_the_worst_runtime(question, *computed)
