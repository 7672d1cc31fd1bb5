"""Certificates in cards: every number that is changed is found out from the card alone."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.thresholds.certificate import breach, broken_bindings, head_digest, wrong_arithmetic

Change = Callable[[dict[str, Any]], None]


def rows(count: int, seed: int) -> tuple[Any, Any]:
    """Logits (N, 4) and labels that are drawn from their softmax."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (count, 4)).astype(np.float32)
    odds = np.exp(logits.astype(np.float64))
    below = (odds / odds.sum(axis=1, keepdims=True)).cumsum(axis=1)[:, :-1]
    return logits, (rng.random((count, 1)) > below).sum(axis=1)


def certified_card(*, per_class: bool = False) -> ScoreCard:
    score = SCORE_CLASSES["margin"]().fit(*rows(3000, 0), holdout=0.5)
    score.set_threshold(risk=0.1, confidence=0.9, per_class=per_class)
    return score.card


CARD = certified_card()
PER_CLASS = certified_card(per_class=True)


def changed(card: ScoreCard, change: Change) -> ScoreCard:
    """The card after a trip through JSON on which its values were changed."""
    values = json.loads(card.to_json())
    change(values)
    return ScoreCard.from_dict(values)


def set_in(*path: str | int, to: object) -> Change:
    def change(values: dict[str, Any]) -> None:
        place: Any = values
        for step in path[:-1]:
            place = place[step]
        assert place[path[-1]] != to
        place[path[-1]] = to

    return change


@pytest.mark.parametrize("card", [CARD, PER_CLASS], ids=["all rows", "per class"])
def test_a_certificate_is_its_cards_and_right_after_saving_and_loading(card: ScoreCard) -> None:
    kept = ScoreCard.from_dict(json.loads(card.to_json()))
    assert broken_bindings(kept) == wrong_arithmetic(kept) == ()


TAMPERED = {
    "threshold": set_in("threshold", to=-0.25),
    "temperature": set_in("temperature", to=0.5),
    "score": set_in("score", to="entropy"),
    "task": set_in("task", to="multilabel"),
    "columns": set_in("n_classes", to=5),
    "promised risk": set_in("certificate", "risk", to=0.05),
    "confidence": set_in("certificate", "confidence", to=0.999),
    "bound": set_in("certificate", "bound", to=0.01),
    "rows": set_in("certificate", "rows", to=100_000),
    "accepted": set_in("certificate", "accepted", to=1499),
    "errors": set_in("certificate", "errors", to=0),
    "policy's bound": set_in("certificate", "policy", "bound", to=0.01),
    "data digest": set_in("certificate", "data", "sha256", to="0" * 64),
    "fitted rows": set_in("certificate", "fitted_rows", to=7),
    "card's policy": set_in("policy", "errors", to=0),
    "card's rows": set_in("rows", "rows", to=10),
    "no certificate": set_in("certificate", to=None),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_was_changed_in_a_certified_card_breaks_its_binding(name: str) -> None:
    assert broken_bindings(changed(CARD, TAMPERED[name]))


IMPOSSIBLE: Mapping[str, tuple[Change, str]] = {
    "errors": (set_in("certificate", "errors", to=0), "0 errors of .* bound the risk by"),
    "accepted": (set_in("certificate", "accepted", to=1499), "bound the risk by"),
    "more accepted than rows": (set_in("certificate", "rows", to=9), "of 9 rows cannot be"),
    "bound": (set_in("certificate", "policy", "bound", to=0.01), "not 0.01"),
    "the bound beside it": (set_in("certificate", "bound", to=0.01), "not that of its policy"),
    "risk": (set_in("certificate", "risk", to=0.01), "is above the risk 0.01"),
    "confidence": (set_in("certificate", "confidence", to=0.999), "confidence 0.999"),
    "a risk that no rows show": (set_in("certificate", "risk", to=5e-324), "is above the risk"),
    "significance": (
        set_in("certificate", "policy", "significance", to=0.2),
        "not within a confidence of 0.9",
    ),
    "a stricter test": (
        set_in("certificate", "policy", "significance", to=0.001),
        "errors of .* bound the risk by",
    ),
    "candidates": (set_in("certificate", "policy", "tested", to=500), "not among the candidates"),
    "errors of the data": (set_in("certificate", "data", "errors", to=0), "fewer errors"),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_numbers_that_do_not_belong_together_are_named(name: str) -> None:
    change, words = IMPOSSIBLE[name]
    found = "; ".join(wrong_arithmetic(changed(CARD, change)))
    assert re.search(words, found), found


REFUSED: Mapping[str, tuple[Change, str]] = {
    "a word": (set_in("certificate", "accepted", to="many"), "accepted' .* got a text"),
    "a risk of 2": (set_in("certificate", "risk", to=2.0), r"in \(0, 1\), got 2.0"),
    "no policy": (set_in("certificate", "policy", to=None), "policy' .* got null"),
    "another policy": (set_in("certificate", "policy", "name", to="luck"), "one of .* got 'luck'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_certificate_has_is_refused_where_the_card_is_read(name: str) -> None:
    change, words = REFUSED[name]
    with pytest.raises(LogitconfError, match=words):
        changed(CARD, change)


def test_each_class_is_checked_by_its_own_counts() -> None:
    classes = ("certificate", "policy", "classes")
    found = wrong_arithmetic(changed(PER_CLASS, set_in(*classes, 1, "errors", to=0)))
    assert any(problem.startswith("class 1: 0 errors of") for problem in found)
    assert any(problem.startswith("the classes sum to") for problem in found)
    found = wrong_arithmetic(changed(PER_CLASS, set_in(*classes, 2, to=None)))
    assert "class 2 is not certified, but accepts rows" in found


def test_the_bound_is_the_binomial_tail_at_the_confidence() -> None:
    certificate = CARD.certificate
    assert certificate is not None
    tail = binom.cdf(certificate.errors, certificate.accepted, certificate.bound)
    assert tail == pytest.approx(1.0 - certificate.confidence, rel=1e-9)


def test_the_digest_of_a_head_is_of_all_that_decides() -> None:
    card = ScoreCard("gini", "multiclass", 1.5, -0.5, 4)
    general = ScoreCard("gen", "multiclass", 1.5, -0.5, 4)
    others = [
        replace(card, threshold=float(np.nextafter(np.float32(-0.5), np.float32(0)))),
        replace(card, temperature=1.6),
        replace(card, score="softmax"),
        replace(card, n_classes=5),
        general,
        replace(general, parameters={"gamma": 0.5}),
    ]
    assert len({head_digest(each) for each in (card, *others)}) == 7
    assert head_digest(card) == head_digest(replace(card, policy={"name": "value"}))


@pytest.mark.parametrize("accepted", [50, 1000])
def test_new_rows_breach_a_promise_below_one_chance_in_a_thousand(accepted: int) -> None:
    limit = int(binom.isf(1e-3, accepted, 0.1)) + 1  # the fewest with P(errors or more) <= 1e-3
    assert binom.sf(limit - 1, accepted, 0.1) <= 1e-3 < binom.sf(limit - 2, accepted, 0.1)
    assert breach(limit - 1, accepted, 0.1) is None
    assert "promised was 0.1" in (breach(limit, accepted, 0.1) or "")
