"""Refitting a variant: its own temperature and threshold, by the policy of its card."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from support import head_models, reference

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.head import ConfidenceHead
from logitconf.rows import split_rows
from logitconf.thresholds.certificate import broken_bindings, wrong_arithmetic
from logitconf_export.attachment.attaching import attach
from logitconf_export.drift.refitting import refit
from logitconf_export.heads.metadata import read_metadata

PIXELS = head_models.make_pixels(400)


def variant(policy: dict[str, Any]) -> onnx.ModelProto:
    card = ScoreCard("softmax", "multiclass", 1.5, -0.7, policy=policy)
    return attach(head_models.make_host(), ConfidenceHead(card, HeadForm(5)))


def test_temperature_and_threshold_are_those_of_the_variants_own_logits(tmp_path: Path) -> None:
    host = head_models.make_host()
    weight, bias = (numpy_helper.to_array(tensor) for tensor in host.graph.initializer)
    logits = (PIXELS @ weight + bias).astype(np.float64)
    labels = (logits / 3 + np.random.default_rng(4).gumbel(size=logits.shape)).argmax(axis=1)

    def nll(b: float) -> float:
        return float((logsumexp(b * logits, axis=1) - b * logits[np.arange(400), labels]).mean())

    before = variant({"name": "coverage", "coverage": 0.8, "accepted": 1, "errors": 0})
    copy = before.SerializeToString(deterministic=True)
    again = refit(before, {"pixels": PIXELS}, labels, tmp_path / "tuned.onnx")
    assert before.SerializeToString(deterministic=True) == copy
    assert onnx.load(tmp_path / "tuned.onnx") == again
    card = read_metadata(again).card
    best = minimize_scalar(nll, bounds=(0.05, 5.0), method="bounded", options={"xatol": 1e-10})
    # onnxruntime and NumPy multiply in different orders; the NLL is flat where it is least
    assert card.temperature == pytest.approx(1 / best.x, rel=1e-5)
    scores = reference.score("softmax", logits, card.temperature)
    assert isinstance(card.threshold, float)
    assert (scores < card.threshold).sum() == 320
    assert card.policy is not None
    assert (card.policy["name"], card.policy["accepted"]) == ("coverage", 320)


def test_a_risk_is_certified_on_rows_that_were_not_fitted_on() -> None:
    host = head_models.make_host()
    weight, bias = (numpy_helper.to_array(tensor) for tensor in host.graph.initializer)
    logits = PIXELS @ weight + bias
    labels = (logits / 2 + np.random.default_rng(5).gumbel(size=logits.shape)).argmax(axis=1)
    risk = {"name": "risk", "risk": 0.45, "confidence": 0.9, "bound": 0.4, "candidates": 9}
    outcome = {"tested": 3, "accepted": 100, "errors": 30}
    card = read_metadata(refit(variant({**risk, **outcome}), {"pixels": PIXELS}, labels)).card
    assert card.certificate is not None
    assert (card.certificate.rows, card.certificate.fitted_rows) == (200, 0)
    assert card.rows is not None
    assert card.rows.split is not None
    assert card.rows.split.holdout == 0.5
    assert (card.certificate.risk, card.certificate.confidence) == (0.45, 0.9)
    assert broken_bindings(card) == wrong_arithmetic(card) == ()
    # counted by hand on the rows that the split leaves out
    _, held = split_rows(400, 0.5, 0)
    scores = reference.score("softmax", logits[held].astype(np.float64), card.temperature)
    accepted = scores < np.asarray(card.threshold)
    wrong = logits[held].argmax(axis=1) != labels[held]
    counted = int(accepted.sum()), int(wrong[accepted].sum())
    assert counted == (card.certificate.accepted, card.certificate.errors)
