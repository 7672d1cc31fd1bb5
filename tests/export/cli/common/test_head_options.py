"""A card from options, and a head written as options say."""

from typing import Any

import numpy as np
import pytest

from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf_export.cli.common.head_options import CardOptions, HeadOptions, HeadShape


def test_the_card_says_what_the_options_say() -> None:
    card = CardOptions("margin", 2.0, -0.5, "binary").card("multilabel")
    assert (card.score, card.task, card.temperature, card.threshold) == (
        "margin",
        "binary",
        2.0,
        -0.5,
    )


def test_the_task_is_the_hosts_unless_it_is_given_and_multiclass_where_nothing_tells() -> None:
    options = CardOptions("margin", threshold=-0.1)
    assert options.card("multilabel").task == "multilabel"
    plain = options.card(None)
    assert (plain.task, plain.temperature) == ("multiclass", 1.0)
    assert plain.threshold == float(np.float32(-0.1))


@pytest.mark.parametrize("options", [CardOptions("margin"), CardOptions(threshold=-0.5)])
def test_half_a_card_is_none(options: CardOptions) -> None:
    with pytest.raises(LogitconfError, match="attach needs a card, or --score and --threshold"):
        options.card(None)


def test_options_that_were_given_are_named_even_where_they_are_zero() -> None:
    assert CardOptions().given() == []
    assert CardOptions(threshold=0.0, task="binary").given() == ["--threshold", "--task"]


CARD = ScoreCard("softmax", "multiclass", threshold=-0.5)


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        ({"runtime": "onnxruntime"}, "runtime", "onnxruntime"),
        ({"precision": "float64"}, "precision", "float64"),
        ({"mask_type": "uint8"}, "mask_type", "uint8"),
        ({"probabilities": True}, "outputs", ("score", "mask", "probabilities")),
        ({"tunable": True}, "tunable", True),
        ({"outputs": "mask, label"}, "outputs", ("score", "mask", "label")),
    ],
)
def test_an_option_changes_its_own_part_of_the_form_alone(
    options: dict[str, Any], field: str, value: object
) -> None:
    plain = HeadOptions().head(CARD, HeadShape(4)).form
    form = HeadOptions(**options).head(CARD, HeadShape(4)).form
    differing = {name for name in form.__slots__ if getattr(form, name) != getattr(plain, name)}
    assert differing == {field}
    assert getattr(form, field) == value


def test_the_shape_of_the_logits_is_the_heads() -> None:
    form = HeadOptions().head(CARD, HeadShape(6, rank=4, class_axis=1)).form
    assert (form.n_classes, form.rank, form.class_axis) == (6, 4, 1)
    with pytest.raises(LogitconfError, match="mask_type"):
        HeadOptions(mask_type="int8").head(CARD, HeadShape(6))
