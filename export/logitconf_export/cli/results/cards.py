"""What commands show of a card besides its facts in words: its threshold, every value exactly."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from logitconf.card.score_card import ScoreCard
from logitconf.wording.lists import first_few
from logitconf.wording.numbers import short
from logitconf.wording.promise import coverage_floor_of
from logitconf_export.cli.results.blocks import Facts

Pairs = list[tuple[str, str]]


def threshold_words(card: ScoreCard) -> str:
    """The threshold, or the first of several."""
    if card.threshold is None:
        return "none"
    every = card.threshold if isinstance(card.threshold, tuple) else (card.threshold,)
    return first_few([short(value) for value in every])


def card_details(card: ScoreCard) -> Pairs:
    """Everything in a card that is set, exact to the last bit."""
    values = card.to_dict()
    return [
        (name.replace("_", " "), value if isinstance(value, str) else json.dumps(value))
        for name, value in _flat(values)
        if value is not None
    ]


def card_blocks(card: ScoreCard, title: str) -> Iterator[Facts]:
    """The details of a card, and what is certain beside its promise."""
    yield Facts(card_details(card), title)
    floor = coverage_floor_of(card)
    if floor is not None:
        yield Facts([("coverage", floor)], "Beside the promise")


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        elif not isinstance(value, Mapping):
            yield f"{prefix}{name}", value
