"""What a card accepts, in words: what the words say is what `select` does."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import entr, expit, logsumexp, softmax

from logitconf.card.score_card import ScoreCard
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.thresholds.per_class import NEVER
from logitconf.wording.rule import rule_of

Floats = npt.NDArray[np.float64]
Quantity = Callable[[Floats], Floats]
T = 2.0


def top_two(values: Floats) -> Floats:
    ordered = np.sort(values, axis=1)
    return np.asarray(ordered[:, -1] - ordered[:, -2])


def centred(z: Floats) -> Floats:
    c = z - z.mean(axis=1, keepdims=True)
    return np.asarray(c.max(axis=1) / (c**4).sum(axis=1) ** 0.25)


# by the words: what they say of calibrated logits z (N, K), written from the words
OF_CLASSES: dict[str, tuple[str, Quantity, float]] = {
    "softmax": ("probability above", lambda z: softmax(z, axis=1).max(axis=1), -0.75),
    "entropy": ("entropy below", lambda z: entr(softmax(z, axis=1)).sum(axis=1), 0.5),
    "energy": (
        "T times the logsumexp of the calibrated logits above",
        lambda z: T * logsumexp(z, axis=1),
        -4.5,
    ),
    "margin": ("the two best calibrated logits differ by more than", top_two, -1.25),
    "softmax_margin": (
        "the two best probabilities differ by more than",
        lambda z: top_two(softmax(z, axis=1)),
        -0.5,
    ),
    "max_logit": ("the best calibrated logit lies above", lambda z: z.max(axis=1), -2.0),
    "max_logit_norm": (
        "the best centred logit, over the p-norm of all, lies above",
        centred,
        -0.875,
    ),
    "gen": (
        "generalised entropy below",
        lambda z: ((softmax(z, axis=1) * (1 - softmax(z, axis=1))) ** 0.1).sum(axis=1),
        3.5,
    ),
    "gini": ("Gini impurity below", lambda z: 1 - (softmax(z, axis=1) ** 2).sum(axis=1), 0.375),
    "doctor": (
        "odds of an error, for a class that is drawn, below",
        lambda z: 1 / (softmax(z, axis=1) ** 2).sum(axis=1) - 1,
        0.5,
    ),
    "doctor_beta": (
        "odds of an error below",
        lambda z: 1 / softmax(z, axis=1).max(axis=1) - 1,
        0.25,
    ),
}
YES: Quantity = expit
# for one logit z (N, L): of each, and whether labels take the worst one, so that all must hold
OF_ONE: dict[str, tuple[str, Quantity, float]] = {
    "softmax": (
        "probability, of yes or of no, above",
        lambda z: np.maximum(YES(z), 1 - YES(z)),
        -0.75,
    ),
    "entropy": ("entropy below", lambda z: entr(YES(z)) + entr(1 - YES(z)), 0.5),
    "margin": ("calibrated logit lies more than", np.abs, -1.25),
    "softmax_margin": (
        "probabilities of yes and of no differ by more than",
        lambda z: np.abs(YES(z) - YES(-z)),
        -0.5,
    ),
    "gini": ("Gini impurity below", lambda z: 1 - YES(z) ** 2 - YES(-z) ** 2, 0.375),
    "doctor_beta": (
        "odds of an error below",
        lambda z: 1 / np.maximum(YES(z), YES(-z)) - 1,
        0.25,
    ),
    "learned": ("learned confidence above", YES, -0.75),
}


def rows(columns: int) -> Floats:
    return np.random.default_rng(0).normal(0, 4, (500, columns))


def holds(text: str, words: str, quantity: Floats) -> npt.NDArray[np.bool_]:
    """Where what the sentence says is true of the quantity."""
    match = re.search(re.escape(words) + r" (−?[\d.]+)", text)
    assert match, text
    value = float(match[1].replace("−", "-"))
    return np.asarray(quantity < value if words.endswith("below") else quantity > value)


def threshold_set(name: str, threshold: float, **arguments: Any) -> Any:
    return SCORE_CLASSES[name](temperature=T, **arguments).set_threshold(value=threshold)


@pytest.mark.parametrize("name", OF_CLASSES)
def test_what_the_words_say_of_classes_is_what_is_accepted(name: str) -> None:
    words, quantity, threshold = OF_CLASSES[name]
    score, logits = threshold_set(name, threshold), rows(5)
    selected = score.select(logits)["selected"]
    assert 0 < selected.sum() < len(selected)
    np.testing.assert_array_equal(holds(rule_of(score.card), words, quantity(logits / T)), selected)


@pytest.mark.parametrize("name", OF_ONE)
def test_what_the_words_say_of_one_logit_is_what_is_accepted(name: str) -> None:
    words, quantity, threshold = OF_ONE[name]
    score, logits = threshold_set(name, threshold, task="binary"), rows(1)
    selected = score.select(logits)["selected"]
    assert 0 < selected.sum() < len(selected)
    card = ScoreCard(name, "binary", T, threshold, 1)
    np.testing.assert_array_equal(holds(rule_of(card), words, quantity(logits[:, 0] / T)), selected)


@pytest.mark.parametrize("name", OF_ONE)
def test_what_the_words_say_of_every_label_is_what_is_accepted(name: str) -> None:
    words, quantity, threshold = OF_ONE[name]
    score, logits = threshold_set(name, threshold, task="multilabel"), rows(2)
    text = rule_of(score.card)
    selected = score.select(logits)["selected"]
    assert 0 < selected.sum() < len(selected)
    assert "every label" in text
    np.testing.assert_array_equal(
        holds(text, words, quantity(logits / T)).all(axis=1), selected, err_msg=text
    )


def test_the_sentence_is_short_and_says_the_largest_value_there_is() -> None:
    card = ScoreCard("softmax", "multiclass", threshold=-0.7, n_classes=10)
    assert rule_of(card) == "accepts score < −0.70: probability above 0.70"
    card = ScoreCard("entropy", "multiclass", threshold=0.35, n_classes=10)
    assert rule_of(card).endswith("entropy below 0.35 nats, of at most 2.303")
    unknown = ScoreCard("entropy", "multiclass", threshold=0.35)
    assert rule_of(unknown).endswith("entropy below 0.35 nats")


def test_thresholds_by_class_are_told_by_their_ends_and_those_that_accept_nothing() -> None:
    card = ScoreCard("softmax", "multiclass", 1.0, (-0.9, NEVER, -0.5), 3)
    assert rule_of(card) == (
        "accepts score < the threshold of its class, −0.90 to −0.50: probability above 0.50 to "
        "0.90, by the class that is predicted; 1 of 3 classes accept nothing"
    )


def test_labels_by_themselves_are_told_one_by_one() -> None:
    card = ScoreCard("softmax", "multilabel", threshold=-0.75, n_classes=3, per_label=True)
    assert rule_of(card) == (
        "accepts each label by itself, score < −0.75: probability, of yes or of no, above 0.75"
    )
    card = ScoreCard("softmax", "multilabel", 1.0, (-0.75, -0.9), 2, per_label=True)
    assert rule_of(card) == (
        "accepts score < the threshold of its label, −0.90 to −0.75: probability, of yes or of no, "
        "above 0.75 to 0.90"
    )


@pytest.mark.parametrize("threshold", [-1.0, -1.5, NEVER])
def test_a_threshold_below_all_scores_accepts_nothing_in_words(threshold: float) -> None:
    card = ScoreCard("softmax", "multiclass", threshold=threshold, n_classes=10)
    assert rule_of(card) == "accepts nothing: no score lies below the threshold"


def test_a_threshold_above_all_scores_accepts_every_row_in_words() -> None:
    card = ScoreCard("softmax", "multiclass", threshold=-0.05, n_classes=10)
    assert rule_of(card) == "accepts score < −0.05: every row that has a score"


def test_without_a_threshold_nothing_is_accepted_yet() -> None:
    assert rule_of(ScoreCard("softmax", "multiclass")).startswith("accepts nothing yet")


def test_the_mean_over_members_is_named_and_the_fallback_of_the_norm_is_a_probability() -> None:
    card = ScoreCard("softmax", "multiclass", 1.0, -0.75, 3, members=4)
    assert rule_of(card).endswith(": on average over the members probability above 0.75")
    card = ScoreCard("max_logit_norm", "multiclass", 1.0, -0.75, 3, parameters={"p": 0})
    assert rule_of(card).endswith(": probability above 0.75")
