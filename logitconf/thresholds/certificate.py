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
from typing import Any

from logitconf.card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf.metrics.intervals import clopper_pearson_lower, clopper_pearson_upper
from logitconf.thresholds.per_class import NEVER, PARTS
from logitconf.thresholds.risk_control import fewest_rows

PROMISE = "at most this share of accepted rows is wrong"
PROMISE_PER_LABEL = "at most this share of the accepted decisions on each label is wrong"
SEAL = "sha256"
# Versions of scipy differ in the last places of the quantile.
_BOUND_TOLERANCE = 1e-9
# So unlikely must the errors on new rows be under the promise before they count as a breach.
BREACH = 1e-3


def head_digest(card: ScoreCard) -> str:
    """SHA-256 over all that decides: score, task, columns, temperature, threshold, parameters."""
    names = ("score", "task", "n_classes", "temperature", "threshold", "parameters", "per_label")
    return _digest({name: getattr(card, name) for name in names})


def certificate_of(
    card: ScoreCard, *, risk: float, confidence: float, fitted_rows: int | None
) -> dict[str, Any]:
    """The promise of a risk policy and the counts that prove it, as JSON values.

    Args:
        card: with threshold, policy and the counts of the calibration rows.
        risk: promised.
        confidence: of the promise.
        fitted_rows: how many of the certifying rows the temperature was fitted on too; None if
            that is not known.
    """
    policy, data = dict(card.policy or {}), dict(card.calibration or {})
    certificate = {
        "promise": PROMISE_PER_LABEL if card.per_label else PROMISE,
        "risk": float(risk),
        "confidence": float(confidence),
        "bound": policy.get("bound"),
        "rows": data.get("rows"),
        "accepted": policy.pop("accepted"),
        "errors": policy.pop("errors"),
        "score": card.score,
        "temperature": card.temperature,
        "policy": policy,
        "data": data,
        "fitted_rows": fitted_rows,
        "head": head_digest(card),
    }
    return {**certificate, SEAL: _digest(certificate)}


def broken_bindings(card: ScoreCard) -> tuple[str, ...]:
    """In words, where the certificate is not that of this card; empty if it is."""
    certificate = card.certificate
    if not isinstance(certificate, Mapping):
        return ("the policy promises a risk, but there is no certificate",)
    found = []
    if certificate.get("head") != head_digest(card):
        found.append("score, task, temperature, threshold or parameters are not those certified")
    for name in ("score", "temperature"):
        if certificate.get(name) != getattr(card, name):
            found.append(
                f"{name} is {getattr(card, name)!r}, certified was {certificate.get(name)!r}"
            )
    unsealed = {name: value for name, value in certificate.items() if name != SEAL}
    if certificate.get(SEAL) != _digest(unsealed):
        found.append("the certificate was changed after it was made")
    recorded = {**_mapping(certificate, "policy")}
    recorded |= {name: certificate.get(name) for name in ("accepted", "errors")}
    if not _alike(recorded, card.policy):
        found.append("the card's policy is not the certificate's")
    if not _alike(certificate.get("data"), card.calibration):
        found.append("the card's calibration rows are not the certificate's")
    return tuple(found)


def wrong_arithmetic(card: ScoreCard) -> tuple[str, ...]:
    """In words, where the certificate's numbers cannot be right; empty if they can."""
    if not isinstance(card.certificate, Mapping):
        return ()
    try:
        return tuple(_arithmetic(card.certificate, card.threshold))
    except LogitconfError as error:
        return (str(error),)


def breach(
    errors: int, accepted: int, certificate: Mapping[str, Any], *, tests: int = 1
) -> str | None:
    """In words, that errors among accepted new rows contradict a promise; None if they do not.

    They do where a risk as low as promised would show as many errors with probability below
    one in a thousand, in all tests together.

    Args:
        errors: wrong rows among the accepted.
        accepted: new rows that were accepted.
        certificate: the promise.
        tests: how many such tests are made (Bonferroni).
    """
    risk = _share(certificate, "risk")
    sure = 1.0 - BREACH / tests
    lowest = clopper_pearson_lower(errors, accepted, sure)
    if lowest <= risk:
        return None
    return (
        f"{errors} of {accepted} accepted rows are wrong, so the risk is at least {lowest:.4g} "
        f"(confidence {sure:g}), promised was {risk:g}"
    )


def _arithmetic(certificate: Mapping[str, Any], threshold: object) -> Iterator[str]:
    risk, confidence = _share(certificate, "risk"), _share(certificate, "confidence")
    rows, accepted, errors = (_count(certificate, n) for n in ("rows", "accepted", "errors"))
    data, policy = _mapping(certificate, "data"), _mapping(certificate, "policy")
    decisions = rows
    if policy.get("name") == "per label" and isinstance(threshold, tuple):
        decisions = rows * len(threshold)
    if not errors <= accepted <= decisions:
        yield f"{errors} errors of {accepted} accepted of {decisions} rows cannot be"
    if _count(data, "rows") != rows:
        yield f"the data has {data['rows']} rows, the certificate {rows}"
    if accepted > decisions - _count(data, "not_finite") or errors > _count(data, "errors"):
        yield "the data has fewer rows with a score, or fewer errors, than the certificate"
    if policy.get("name") in tuple(PARTS):
        yield from _parts_arithmetic(certificate, policy, threshold)
    else:
        yield from _bound_arithmetic(policy, (accepted, errors), (risk, confidence))
        if policy.get("bound") != certificate.get("bound"):
            yield "the bound is not that of its policy"


def _parts_arithmetic(
    certificate: Mapping[str, Any], policy: Mapping[str, Any], thresholds: object
) -> Iterator[str]:
    """What is wrong with the bounds of each class or label, and with their sums."""
    risk, confidence = _share(certificate, "risk"), _share(certificate, "confidence")
    accepted, errors = (_count(certificate, name) for name in ("accepted", "errors"))
    key, word = PARTS[policy["name"]]
    parts = policy.get(key)
    if not isinstance(parts, (list, tuple)) or not isinstance(thresholds, tuple):
        raise LogitconfError(f"a certificate per {word} must have a list of {key} and thresholds")
    if len(parts) != len(thresholds):
        yield f"{len(parts)} {key} are certified, the head has {len(thresholds)} thresholds"
    totals = [0, 0]
    for k, (part, own) in enumerate(zip(parts, thresholds, strict=False)):
        if part is None:
            if own != NEVER:
                yield f"{word} {k} is not certified, but accepts rows"
            continue
        counts = _count(part, "accepted"), _count(part, "errors")
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        for problem in _bound_arithmetic(part, counts, (risk, confidence)):
            yield f"{word} {k}: {problem}"
    if totals != [accepted, errors]:
        yield f"the {key} sum to {totals}, the certificate says {[accepted, errors]}"


def _bound_arithmetic(
    policy: Mapping[str, Any], counts: tuple[int, int], promise: tuple[float, float]
) -> Iterator[str]:
    """What is wrong with one bound, given (accepted, errors) and (risk, confidence)."""
    (accepted, errors), (risk, confidence) = counts, promise
    if (policy.get("name"), policy.get("risk"), policy.get("confidence")) != ("risk", *promise):
        yield f"the policy must be a risk of {risk:g} at confidence {confidence:g}"
    recorded = _number(policy, "bound")
    bound = clopper_pearson_upper(errors, accepted, confidence)
    if not math.isclose(recorded, bound, rel_tol=_BOUND_TOLERANCE):
        yield f"{errors} errors of {accepted} bound the risk by {bound:.6g}, not {recorded:.6g}"
    if bound > risk:
        yield f"the bound {bound:.6g} is above the risk {risk:g} that is promised"
    if accepted < fewest_rows(risk, confidence):
        yield f"{accepted} accepted rows are too few to certify a risk of {risk:g}"
    if not 1 <= _count(policy, "tested") <= _count(policy, "candidates"):
        yield "the tested candidates are not among the candidates"


def _digest(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _alike(left: object, right: object) -> bool:
    """Whether two values are the same JSON, where tuples are lists."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def _mapping(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    if not isinstance(found, Mapping):
        raise LogitconfError(f"a certificate must have an object '{name}', got {found!r}")
    return found


def _count(values: object, name: str) -> int:
    found = values.get(name) if isinstance(values, Mapping) else None
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise LogitconfError(f"'{name}' in a certificate must be a count, got {found!r}")
    return found


def _number(values: Mapping[str, Any], name: str) -> float:
    found = values.get(name)
    if not isinstance(found, (int, float)) or isinstance(found, bool):
        raise LogitconfError(f"'{name}' in a certificate must be a number, got {found!r}")
    return float(found)


def _share(values: Mapping[str, Any], name: str) -> float:
    found = _number(values, name)
    if not 0.0 < found < 1.0:
        raise LogitconfError(f"'{name}' in a certificate must lie in (0, 1), got {found!r}")
    return found
