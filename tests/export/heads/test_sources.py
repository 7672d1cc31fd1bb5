"""A head is the same, given as a score, a card, its file, values or a torch module."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from logitconf.card.modes import LabelMap
from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.fitting.score_classes import from_card
from logitconf.head import ConfidenceHead
from logitconf.head_spec import Head
from logitconf_export.heads.sources import card_of, head_of, with_names

CARD = ScoreCard("softmax", "multiclass", 1.5, -0.5, n_classes=4)
FORM = HeadForm(4, mask_type="uint8")


def values(head: Head) -> tuple[Any, ...]:
    return head.card, head.form, float(head.temperature), head.threshold.tolist()


def test_a_score_a_card_its_file_and_heads_of_it_are_one_head(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    CARD.save(path)
    expected = (CARD, HeadForm(4), 1.5, -0.5)
    for source in (CARD, path, str(path), from_card(CARD), Head.of_card(CARD, HeadForm(4))):
        assert card_of(source) == CARD
        assert values(head_of(source)) == expected
    assert values(head_of(ConfidenceHead(CARD, HeadForm(4)))) == expected


def test_what_a_torch_module_holds_in_its_buffers_is_the_head() -> None:
    module = ConfidenceHead(CARD, FORM)
    with torch.no_grad():
        module.temperature.fill_(2.0)
        module.threshold.fill_(-0.75)
    assert values(head_of(module)) == (CARD, FORM, 2.0, -0.75)
    asked = head_of(module, precision="float64")
    assert (float(asked.temperature), asked.form.precision) == (2.0, "float64")


@pytest.mark.parametrize("source", [CARD, Head.of_card(CARD, FORM)], ids=["card", "head"])
@pytest.mark.parametrize(
    "asked",
    [
        {"n_classes": 4},
        {"rank": 3},
        {"rank": 3, "class_axis": 2},
        {"runtime": "onnxruntime"},
        {"precision": "float64"},
        {"mask_type": "float32"},
        {"outputs": ("score", "mask", "label")},
    ],
)
def test_only_what_is_asked_for_differs_from_the_form_so_far(
    source: ScoreCard | Head, asked: dict[str, Any]
) -> None:
    before, after = head_of(source).form, head_of(source, **asked).form
    differing = {n: getattr(after, n) for n in asked if getattr(after, n) != getattr(before, n)}
    for name in before.__slots__:
        assert getattr(after, name) == asked.get(name, getattr(before, name))
    assert differing or asked == {"n_classes": 4}


def test_members_are_the_cards_unless_it_leaves_them_open() -> None:
    three = ScoreCard("softmax", "multiclass", threshold=-0.5, n_classes=4, members=3)
    assert head_of(three).form.members == 3
    many = ScoreCard("softmax", "multiclass", threshold=-0.5, n_classes=4, members=0)
    assert head_of(many, members=5).form.members == 5
    logits = np.random.default_rng(0).normal(size=(6, 4, 5)).astype(np.float32)
    powers = np.exp(logits.astype(np.float64))
    # the score of members that are not compared is the mean of their own
    mean = (powers / powers.sum(axis=1, keepdims=True)).max(axis=1).mean(axis=1)
    np.testing.assert_allclose(head_of(many, members=5)(logits)[0], -mean, rtol=1e-5)


@pytest.mark.parametrize("source", [None, 3, {"score": "softmax"}, b"card.json"])
def test_anything_else_is_no_head(source: Any) -> None:
    with pytest.raises(LogitconfError, match=f"compiled head, got {type(source).__name__}"):
        head_of(source)


def test_a_card_without_a_threshold_makes_no_head() -> None:
    with pytest.raises(LogitconfError, match="threshold"):
        head_of(ScoreCard("softmax", "multiclass", n_classes=4))


def test_names_go_into_the_card_and_nothing_else_changes() -> None:
    head = head_of(CARD)
    made = with_names(head, ["a", "b", "c", "d"])
    assert made.card.class_names == ("a", "b", "c", "d")
    assert replace(made.card, class_names=None) == CARD
    assert made.form == head.form
    one = head_of(ScoreCard("softmax", "binary", 1.0, -0.9, n_classes=1))
    assert with_names(one, ("ham", "spam")).card.class_names == ("ham", "spam")


@pytest.mark.parametrize(
    ("card", "names", "n_classes", "message"),
    [
        (CARD, ("a", "b", "c"), None, "name each of 4 columns in their order, got 3: 'a', 'b'"),
        (replace(CARD, n_classes=None), ("a", "b"), 5, "name each of 5 columns in their order"),
        (CARD, ("a", "b", "c", "a"), None, "must be different texts"),
        (CARD, "abcd", None, "must be a sequence of names, got the text 'abcd'"),
        (ScoreCard("learned", "binary", 1.0, 0.0, 1), ("no", "yes"), 1, "got a learned confidence"),
    ],
    ids=["too few", "too few for the host", "twice", "text", "learned"],
)
def test_names_that_do_not_fit_are_refused(
    card: ScoreCard, names: Any, n_classes: int | None, message: str
) -> None:
    with pytest.raises(LogitconfError, match=message):
        with_names(head_of(card), names, n_classes)


def test_a_label_map_may_have_more_labels_than_there_are_classes() -> None:
    card = replace(CARD, n_classes=2, label_map=LabelMap((0, 1), (2, 2)))
    assert with_names(head_of(card), ("a", "b", "unsure")).card.class_names is not None
    with pytest.raises(LogitconfError, match="there must be 3 names, one for each class, got 2"):
        with_names(head_of(card), ("a", "b"))
