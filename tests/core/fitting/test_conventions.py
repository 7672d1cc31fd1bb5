"""Scores as estimators: parameters as given, copies unfitted, one repr and one table."""

import copy
import html
import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from logitconf.errors import LogitconfError
from logitconf.fitting.conventions import signature_of
from logitconf.fitting.logit_score import LogitScore
from logitconf.fitting.score_classes import SCORE_CLASSES, from_card
from logitconf.notebook.html import unbroken
from logitconf.wording.facts import card_facts


def drawn() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (400, 4))
    labels = np.where(rng.random(400) < 0.7, logits.argmax(axis=1), rng.integers(0, 4, 400))
    return logits, labels


def fitted(name: str = "softmax", **parameters: Any) -> LogitScore:
    return SCORE_CLASSES[name](**parameters).fit(*drawn()).set_threshold(coverage=0.8)


def test_parameters_are_those_given_and_stay_so_after_a_fit() -> None:
    score = SCORE_CLASSES["softmax"](None, per_label=False)
    as_given = score.get_params()
    assert as_given == {
        "temperature": None,
        "task": "multiclass",
        "per_member": False,
        "per_label": False,
        "calibration": "temperature",
        "parameters": None,
    }
    score.fit(*drawn())
    assert score.temperature != 1.0
    assert score.get_params() == as_given


@pytest.mark.parametrize("name", ["softmax", "gen", "max_logit_norm", "margin"])
def test_a_clone_has_the_parameters_and_nothing_that_was_fitted(name: str) -> None:
    score = fitted(name)
    for copied in (clone(score), score.__sklearn_clone__()):
        assert type(copied) is type(score)
        assert copied.get_params() == score.get_params()
        assert copied.temperature == 1.0
        assert copied.threshold is None
        assert copied.scores is None
        assert copied.fit(*drawn()).card.temperature == score.temperature


def test_a_clone_tries_again_what_the_score_was_told_to_try() -> None:
    score = SCORE_CLASSES["gen"](gamma=0.5, top=(2, 3))  # type: ignore[call-arg]
    assert score.get_params()["top"] == (2, 3)
    logits, labels = drawn()
    first, second = clone(score).fit(logits, labels), score.fit(logits, labels)
    assert first.card == second.card
    assert first.card.parameters["gamma"] == 0.5


def test_parameters_that_are_set_are_used_and_a_fit_is_gone() -> None:
    score = fitted()
    assert score.set_params(temperature=2.0) is score
    assert score.temperature == 2.0
    assert score.threshold is None
    assert score.get_params()["temperature"] == 2.0
    assert score.set_params() is score


def test_a_parameter_that_there_is_not_is_refused_and_nothing_changes() -> None:
    score = fitted()
    with pytest.raises(LogitconfError, match=r"got 'temprature'; did you mean 'temperature'\?"):
        score.set_params(temprature=2.0)
    with pytest.raises(LogitconfError, match="temperature must be in"):
        score.set_params(temperature=-1.0)
    assert score.threshold is not None


def test_a_loaded_score_knows_what_its_rows_look_like() -> None:
    kept = SCORE_CLASSES["softmax"](task="multilabel", per_label=True)
    loaded = from_card(kept.card)
    assert loaded.get_params()["per_label"] is True
    assert clone(loaded).card.per_label
    members = from_card(SCORE_CLASSES["softmax"](per_member=True).card)
    assert members.get_params()["per_member"] is True
    assert from_card(SCORE_CLASSES["mutual_information"]().card).per_member


def test_pickled_and_copied_scores_keep_their_parameters() -> None:
    score = fitted(temperature=3.0)
    for kept in (pickle.loads(pickle.dumps(score)), copy.deepcopy(score)):
        assert kept == score
        assert kept.get_params() == score.get_params()


def test_a_repr_says_what_is_in_use() -> None:
    score = SCORE_CLASSES["margin"](temperature=2.0).set_threshold(value=-0.5)
    assert repr(score) == "MarginScore(temperature=2, task='multiclass', threshold=-0.5)"


def test_a_table_tells_what_the_card_does() -> None:
    score = fitted()
    text = score._repr_html_()
    for name, words in card_facts(score.card, rule=True):
        assert f">{name}</th>" in text
        assert unbroken(html.escape(words)) in text
    assert "SoftmaxScore" in text


def test_a_clone_is_calibrated_by_what_was_asked_for() -> None:
    score = SCORE_CLASSES["softmax"](calibration="vector")
    assert clone(score).get_params()["calibration"] == "vector"
    assert from_card(score.fit(*drawn()).card).get_params()["calibration"] == "vector"


def test_what_a_score_is_made_with_is_told_by_its_own_constructor() -> None:
    # of a class with a __new__ Python 3.10 tells that one's arguments
    assert [*signature_of(SCORE_CLASSES["learned"]).parameters][:2] == ["temperature", "task"]
    assert "gamma" in signature_of(SCORE_CLASSES["gen"]).parameters
