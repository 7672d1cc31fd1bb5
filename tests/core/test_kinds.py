"""What rows are taken for: values refute what was said or left open, and decide nothing."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, softmax

import logitconf
from logitconf.errors import LogitconfError
from logitconf.fitting.comparison import compare_scores
from logitconf.kinds import kind_of_rows
from logitconf.tasks import Task, check_logits

RANDOM = np.random.default_rng(1)
LABEL = RANDOM.integers(0, 2, 600)
ONE_LOGIT = ((2 * LABEL - 1) * 3 + RANDOM.normal(size=600) * 4).astype(np.float32)
CLASSES = RANDOM.normal(size=(600, 5)) * 3
CLASS = (CLASSES / 2 + RANDOM.gumbel(size=CLASSES.shape)).argmax(axis=1)
LABELS = (RANDOM.random(CLASSES.shape) < expit(CLASSES / 2)).astype(np.float32)

SAVED: dict[str, tuple[Task, NDArray[Any], NDArray[Any], NDArray[Any]]] = {
    "one logit": ("binary", ONE_LOGIT, expit(ONE_LOGIT.astype(float)), LABEL),
    "one column": ("binary", ONE_LOGIT[:, None], expit(ONE_LOGIT.astype(float))[:, None], LABEL),
    "two logits": ("binary", CLASSES[:, :2], softmax(CLASSES[:, :2], axis=1), LABEL),
    "classes": ("multiclass", CLASSES, softmax(CLASSES, axis=1), CLASS),
    "labels": ("multilabel", CLASSES, expit(CLASSES), LABELS),
}
PRECISIONS = (np.float16, np.float32, np.float64)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("case", SAVED)
def test_probabilities_are_refused_as_logits_until_it_is_said_what_they_are(
    case: str, dtype: type[np.floating[Any]]
) -> None:
    task, _, shares, labels = SAVED[case]
    saved = shares.astype(dtype)
    score = logitconf.SoftmaxScore(task=task)
    words = r"must not all lie in \[0, 1\].*got 600 such rows; say kind='probabilities'"
    with pytest.raises(LogitconfError, match=words):
        score.fit(saved, labels)
    with pytest.raises(LogitconfError, match=words):
        score.calibrate(saved, labels)
    with pytest.raises(LogitconfError, match=words):
        compare_scores(saved, labels, task=task)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whether such a score is any good is another question
        assert score.fit(saved, labels, kind="logits").temperature > 0
        assert score.fit(torch.from_numpy(saved), labels, kind="probabilities").temperature > 0


@pytest.mark.parametrize("name", ["softmax", "margin", "entropy"])
@pytest.mark.parametrize("case", SAVED)
def test_probabilities_that_are_named_are_fitted_as_the_logits_that_they_came_from(
    case: str, name: str
) -> None:
    task, logits, shares, labels = SAVED[case]
    made = {"softmax": logitconf.SoftmaxScore, "margin": logitconf.MarginScore}.get(
        name, logitconf.EntropyScore
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = made(task=task).fit(logits.astype(float), labels)
        found = made(task=task).fit(shares, labels, kind="probabilities")
    expected.set_threshold(coverage=0.9)
    found.set_threshold(coverage=0.9)
    # a probability of one stands for the largest float32 below one: no logit above 24 ln 2
    assert found.temperature == pytest.approx(expected.temperature, rel=1e-3)
    assert found.card.rows is not None
    assert expected.card.rows is not None
    assert found.card.rows.errors == expected.card.rows.errors
    np.testing.assert_array_equal(
        found.select(shares, kind="probabilities")["selected"],
        found.select(logits.astype(float))["selected"],
    )
    np.testing.assert_allclose(
        found.probabilities(shares, kind="probabilities"),
        found.probabilities(logits.astype(float)),
        atol=1.0 - expit(24 * np.log(2.0) / expected.temperature),
    )


def test_the_errors_of_one_probability_are_those_on_the_wrong_side_of_a_half() -> None:
    shares = expit(ONE_LOGIT.astype(float))
    score = logitconf.SoftmaxScore(task="binary").fit(shares, LABEL, kind="probabilities")
    assert score.card.rows is not None
    assert score.card.rows.errors == int(((shares > 0.5) != LABEL).sum()) == 138


def test_log_probabilities_of_classes_serve_as_logits_but_not_for_a_score_of_their_offset() -> None:
    logs = log_softmax(CLASSES, axis=1)
    found = logitconf.SoftmaxScore().fit(logs, CLASS)
    assert found.temperature == logitconf.SoftmaxScore().fit(CLASSES, CLASS).temperature
    with pytest.raises(LogitconfError, match="energy needs logits, got log-probabilities"):
        logitconf.EnergyScore().fit(logs, CLASS)
    with pytest.raises(LogitconfError, match="max_logit needs logits, got probabilities"):
        logitconf.MaxLogitScore().fit(np.exp(logs), CLASS, kind="probabilities")
    compared = compare_scores(logs, CLASS, draws=100)
    assert {"energy", "max_logit"} <= set(compared.left_out)
    assert not {"energy", "max_logit"} & {each.score for each in compared.standings}


def test_members_are_looked_at_one_by_one() -> None:
    members = np.stack([CLASSES, CLASSES[::-1]], axis=2)
    score = logitconf.SoftmaxScore(per_member=True)
    with pytest.raises(LogitconfError, match="sum to 1 in each row"):
        score.fit(softmax(members, axis=1), CLASS)
    assert score.fit(members, CLASS).card.members == 2


def test_rows_from_elsewhere_are_looked_at_too() -> None:
    score = logitconf.SoftmaxScore().fit(CLASSES, CLASS)
    other = softmax(CLASSES / 3, axis=1)
    with pytest.raises(LogitconfError, match="must not all lie in"):
        score.set_threshold(fpr=0.1, ood_logits=other)
    score.set_threshold(fpr=0.1, ood_logits=other, kind="probabilities")
    said = score.threshold
    score.set_threshold(fpr=0.1, ood_logits=np.log(other))
    assert said == pytest.approx(score.threshold, abs=1e-6)


REFUTED = {
    "logits as probabilities": (CLASSES, "multiclass", "probabilities", "sum to 1"),
    "labels as classes": (expit(CLASSES), "multiclass", "probabilities", "sum to 1"),
    "one logit as a probability": (ONE_LOGIT, "binary", "probabilities", "lie in"),
    "logits as log-probabilities": (CLASSES, "multiclass", "log-probabilities", "at most 0"),
    "another word": (CLASSES, "multiclass", "probability", "kind must be one of"),
}


@pytest.mark.parametrize("case", REFUTED)
def test_what_is_said_is_refuted_by_values(case: str) -> None:
    values, task, said, words = REFUTED[case]
    labels = LABEL if task == "binary" else CLASS
    with pytest.raises(LogitconfError, match=words):
        logitconf.SoftmaxScore(task=task).fit(values, labels, kind=said)


def kind(values: NDArray[Any], task: Task) -> str:
    """What values are taken for when nothing is said."""
    array, layout = check_logits(values, task)
    return kind_of_rows(array, layout, None)


@pytest.mark.parametrize("spread", [0.1, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_logits_of_classes_are_not_refused_by_chance(n_classes: int, spread: float) -> None:
    random = np.random.default_rng(7)
    for _ in range(300):
        # about the means that a softmax would have: the worst case
        rows = random.normal(1 / n_classes, spread, size=(4, n_classes))
        assert kind(rows, "multiclass") == "logits"


def test_rows_without_a_score_and_masked_classes_do_not_count() -> None:
    shares = softmax(CLASSES, axis=1)
    shares[:3] = np.nan
    shares[3] = np.inf
    with pytest.raises(LogitconfError, match="must not all lie"):
        kind(shares, "multiclass")
    masked = shares.copy()
    masked[10, 0] = -np.inf
    assert kind(masked, "multiclass") == "logits"


def test_few_values_refute_nothing() -> None:
    assert kind(np.linspace(0, 1, 19), "binary") == "logits"
    assert kind(softmax(CLASSES[:3], axis=1), "multiclass") == "logits"


def test_one_row_beyond_is_enough_wherever_it_stands() -> None:
    shares = np.full((70_000, 2), 0.5)
    shares[-1] = (1.5, -0.5)
    assert kind(shares, "multiclass") == "logits"
