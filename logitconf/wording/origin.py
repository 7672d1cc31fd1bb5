"""How a card's temperature and threshold came about, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from logitconf.card.score_card import ScoreCard
from logitconf.policy_table import POLICY_PARTS
from logitconf.wording.numbers import counted, percent, short

Numbers = Mapping[str, Any]


def temperature_origin(card: ScoreCard) -> str:
    """The temperature with its standard error, and on how many rows it was fitted.

    >>> temperature_origin(ScoreCard("softmax", "multiclass", temperature=1.5))
    '1.50, given and not fitted'
    >>> temperature_origin(ScoreCard("softmax", "multiclass"))
    '1, not fitted'
    """
    value, fit = short(card.temperature), card.temperature_fit
    if fit is None:
        return (
            f"{value}, not fitted" if card.temperature == 1.0 else f"{value}, given and not fitted"
        )
    if not fit.identified:
        return f"{value}, not fitted: {fit.reason}"
    error = "" if fit.standard_error is None else f" ± {short(fit.standard_error, 2)}"
    left_out = f" ({fit.rows_left_out:,} left out)" if fit.rows_left_out else ""
    return f"{value}{error}, fitted on {counted(fit.rows, 'row')}{left_out}"


def threshold_origin(card: ScoreCard) -> str | None:
    """How the threshold was chosen, and on which rows; None where there is none.

    >>> threshold_origin(ScoreCard("softmax", "multiclass", threshold=-0.7))
    'a number that was given'
    """
    if card.threshold is None:
        return None
    policy = card.policy or {}
    key, word = POLICY_PARTS.get(str(policy.get("name")), ("", ""))
    parts = [part for part in policy.get(key) or () if part is not None] if word else []
    own: Numbers = parts[0] if parts else policy
    words = _POLICIES.get(str(own.get("name")), _given)(own)
    if words is None:
        return "a number that was given"
    by = f", for each {word} by itself" if word else ""
    return f"{words}{by}, {measured_on(card)}"


def measured_on(card: ScoreCard) -> str:
    """The rows that the threshold was chosen on, and whether the score was fitted on them too."""
    rows, fit = card.rows, card.temperature_fit
    if rows is None:
        return "on rows that the card does not count"
    if rows.split is not None:
        return f"on {counted(rows.rows, 'held-out row')}"
    words = f"on {counted(rows.rows, 'row')}"
    fitted_too = fit is not None and fit.sha256 is not None and fit.sha256 == rows.sha256
    return f"{words} that it was fitted on too" if fitted_too else words


def _given(_: Numbers) -> None:
    return None


_POLICIES: Mapping[str, Callable[[Numbers], str | None]] = MappingProxyType(
    {
        "quantile": lambda own: f"quantile {short(own['q'])} of the scores",
        "coverage": lambda own: f"to accept at least {percent(own['coverage'])}",
        "risk": lambda own: (
            f"for at most {percent(own['risk'])} errors among the accepted, "
            f"{percent(own['confidence'])} confidence"
        ),
        "cost": lambda own: (
            f"for the least cost, {short(own['error_cost'])} an error and "
            f"{short(own['rejection_cost'])} a rejection"
        ),
        "fpr": lambda own: (
            f"to accept at most {percent(own['fpr'])} of "
            f"{counted(own['ood_rows'], 'out-of-distribution row')}"
        ),
        "tpr": lambda own: (
            f"to accept at least {percent(own['tpr'])}, beside "
            f"{counted(own['ood_rows'], 'out-of-distribution row')}"
        ),
        "confidence": lambda own: (
            f"to accept what is right with probability {percent(own['min_confidence'])} at least"
        ),
        "value": _given,
    }
)
