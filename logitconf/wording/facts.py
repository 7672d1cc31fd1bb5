"""A card in words, fact by fact: what it accepts and promises, and how it came about."""

from __future__ import annotations

from logitconf.card.modes import Modes
from logitconf.card.score_card import ScoreCard
from logitconf.wording.calibration import calibration_of
from logitconf.wording.choice import choice_of
from logitconf.wording.numbers import counted, percent, short
from logitconf.wording.origin import temperature_origin, threshold_origin
from logitconf.wording.promise import promise_of
from logitconf.wording.rule import rule_of


def card_facts(
    card: ScoreCard, *, rule: bool = False, counts: bool = True
) -> list[tuple[str, str]]:
    """What a card decides, one fact a line: short, the numbers rounded.

    Args:
        card: of the score.
        rule: whether what it accepts is among them, where no verdict has said it.
        counts: whether the rows that its threshold was chosen on are counted.
    """
    facts = [("score", f"{card.score} of {_subject(card)}")]
    choice = choice_of(card)
    if choice is not None:
        facts.append(("why it", choice))
    if rule:
        facts.append(("rule", rule_of(card)))
    if card.threshold is not None:
        facts.append(("chosen", threshold_origin(card) or ""))
    if card.modes is not None:
        facts.append(("modes", _modes(card.modes)))
    facts.append(("certificate", promise_of(card) or "none"))
    calibration = calibration_of(card)
    if calibration is not None:
        facts.append(("calibration", calibration))
    facts.append(("temperature", temperature_origin(card)))
    if card.parameters:
        numbers = ", ".join(f"{name} {short(value)}" for name, value in card.parameters.items())
        fitted = "" if card.parameter_fit is None else f", of least {card.parameter_fit.measure}"
        facts.append(("parameters", numbers + fitted))
    if counts and card.rows is not None and card.rows.errors is not None and card.rows.rows:
        facts.append(("rows", _counts(card)))
    return facts


def _subject(card: ScoreCard) -> str:
    """What the logits are of: classes, labels or one logit."""
    if card.task == "multilabel":
        many = "labels" if card.n_classes is None else counted(card.n_classes, "label")
        words = f"{many}, each by itself" if card.per_label else many
    elif card.task == "binary" and card.n_classes in (None, 1):
        words = "one logit"
    elif card.n_classes is None:
        words = "classes"
    else:
        words = counted(card.n_classes, "class", "classes")
    if card.members is None:
        return words
    return f"{words}, over {counted(card.members, 'member') if card.members else 'members'}"


def _modes(modes: Modes) -> str:
    """Each mode with its threshold, or the ends of several."""
    limits = []
    for name, threshold in zip(modes.names, modes.thresholds, strict=True):
        every = threshold if isinstance(threshold, tuple) else (threshold,)
        ends = dict.fromkeys(short(end) for end in (min(every), max(every)))
        limits.append(f"{name} {' to '.join(ends)}")
    return "; ".join(limits)


def _counts(card: ScoreCard) -> str:
    rows = card.rows
    if rows is None or rows.errors is None:
        return ""
    policy = card.policy or {}
    accepted, errors = policy.get("accepted"), policy.get("errors")
    words = f"{counted(rows.errors, 'error')} in {counted(rows.rows, 'row')}"
    if isinstance(accepted, int) and isinstance(errors, int) and accepted:
        words += f"; {errors:,} among the {accepted:,} accepted ({percent(errors / accepted)})"
    return words
