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
from logitconf.errors import LogitconfError
from logitconf.head import ConfidenceHead
from logitconf_export.attachment.attaching import attach
from logitconf_export.drift.refitting import policy_arguments, refit
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


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (None, "threshold was given as a number"),
        ({"name": "value", "value": -0.7}, "threshold was given as a number"),
        (
            {"name": "fpr", "fpr": 0.1, "ood_rows": 9, "ood_accepted": 0},
            "needs the rows of policy fpr",
        ),
    ],
)
def test_a_threshold_that_no_policy_of_these_rows_chose_is_not_refitted(
    policy: dict[str, Any] | None, words: str
) -> None:
    with pytest.raises(LogitconfError, match=words):
        policy_arguments(ScoreCard("softmax", "multiclass", threshold=-0.7, policy=policy))


def test_a_policy_is_followed_without_what_came_out_of_it() -> None:
    numbers = {"risk": 0.05, "confidence": 0.9}
    outcome = {"bound": 0.04, "candidates": 9, "tested": 3, "accepted": 7, "errors": 0}
    policy = {"name": "risk", **numbers, **outcome}
    card = ScoreCard("softmax", "multiclass", threshold=-0.7, policy=policy)
    assert policy_arguments(card) == numbers
