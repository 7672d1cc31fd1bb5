"""One class a row of the table, and the class that a card describes."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf.fitting.logit_score import LogitScore
from logitconf.fitting.score_classes import SCORE_CLASSES, from_card, load, score_class
from logitconf.scores.table import SCORES, class_of


def test_every_row_of_the_table_has_its_class_and_no_class_is_without_a_row() -> None:
    assert set(SCORE_CLASSES) == set(SCORES)
    for name, made in SCORE_CLASSES.items():
        assert (made.name, made.__name__) == (name, class_of(name)[1])
        assert f"logitconf.{class_of(name)[0]}" == made.__module__
        assert issubclass(made, LogitScore)


@pytest.mark.parametrize("name", sorted(SCORES))
def test_a_class_says_in_its_docstring_what_it_computes_and_shows_it(name: str) -> None:
    text = SCORE_CLASSES[name].__doc__ or ""
    assert re.search(r">>> .*Score\(", text)


@pytest.mark.parametrize("name", sorted(SCORES))
def test_a_card_gives_its_class_back_with_every_number(name: str, tmp_path: Path) -> None:
    row = SCORES[name]
    task = "binary" if "categorical" not in row.families else "multiclass"
    card = ScoreCard(
        name,
        task,
        temperature=1.3,
        n_classes=1 if task == "binary" else 5,
        parameters={key: value.default for key, value in row.parameters.items()},
        members=3 if row.over_members else None,
    )
    again = from_card(card)
    assert type(again) is score_class(name)
    assert again.card == card
    card.save(tmp_path / "card.json")
    assert load(tmp_path / "card.json").card == card


def test_a_name_that_is_no_score_is_refused_with_those_that_are() -> None:
    with pytest.raises(LogitconfError, match=r"must be one of \[.*'softmax'.*\], got 'sofmax'"):
        score_class("sofmax")
    with pytest.raises(LogitconfError, match="got 'sofmax'"):
        from_card(replace(ScoreCard("softmax", "multiclass"), score="sofmax"))
