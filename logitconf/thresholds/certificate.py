"""The certificate in a score card: what it says, and whether it can be true.

A certificate is checked from the card alone: its digests bind it to the head and to its own words,
and its bound is computed again from its counts. A digest is no signature: who rewrites everything
alike is not found out by it, but by measuring on labelled rows.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from logitconf.card.parts import Certificate
from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf.metrics.intervals import clopper_pearson_lower, clopper_pearson_upper
from logitconf.policy_table import POLICIES, POLICY_PARTS
from logitconf.thresholds.lookup import policy_of_card
from logitconf.thresholds.per_class import NEVER, PerClass, PerLabel
from logitconf.thresholds.policies import Risk
from logitconf.thresholds.policy import Policy, policy_class
from logitconf.typed_json import json_values

PROMISE = "at most this share of accepted rows is wrong"
PROMISE_PER_CLASS = (
    "at most this share of the accepted rows that are predicted as a class is wrong, for each "
    "class by itself"
)
PROMISE_OF_CLASSES = (
    "at most this share of the accepted rows that are predicted as a class is wrong, for all "
    "classes at once, and so of all accepted rows"
)
PROMISE_PER_LABEL = (
    "at most this share of the accepted decisions on each label is wrong, for each label by itself"
)
PROMISE_OF_LABELS = (
    "at most this share of the accepted decisions on each label is wrong, for all labels at once, "
    "and so of all accepted decisions"
)
"""What each certificate says: of new rows, drawn as those that certify were."""
# Versions of scipy differ in the last places of the quantile.
_BOUND_TOLERANCE = 1e-9
# So unlikely must the errors on new rows be under the promise before they count as a breach.
BREACH = 1e-3


def head_digest(card: ScoreCard) -> str:
    """SHA-256 over all that decides: score, task, columns, temperature, threshold, parameters."""
    names = ("score", "task", "n_classes", "temperature", "threshold", "parameters", "per_label")
    decisive = {name: getattr(card, name) for name in names}
    if card.calibration_map is not None:
        # how it was fitted decides nothing
        decisive["calibration_map"] = json_values(replace(card.calibration_map, fit=None))
    return _digest(decisive)


def certificate_of(card: ScoreCard, *, fitted_rows: int | None) -> Certificate:
    """The promise of a risk policy and the counts that prove it.

    Args:
        card: with threshold, policy and the counts of the calibration rows.
        fitted_rows: how many of the certifying rows the temperature was fitted on too; None if
            that is not known.

    Raises:
        LogitconfError: without counts, or if the policy promises nothing.
    """
    asked = policy_of_card(card.policy)
    if card.rows is None or card.policy is None or asked is None or asked.promise is None:
        raise LogitconfError(
            "a certificate needs a card with counts and a policy that promises, got policy "
            f"{card.policy}"
        )
    risk, confidence = asked.promise
    policy = dict(card.policy)
    certificate = Certificate(
        promise=promised_by(asked),
        risk=risk,
        confidence=confidence,
        bound=policy.get("bound"),
        rows=card.rows.rows,
        accepted=policy.pop("accepted"),
        errors=policy.pop("errors"),
        score=card.score,
        temperature=card.temperature,
        policy=policy,
        data=card.rows,
        fitted_rows=fitted_rows,
        head=head_digest(card),
    )
    return replace(certificate, sha256=_seal(certificate))


def promised_by(policy: Policy) -> str:
    """What is promised of new rows, in words."""
    if isinstance(policy, PerClass):
        return PROMISE_OF_CLASSES if policy.simultaneous else PROMISE_PER_CLASS
    if isinstance(policy, PerLabel):
        return PROMISE_OF_LABELS if policy.simultaneous else PROMISE_PER_LABEL
    return PROMISE


def promises_risk(card: ScoreCard) -> bool:
    """Whether the card's policy promises a risk, for all rows or for each class or label."""
    policy = card.policy or {}
    parts = [policy, *(part for key, _ in POLICY_PARTS.values() for part in policy.get(key) or ())]
    names = [part.get("name") for part in parts if isinstance(part, Mapping)]
    return any(name in POLICIES and policy_class(str(name)).certifies for name in names)


def broken_bindings(card: ScoreCard) -> tuple[str, ...]:
    """In words, where the certificate is not that of this card; empty if it is."""
    certificate = card.certificate
    if certificate is None:
        return ("the policy promises a risk, but there is no certificate",)
    differences = []
    if certificate.head != head_digest(card):
        differences.append(
            "score, task, temperature, threshold or parameters are not those certified"
        )
    for name in ("score", "temperature"):
        own, certified = getattr(card, name), getattr(certificate, name)
        if own != certified:
            differences.append(f"{name} is {own!r}, certified was {certified!r}")
    if certificate.sha256 != _seal(certificate):
        differences.append("the certificate was changed after it was made")
    counts = {"accepted": certificate.accepted, "errors": certificate.errors}
    if not _alike({**certificate.policy, **counts}, card.policy):
        differences.append("the card's policy is not the certificate's")
    if certificate.data != card.rows:
        differences.append("the card's calibration rows are not the certificate's")
    return tuple(differences)


def wrong_arithmetic(card: ScoreCard) -> tuple[str, ...]:
    """In words, where the certificate's numbers cannot be right; empty if they can."""
    if card.certificate is None:
        return ()
    try:
        return tuple(_arithmetic(card.certificate, card.threshold))
    except LogitconfError as error:
        return (str(error),)


def breach(errors: int, accepted: int, risk: float, *, tests: int = 1) -> str | None:
    """In words, that errors among accepted new rows contradict a promise; None if they do not.

    They do where a risk as low as promised would show as many errors with probability below
    one in a thousand, in all tests together.

    Args:
        errors: wrong rows among the accepted.
        accepted: new rows that were accepted.
        risk: promised, in (0, 1).
        tests: how many such tests are made (Bonferroni).
    """
    sure = 1.0 - BREACH / tests
    lowest = clopper_pearson_lower(errors, accepted, sure)
    if lowest <= risk:
        return None
    return (
        f"{errors} of {accepted} accepted rows are wrong, so the risk is at least {lowest:.4g} "
        f"(confidence {sure:g}), promised was {risk:g}"
    )


def _arithmetic(certificate: Certificate, threshold: object) -> Iterator[str]:
    rows, accepted, errors = certificate.rows, certificate.accepted, certificate.errors
    data, policy = certificate.data, certificate.policy
    decisions = rows
    if policy["name"] == "per label" and isinstance(threshold, tuple):
        decisions = rows * len(threshold)
    if not errors <= accepted <= decisions:
        yield f"{errors} errors of {accepted} accepted of {decisions} rows cannot be"
    if data.rows != rows:
        yield f"the data has {data.rows} rows, the certificate {rows}"
    if accepted > decisions - data.not_finite or errors > (data.errors or 0):
        yield "the data has fewer rows with a score, or fewer errors, than the certificate"
    if policy["name"] in POLICY_PARTS:
        yield from _parts_arithmetic(certificate, threshold)
    else:
        promise = certificate.risk, certificate.confidence
        yield from _bound_arithmetic(policy, (accepted, errors), promise)
        if policy.get("bound") != certificate.bound:
            yield "the bound is not that of its policy"


def _parts_arithmetic(certificate: Certificate, thresholds: object) -> Iterator[str]:
    """What is wrong with the bounds of each class or label, and with their sums."""
    key, word = POLICY_PARTS[certificate.policy["name"]]
    parts = certificate.policy[key]
    if not isinstance(thresholds, tuple):
        yield f"a certificate per {word} is for as many thresholds, the head has one"
        return
    if len(parts) != len(thresholds):
        yield f"{len(parts)} {key} are certified, the head has {len(thresholds)} thresholds"
    confidence = certificate.confidence
    if certificate.policy.get("simultaneous"):
        if certificate.policy["confidence"] != confidence:
            yield "the confidence is not that of its policy"
        confidence = Risk(certificate.risk, confidence).shared(max(1, len(parts))).confidence
    totals = [0, 0]
    for k, (part, own) in enumerate(zip(parts, thresholds, strict=False)):
        if part is None:
            if own != NEVER:
                yield f"{word} {k} is not certified, but accepts rows"
            continue
        counts = part.get("accepted") or 0, part.get("errors") or 0
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        for problem in _bound_arithmetic(part, counts, (certificate.risk, confidence)):
            yield f"{word} {k}: {problem}"
    if totals != [certificate.accepted, certificate.errors]:
        certified = [certificate.accepted, certificate.errors]
        yield f"the {key} sum to {totals}, the certificate says {certified}"


def _bound_arithmetic(
    policy: Mapping[str, Any], counts: tuple[int, int], promise: tuple[float, float]
) -> Iterator[str]:
    """What is wrong with one bound, given (accepted, errors) and (risk, confidence)."""
    (accepted, errors), (risk, confidence) = counts, promise
    promised = ("risk", risk, confidence)
    if (policy["name"], policy.get("risk"), policy.get("confidence")) != promised:
        yield f"the policy must be a risk of {risk:g} at confidence {confidence:g}"
    if policy["name"] != "risk":
        return
    if not 0 <= errors <= accepted or not accepted:
        yield f"{errors} errors of {accepted} accepted cannot be certified"
        return
    recorded = policy["bound"]
    significance = policy.get("significance", 1.0 - confidence)
    if not 0.0 < significance <= (1.0 - confidence) * (1.0 + _BOUND_TOLERANCE):
        yield f"a significance of {significance:g} is not within a confidence of {confidence:g}"
        return
    bound = clopper_pearson_upper(errors, accepted, 1.0 - significance)
    if not math.isclose(recorded, bound, rel_tol=_BOUND_TOLERANCE):
        yield f"{errors} errors of {accepted} bound the risk by {bound:.6g}, not {recorded:.6g}"
    if bound > risk:
        yield f"the bound {bound:.6g} is above the risk {risk:g} that is promised"
    if not 1 <= policy["tested"] <= policy["candidates"]:
        yield "the tested candidates are not among the candidates"


def _seal(certificate: Certificate) -> str:
    values = json_values(certificate)
    del values["sha256"]
    return _digest(values)


def _digest(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _alike(left: object, right: object) -> bool:
    """Whether two values are the same JSON, where tuples are lists."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)
