"""What a card accepts, in words."""

from __future__ import annotations

from logitconf.card.score_card import ScoreCard
from logitconf.scores.table import SCORES
from logitconf.thresholds.per_class import NEVER
from logitconf.thresholds.reach import range_of
from logitconf.wording.numbers import counted, short


def rule_of(card: ScoreCard) -> str:
    """What the card accepts: the rule on the score, and what that means.

    >>> rule_of(ScoreCard("softmax", "multiclass", threshold=-0.7, n_classes=10))
    'accepts score < −0.70: probability above 0.70'
    >>> rule_of(ScoreCard("entropy", "multiclass", threshold=0.35, n_classes=10))
    'accepts score < 0.35: entropy below 0.35 nats, of at most 2.303'
    """
    if card.threshold is None:
        return "accepts nothing yet: no threshold is set"
    low, high = range_of(card)
    every = card.threshold if isinstance(card.threshold, tuple) else (card.threshold,)
    # nothing lies below the lowest score, and what stands for a part that accepts nothing is lower
    open_ = [value for value in every if value > low and value != NEVER]
    if not open_:
        return "accepts nothing: no score lies below the threshold"
    if isinstance(card.threshold, tuple):
        part, parts = ("label", "labels") if card.per_label else ("class", "classes")
        of_whom = "" if card.per_label else ", by the class that is predicted"
        text = f"accepts score < the threshold of its {part}, {_ends(open_)}"
        closed = len(every) - len(open_)
        rest = f"; {closed:,} of {counted(len(every), part, parts)} accept nothing"
        rest = of_whom + (rest if closed else "")
    else:
        part, rest = "label" if card.per_label else "row", ""
        text = f"accepts {'each label by itself, ' if card.per_label else ''}score < {_ends(open_)}"
    if min(open_) > high:
        return f"{text}: every {part} that has a score{rest}"
    return f"{text}: {_meaning(card, open_, high)}{rest}"


def _meaning(card: ScoreCard, thresholds: list[float], high: float) -> str:
    """What a score below the thresholds means."""
    row = SCORES[card.score]
    # its fallback is maximum softmax
    fallback = card.score == "max_logit_norm" and card.parameters.get("p") == 0
    meaning = (SCORES["softmax"] if fallback else row).meaning
    values = [-value for value in thresholds] if meaning.above else thresholds
    if card.task == "multilabel" and not card.per_label:
        words = meaning.of_labels
    elif card.task == "multilabel" or card.n_classes == 1:
        words = meaning.of_one
    else:
        words = meaning.of_classes
    text = words.replace("{x}", _ends(values))
    if not meaning.above and high < float("inf"):
        text += f", of at most {short(high)}"
    averaged = card.members is not None and not row.over_members
    return f"on average over the members {text}" if averaged else text


def _ends(values: list[float]) -> str:
    """The value, or the lowest and the highest of several."""
    low, high = short(min(values)), short(max(values))
    return low if low == high else f"{low} to {high}"
