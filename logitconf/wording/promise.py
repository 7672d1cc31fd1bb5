"""What a card is certified to do, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from logitconf.card.parts import Certificate
from logitconf.card.score_card import ScoreCard
from logitconf.metrics.intervals import share_floor
from logitconf.policy_table import POLICY_PARTS
from logitconf.thresholds.certificate import broken_bindings, promises_risk, wrong_arithmetic
from logitconf.wording.numbers import counted, percent, percent_at_least, percent_at_most


def promise_of(card: ScoreCard) -> str | None:
    """The card's certificate in one sentence; None where nothing was promised.

    A certificate that is not this card's, or whose numbers cannot be right, is called void.
    """
    if card.certificate is None and not promises_risk(card):
        return None
    problems = (*broken_bindings(card), *wrong_arithmetic(card))
    if card.certificate is None:
        return f"not certified: {problems[0]}"
    if problems:
        return f"void: {problems[0]}"
    return certificate_words(card.certificate)


def coverage_floor_of(card: ScoreCard) -> str | None:
    """How many rows the certified threshold accepts at least; None where that is not known.

    Only of one threshold: what several accept is no share below one limit.
    """
    certificate = card.certificate
    if certificate is None or certificate.policy["name"] in POLICY_PARTS or not certificate.rows:
        return None
    sure = certificate.confidence
    if sure < 0.5 or broken_bindings(card) or wrong_arithmetic(card):
        return None
    floor = share_floor(certificate.accepted, certificate.rows, sure)
    both = "" if sure <= 0.5 else f"; together with the risk {percent(2.0 * sure - 1.0)}"
    return (
        f"at least {percent_at_least(floor)} of rows like these are accepted, {percent(sure)} "
        f"confidence{both}"
    )


def certificate_words(certificate: Certificate) -> str:
    """What a certificate says, without a look at whether it holds."""
    policy = certificate.policy
    key, word = POLICY_PARTS.get(policy["name"], ("", ""))
    plural = key or "rows"
    risk, sure = percent(certificate.risk), f"{percent(certificate.confidence)} confidence"
    if not word:
        return (
            f"certified: at most {risk} errors among the accepted, {sure}; "
            f"measured bound {percent_at_most(policy['bound'])} {_on_rows(certificate)}"
        )
    if policy.get("simultaneous"):
        head = f"certified for all {plural} at once: at most {risk} errors among the accepted"
        head += f" of each, and so of all, {sure}"
    else:
        head = f"certified for each {word} by itself: at most {risk} errors among its accepted"
        head += f", {sure} each"
    bounds = sorted(part["bound"] for part in policy[key] if part is not None)
    ends = list(dict.fromkeys(percent_at_most(bound) for bound in (bounds[0], bounds[-1])))
    measured = f"measured bound{'s' if ends[1:] else ''} {' to '.join(ends)}"
    return f"{head}; {measured} {_on_rows(certificate)}{_silent(policy, key, word)}"


def _silent(policy: Mapping[str, Any], key: str, word: str) -> str:
    """How many parts were not certified and so accept nothing."""
    parts = policy[key]
    silent = sum(part is None for part in parts)
    return f"; {silent:,} of {counted(len(parts), word, key)} accept nothing" if silent else ""


def _on_rows(certificate: Certificate) -> str:
    """The rows that certify, and whether the score was fitted on them too."""
    rows, fitted = certificate.rows, certificate.fitted_rows
    if fitted is None:
        return f"on {counted(rows, 'row')}, some of which the score may have been fitted on"
    if fitted:
        return f"on {counted(rows, 'row')}, {fitted:,} of which the score was fitted on too"
    return f"on {counted(rows, 'held-out row')}"
