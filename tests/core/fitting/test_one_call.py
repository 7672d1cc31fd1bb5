"""A fitted score in one call is what the steps give one after the other."""

from typing import Any

import numpy as np
import pytest

import logitconf
from logitconf.errors import LogitconfError, UncertifiableError
from logitconf.fitting.one_call import fit
from logitconf.fitting.score_classes import SCORE_CLASSES


def drawn() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (800, 4)).astype(np.float32)
    # the largest of logits with Gumbel noise is a draw from their softmax
    return logits, (logits + rng.gumbel(size=(800, 4))).argmax(axis=1)


@pytest.mark.parametrize("name", ["softmax", "margin", "entropy", "energy", "gen"])
def test_one_call_is_the_steps_one_after_the_other(name: str) -> None:
    logits, labels = drawn()
    steps = SCORE_CLASSES[name]().fit(logits, labels, holdout=0.4, seed=3)
    steps.set_threshold(coverage=0.7)
    assert fit(logits, labels, name, holdout=0.4, seed=3, coverage=0.7).card == steps.card


def test_without_a_policy_the_threshold_is_the_quantile_of_99_percent() -> None:
    score = logitconf.fit(*drawn())
    assert score.card.policy is not None
    assert (score.card.policy["name"], score.card.policy["q"]) == ("quantile", 0.99)
    assert score.name == "softmax"


def test_policies_and_their_further_arguments_are_handed_on() -> None:
    logits, labels = drawn()
    certified = fit(logits, labels, risk=0.3, confidence=0.9, holdout=0.5)
    assert certified.card.certificate is not None
    assert certified.card.certificate.confidence == 0.9
    assert isinstance(fit(logits, labels, coverage=0.5, per_class=True).threshold, tuple)
    outside = np.random.default_rng(1).normal(0, 1, (500, 4))
    score = fit(logits, labels, "energy", fpr=0.05, ood_logits=outside)
    assert score.select(outside)["selected"].mean() <= 0.05
    with pytest.raises(UncertifiableError):
        fit(logits, labels, risk=0.0001, holdout=0.5)


def test_what_the_score_is_made_with_is_handed_on() -> None:
    logits, labels = drawn()
    yes = (logits + np.random.default_rng(2).logistic(size=logits.shape) > 0).astype(float)
    assert fit(logits, labels, "gen", parameters={"gamma": 0.5}).card.parameters["gamma"] == 0.5
    assert fit(logits[:, 0], yes[:, 0], "margin", task="binary").task == "binary"
    tilted = fit(logits + np.array([3.0, 0.0, 0.0, 0.0]), labels, calibration="vector")
    assert tilted.card.calibration_map is not None
    assert fit(logits, temperature=2.0).temperature == 2.0
    noise = np.random.default_rng(3).normal(0, 1, logits.shape)
    members = np.stack([logits - noise, logits + noise], axis=-1)
    assert fit(members, labels, per_member=True).per_member
    assert fit(members, labels, "mutual_information", per_member=True).per_member
    by_label = fit(logits, yes, task="multilabel", per_label=True, coverage=0.5)
    assert isinstance(by_label.threshold, tuple)
    assert fit(logits[:, 0], yes[:, 0], "learned").task == "binary"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"score": "sofmax"}, "did you mean 'softmax'"),
        ({"parameters": {"gama": 1}}, r"softmax has the parameters .* got \['gama'\]"),
        ({"score": "max_logit_norm", "per_label": True}, r"got \['per_label'\]"),
        ({"coverage": 0.5, "q": 0.9}, "takes one policy"),
        ({"task": "multi"}, "task must be one of"),
        ({"holdout": 1.5}, "holdout"),
    ],
)
def test_what_does_not_fit_is_an_error_that_names_it(options: Any, message: str) -> None:
    with pytest.raises(LogitconfError, match=message):
        fit(*drawn(), **options)
