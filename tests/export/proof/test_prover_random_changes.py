"""Heads changed at random: what is proved decides in onnxruntime as its card says."""

import numpy as np
import pytest
from support.changed_heads import heads, judged_heads, wide_boxes, wrong
from support.head_edits import Editor

from logitconf_export.heads.conversion import to_onnx
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
