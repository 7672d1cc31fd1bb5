"""Heads changed at random: what is proved decides in onnxruntime as its card says."""

from collections.abc import Callable

import numpy as np
import pytest
from onnx import TensorProto
from support.changed_heads import heads, judged_heads, wide_boxes, wrong
from support.head_edits import Editor
from support.proved_forms import measured

from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.proof.prover import Question, prove
from logitconf_export.proof.verdicts import Bound, RuntimeProof


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_head_changed_at_random_is_judged_wrongly() -> None:
    with wide_boxes():
        judged = list(judged_heads(seed=11, most=100))
    faults = [(j.head.name, j.changes, j.fault) for j in judged if j.fault]
    assert faults == []
    verdicts = {j.proof.verdict for j in judged if j.proof}
    assert {"PROVED", "CANNOT PROVE"} <= verdicts


@pytest.mark.parametrize(("near", "words"), [(1e-6, "flipped"), (10.0, "off")])
def test_a_head_that_is_wrongly_called_proved_is_seen(near: float, words: str) -> None:
    (head,) = [h for h in heads() if h.name == "softmax any 3 classes"]
    editor = Editor(to_onnx(head.card, n_classes=3))
    total = editor.made_by("ReduceSum").output[0]
    editor.instead(total, editor.node("Mul", total, editor.number(1.01)))
    proof = RuntimeProof("none", "PROVED", "", Bound(1e-6, near, 1e-6))
    assert wrong(head, editor.ready(), proof).startswith(words)


def test_a_row_that_is_accepted_without_a_score_is_seen() -> None:
    (head,) = [h for h in heads() if h.name == "softmax any 3 classes"]
    editor = Editor(to_onnx(head.card, n_classes=3))
    bad = editor.node("IsNaN", "logits")
    editor.instead("logits", editor.node("Where", bad, editor.number(-np.inf), "logits"))
    proof = RuntimeProof("none", "PROVED", "", Bound(1e-6, 1e-6, 1e-6))
    assert wrong(head, editor.ready(), proof).startswith("accepted")


def clipped_from_above(e: Editor) -> None:
    best = e.made_by("Min").output[0]
    e.instead(best, e.node("Clip", best, "", e.number(100.0)))


def cast_to_whole_numbers(e: Editor) -> None:
    inverse = e.made_by("Reciprocal").output[0]
    e.instead(inverse, e.node("Cast", e.node("Cast", inverse, to=TensorProto.INT32), to=1))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("margin cuda 2 classes", clipped_from_above),
        ("max_logit any one logit", cast_to_whole_numbers),
    ],
)
def test_what_makes_numbers_of_infinities_is_not_proved(
    name: str, change: Callable[[Editor], None]
) -> None:
    (head,) = [h for h in heads() if h.name == name]
    editor = Editor(to_onnx(head.card, n_classes=head.n, runtime=head.form))
    change(editor)
    model = editor.ready()
    proof = RuntimeProof("none", "PROVED", "", Bound(1.0, 1.0, 1.0))
    assert wrong(head, model, proof).startswith("accepted")
    with np.errstate(all="ignore"):
        proof = prove(Question(model, read_metadata(model)), measured())
    assert proof.verdict == "CANNOT PROVE"
