"""GEN of classes is proved, with bounds that hold, and graphs that were changed are not."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from support.changed_graphs import (
    changed,
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
from logitconf_export.proof.composing import comparisons, composition, places
from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.proof.composing.head_part import HeadPart
from logitconf_export.proof.exact.abstract_rows import AbstractRows
from logitconf_export.proof.exact.intervals import Floats
from logitconf_export.proof.prover import Question, computed_scores, prove

ALL: Mapping[str, float] = {"gamma": 0.1, "top": 0}


def question_of(
    n: int = 10, form: str = "any", parameters: Mapping[str, float] = ALL, t: float = 1.5
) -> Question:
    card = ScoreCard(
        "gen",
        "multiclass",
        temperature=t,
        threshold=0.3,
        n_classes=n,
        parameters=dict(parameters),
    )
    model = to_onnx(card, n_classes=n, runtime=form)
    return Question(model, read_metadata(model))


def rows_of(n: int, count: int = 4000, seed: int = 0) -> npt.NDArray[np.float32]:
    """Rows of all sizes, with ties, and with one class far above the others."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, n)) * 10.0 ** random.uniform(-2, 1.6, size=(count, 1))
    rows[: count // 8, 1] = rows[: count // 8].max(axis=1)
    rows[count // 8 : count // 4, 0] += random.uniform(0, 90, size=count // 4 - count // 8)
    return np.clip(rows, -100, 100).astype(np.float32)


@pytest.mark.parametrize("form", ["any", "onnxruntime", "cuda"])
@pytest.mark.parametrize(("n", "gamma", "t"), [(10, 0.1, 1.5), (2, 0.1, 1.5), (10, 1.0, 0.05)])
def test_a_head_is_proved(n: int, gamma: float, t: float, form: str) -> None:
    question = question_of(n, form, {"gamma": gamma, "top": 0}, t)
    proof = prove(question, measured())
    assert proof.verdict == "PROVED", proof.reason


def test_of_the_largest_classes_alone_nothing_is_proved() -> None:
    proof = prove(question_of(parameters={"gamma": 0.1, "top": 3}), measured())
    assert proof.verdict == "CANNOT PROVE"
    assert "the largest classes alone (top)" in proof.reason
    assert prove(question_of(parameters={"gamma": 0.1, "top": 10}), measured()).verdict == "PROVED"


@pytest.mark.parametrize("n", [2, 5, 100])
def test_no_score_is_off_by_more_than_is_proved(n: int) -> None:
    off, allowed = off_and_allowed(question_of(n), rows_of(n), measured())
    assert (off <= allowed).all()
    assert (off > 0.02 * allowed).any()


CHANGES: Mapping[str, Callable[[onnx.GraphProto], None]] = {
    "another gamma": with_number(0.1, 0.11),
    "one S in p (1 - p)": with_number(2.0, 1.0),
    "two are taken from the sum beside the second": with_number(1.0, 2.0),
    "ties of three": with_number(1.5, 2.5),
    "the second is near": with_number(1e30, 10.0),
    "what is above the second counts": with_node("clip", "Identity", [0]),
    "nothing is below the second": with_node("clip", "Neg", [0]),
    "the largest are not told apart": with_node("if3", "Identity", [2]),
    "the largest of all count everywhere": with_node("if3", "Where", [0, 1, 1]),
    "the others are the largest": with_node("if3", "Where", [0, 2, 1]),
    "ties are not seen": with_node("if2", "Identity", [2]),
    "the largest for the second": with_node("if2", "Identity", [1]),
    "1 - p of the largest is another's": with_input("log2", 0, "sum3"),
    "relative to the largest": with_input("sub2", 1, "max"),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_a_changed_graph_is_not_proved(change: str) -> None:
    question = question_of(5, t=1.25)
    other = changed(question.model, CHANGES[change])
    proof = prove(Question(other, question.metadata), measured())
    assert proof.verdict != "PROVED"
    rows = rows_of(5)
    before, after = scores_of(question.model, rows), scores_of(other, rows)
    # it is another head: a runtime sees it
    assert not (np.abs(after - before) <= 1e-5).all()


@pytest.mark.parametrize("number", [0.1, 2.0])
def test_a_number_that_is_one_float_away_is_not_proved(number: float) -> None:
    question = question_of(5)
    edit = with_number(number, float(np.nextafter(np.float32(number), np.float32(9.0))))
    assert prove(
        Question(changed(question.model, edit), question.metadata), measured()
    ).verdict != ("PROVED")


def off_by(n: int = 4) -> tuple[Floats, Floats]:
    """What the worst runtime makes scores off by, and what is allowed."""
    question = question_of(n)
    computed, exact = computed_scores(question, ROUNDED)
    part = HeadPart.of(question.model, question.metadata)
    rows = rows_of(n, 120, 3).astype(np.float64)
    worst = largest_errors(part, rows)
    return worst, allowed_by_size(computed, exact, truth_of(question, rows.astype(np.float32)))


def test_the_worst_runtime_stays_within_what_is_proved() -> None:
    worst, allowed = off_by()
    assert (worst <= allowed).all()
    assert (worst > 0.1 * allowed).any()


OTHERS = AbstractRows.others_above
Plant = tuple[object, str, object]
BUGS: Mapping[str, Plant] = {
    "the final sum is exact": (composition, "sum_factor", lambda *_: 0.0),
    "numbers of the largest are exact": (
        comparisons,
        "beside_top",
        lambda rows, values, _top: places.beside_top(rows, values, 0.0),
    ),
    "exponentials carry nothing": (composition, "expm1_above", lambda error: 0.0 * error),
    "others count half": (AbstractRows, "others_above", lambda *given: 0.5 * OTHERS(*given)),
    "an Exp that is exact": (Rounded, "units", lambda *_a, **_k: np.zeros((1, 1))),
}


@pytest.mark.parametrize("bug", sorted(BUGS))
def test_planted_bugs_are_caught(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*BUGS[bug])
    question = question_of(4)
    computed, exact = computed_scores(question, ROUNDED)
    monkeypatch.undo()
    rows = rows_of(4, 120, 3).astype(np.float64)
    worst = largest_errors(HeadPart.of(question.model, question.metadata), rows)
    truth = truth_of(question, rows.astype(np.float32))
    with pytest.raises(AssertionError):
        assert (worst <= allowed_by_size(computed, exact, truth)).all()
