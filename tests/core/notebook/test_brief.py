"""Reprs of values that may hold much: short, and whole where they can be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.notebook.brief import MOST_CHARACTERS, brief, brief_of, brief_table


@dataclass(frozen=True, slots=True)
class Held:
    values: Any = None
    named: Mapping[str, Any] = field(default_factory=dict)
    hidden: str = field(default="", repr=False)

    __repr__ = brief


def test_short_values_are_told_whole_and_defaults_left_out() -> None:
    card = ScoreCard("softmax", "multiclass", threshold=-0.75, n_classes=10)
    assert repr(card) == (
        "ScoreCard(score='softmax', task='multiclass', threshold=-0.75, n_classes=10)"
    )
    assert eval(repr(card), {"ScoreCard": ScoreCard}) == card
    assert brief(HeadForm()) == "HeadForm()"
    # a default of another type, though equal, is no default
    assert repr(Held(named={}, values=0)) == "Held(values=0)"


def test_arrays_are_told_by_type_and_shape() -> None:
    held = Held(np.zeros((1000, 7), np.float32), {"one": np.float64(0.5)}, "secret")
    assert repr(held) == "Held(values=<float32 (1000, 7)>, named={'one': 0.5})"


@pytest.mark.parametrize(
    "values",
    [
        tuple(range(100_000)),
        [["x" * 1000] * 1000] * 1000,
        {f"key {i}": {"inner": list(range(99))} for i in range(1000)},
        Held(tuple(Held("y" * 500) for _ in range(50))),
        "z" * 10_000,
        {"a": {"b": {"c": {"d": {"e": 1}}}}},
    ],
    ids=["tuple", "lists", "mapping", "values", "text", "deep"],
)
def test_whatever_a_value_holds_its_repr_is_short(values: Any) -> None:
    assert len(repr(Held(values))) <= MOST_CHARACTERS
    assert len(brief_of(values)) <= MOST_CHARACTERS
    assert len(brief_table(Held(values))) <= 3 * MOST_CHARACTERS


def test_what_is_left_out_is_counted() -> None:
    assert brief_of((1, 2, 3, 4, 5)) == "(1, 2, 3, 4, and 1 more)"
    assert brief_of((1,)) == "(1,)"
    assert brief_of([]) == "[]"
    assert "and 2 more" in brief_of({str(i): i for i in range(10)})


def test_a_table_of_fields_is_escaped() -> None:
    text = brief_table(Held("<script>"))
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
