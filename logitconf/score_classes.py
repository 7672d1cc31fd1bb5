"""Every score class by name, and the score that a card describes."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import cast

from logitconf.card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf.logit_scores import LogitScore
from logitconf.scores.table import SCORES, check_parameters, class_of


def _class(score: str) -> type[LogitScore]:
    home, name = class_of(score)
    return cast("type[LogitScore]", getattr(import_module(f"logitconf.{home}"), name))


SCORE_CLASSES: Mapping[str, type[LogitScore]] = {score: _class(score) for score in SCORES}


def from_card(card: ScoreCard) -> LogitScore:
    """The score that a card describes; it has no calibration rows.

    Raises:
        LogitconfError: if the card names no score of this version.
    """
    if card.score not in SCORE_CLASSES:
        raise LogitconfError(f"score must be one of {sorted(SCORE_CLASSES)}, got {card.score!r}")
    check_parameters(card.score, card.parameters)
    score = SCORE_CLASSES[card.score](temperature=card.temperature, task=card.task)
    score.card = card
    return score


def load(path: str | Path) -> LogitScore:
    """The score in a card written by :meth:`LogitScore.save`, exact to the last bit.

    Raises:
        LogitconfError: if the file is not a score card.
    """
    return from_card(ScoreCard.load(path))
