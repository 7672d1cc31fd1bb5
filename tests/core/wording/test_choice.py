"""How a score was chosen, in words."""

from dataclasses import replace

from logitconf.card.choice import ScoreChoice
from logitconf.card.parts import Split
from logitconf.card.score_card import ScoreCard
from logitconf.wording.choice import choice_of

CHOICE = ScoreChoice(("gini", "softmax", "energy"), ("gini",), 75, 74, 9, Split(0.3, 5))


def test_a_score_that_was_named_was_not_chosen() -> None:
    assert choice_of(ScoreCard("gini", "multiclass")) is None


def test_the_best_is_said_to_be_it_and_the_simplest_of_several_too() -> None:
    card = ScoreCard("gini", "multiclass", score_choice=CHOICE)
    start = "chosen from 3 scores on 74 rows of their own (9 errors): "
    assert choice_of(card) == start + "it ranks best"
    tied = replace(CHOICE, tied=("gini", "softmax"))
    assert choice_of(replace(card, score="softmax", score_choice=tied)) == (
        start + "the simplest of 2 that cannot be told apart there, softmax, gini"
    )
