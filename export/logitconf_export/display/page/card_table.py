"""A card for people: what it holds, name by name, and as JSON that is not too long to read."""

from __future__ import annotations

import json
from typing import Any

from logitconf.card.score_card import ScoreCard
from logitconf.wording.numbers import counted, percent, short

_MOST_THRESHOLDS = 400


def card_facts(card: ScoreCard) -> list[tuple[str, str]]:
    """What the card holds, name by name."""
    fit, rows = card.temperature_fit, card.rows
    facts = [("score", card.score), ("task", card.task)]
    if card.n_classes is not None:
        facts.append(("labels" if card.task == "multilabel" else "classes", f"{card.n_classes:,}"))
    if card.members is not None:
        facts.append(("members", f"{card.members}"))
    spread = ""
    if fit is not None and fit.standard_error is not None:
        spread = f" ± {short(fit.standard_error, 2)}"
    if fit is not None and not fit.identified:
        spread = f" (not identified: {fit.reason})"
    facts.append(("temperature", f"{short(card.temperature)}{spread}"))
    facts += [(name, short(value)) for name, value in card.parameters.items()]
    if card.calibration_map is not None:
        facts.append(("calibration map", f"{card.calibration_map.kind}, before the temperature"))
    facts.append(("threshold", _threshold(card)))
    if card.modes is not None:
        limits = (
            f"{name} {_range_of(limit)}"
            for name, limit in zip(card.modes.names, card.modes.thresholds, strict=True)
        )
        facts.append(("modes", "; ".join(limits)))
    if card.policy is not None:
        facts.append(("chosen by", _policy(card.policy)))
    if rows is not None:
        errors = "" if rows.errors is None else f", {counted(rows.errors, 'error')}"
        held = "" if rows.split is None else f", held out ({percent(rows.split.holdout)})"
        facts.append(("on", f"{counted(rows.rows, 'row')}{errors}{held}"))
    return facts


def _threshold(card: ScoreCard) -> str:
    value = card.threshold
    if isinstance(value, tuple):
        return f"{len(value):,} thresholds, {_range_of(value)}"
    return "none" if value is None else f"{value:.9g}"


def _range_of(threshold: float | tuple[float, ...]) -> str:
    if isinstance(threshold, tuple):
        return f"{short(min(threshold))} to {short(max(threshold))}"
    return short(threshold)


def _policy(policy: Any) -> str:
    numbers = [
        f"{name} {short(value)}"
        for name, value in policy.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    ]
    return f"{policy['name']}" + (f" ({', '.join(numbers)})" if numbers else "")


def shortened_json(card: ScoreCard) -> str:
    """The card as JSON; vectors longer than a page are cut, and say so."""
    values = card.to_dict()
    return json.dumps(_cut(values), indent=1, allow_nan=False)


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _cut(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        kept = [_cut(item) for item in value[:_MOST_THRESHOLDS]]
        rest = len(value) - _MOST_THRESHOLDS
        return [*kept, f"and {rest} more"] if rest > 0 else kept
    return value
