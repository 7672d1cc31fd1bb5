"""Thresholds by the least confidence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import logitconf
from logitconf import SoftmaxScore
from logitconf.errors import LogitconfError
from logitconf.outputs.confidence import exact_confidence


def rows(
    count: int = 3000,
) -> tuple[Any, list[int]]:
    random = np.random.default_rng(5)
    logits = random.normal(0, 2, (count, 4)).astype(np.float32)
    powers = np.exp(logits.astype(np.float64))
    shares = powers / powers.sum(axis=1, keepdims=True)
    return logits, [int(random.choice(4, p=p)) for p in shares]


def test_every_accepted_row_is_as_sure_as_asked_and_few_others_are() -> None:
    logits, labels = rows()
    score = SoftmaxScore().fit(logits, labels)
    score.set_threshold(min_confidence=0.9)
    chosen = score.select(logits)
    knots = score.card.confidence
    assert knots is not None
    sure = exact_confidence(chosen["score"], knots)
    assert (sure[chosen["selected"]] >= 0.9).all()
    # a gap may cost one row in a hundred
    assert int(((sure >= 0.9) & ~chosen["selected"]).sum()) <= 30
    right = logits.argmax(axis=1) == np.array(labels)
    assert right[chosen["selected"]].mean() > 0.9
    assert score.card.policy is not None
    assert score.card.policy["min_confidence"] == 0.9


def test_a_loaded_card_needs_no_rows(tmp_path: Path) -> None:
    logits, labels = rows()
    score = SoftmaxScore().fit(logits, labels)
    score.set_threshold(min_confidence=0.8)
    score.save(tmp_path / "card.json")
    loaded = logitconf.load(tmp_path / "card.json")
    loaded.set_threshold(min_confidence=0.8)
    fitted, alone = score.select(logits)["selected"], loaded.select(logits)["selected"]
    assert int((fitted != alone).sum()) <= 30
    loaded.set_threshold(min_confidence=0.1)
    assert loaded.select(logits)["selected"].all()


def test_what_cannot_be_is_refused_with_the_reason() -> None:
    logits, labels = rows(300)
    score = SoftmaxScore().fit(logits)
    with pytest.raises(LogitconfError, match="min_confidence needs a score that was fitted on"):
        score.set_threshold(min_confidence=0.9)
    score.fit(logits, labels)
    with pytest.raises(LogitconfError, match=r"no score is as sure as 0\.99999"):
        score.set_threshold(min_confidence=0.99999)
    with pytest.raises(LogitconfError, match=r"min_confidence must be in \(0, 1\), got 90"):
        score.set_threshold(min_confidence=90)


def test_each_label_may_have_its_own() -> None:
    random = np.random.default_rng(6)
    logits = random.normal(0, 2, (2000, 3)).astype(np.float32)
    labels = (random.random((2000, 3)) < 1 / (1 + np.exp(-logits))).astype(np.float32)
    score = SoftmaxScore(task="multilabel", per_label=True).fit(logits, labels)
    score.set_threshold(min_confidence=0.9)
    chosen = score.select(logits)
    knots = score.card.confidence
    assert knots is not None
    assert (exact_confidence(chosen["score"], knots)[chosen["selected"]] >= 0.9).all()
