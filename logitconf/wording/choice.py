"""How the score of a card was chosen, in one sentence."""

from __future__ import annotations

from logitconf.card.score_card import ScoreCard
from logitconf.wording.lists import first_few
from logitconf.wording.numbers import counted


def choice_of(card: ScoreCard) -> str | None:
    """How the score was chosen among others; None if it was named.

    >>> from logitconf.card.choice import ScoreChoice
    >>> from logitconf.card.parts import Split
    >>> choice = ScoreChoice(("gini", "softmax", "energy"), ("gini", "softmax"), 75, 75, 9,
    ...     Split(0.3, 0))
    >>> choice_of(ScoreCard("softmax", "multiclass", score_choice=choice))[:56]
    'chosen from 3 scores on 75 rows of their own (9 errors):'
    """
    choice = card.score_choice
    if choice is None:
        return None
    text = (
        f"chosen from {counted(len(choice.compared), 'score')} on {counted(choice.rows, 'row')} of "
        f"their own ({counted(choice.errors, 'error')}): "
    )
    if choice.tied == (card.score,):
        return f"{text}it ranks best"
    others = [card.score, *(name for name in choice.tied if name != card.score)]
    return (
        f"{text}the simplest of {len(others)} that cannot be told apart there, {first_few(others)}"
    )
