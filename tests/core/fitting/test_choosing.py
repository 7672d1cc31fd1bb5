"""A score chosen on rows of its own."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import logitconf
from logitconf.errors import LogitconfError
from logitconf.fitting.choosing import CHOOSING_SHARE, choose_score
from logitconf.rows import split_rows

N = 2000


def made(energy_is_best: bool) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits (N, 4) whose errors either follow their softmax, or are where all logits are low."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(N, 4)) * 2.0
    if not energy_is_best:
        return logits, (logits + random.gumbel(size=(N, 4))).argmax(axis=1)
    # the offset, which the softmax does not see, alone tells who is right
    offset = random.normal(size=(N, 1)) * 8.0
    right = random.random(N) < 1.0 / (1.0 + np.exp(-offset[:, 0]))
    labels = np.where(right, logits.argmax(axis=1), (logits.argmax(axis=1) + 1) % 4)
    return logits + offset, labels


def test_a_score_that_ranks_better_is_taken() -> None:
    logits, labels = made(energy_is_best=True)
    chosen = choose_score(logits, labels)
    assert chosen.score in {"energy", "max_logit"}
    assert "softmax" not in chosen.choice.tied
    assert chosen.comparison.best == chosen.choice.compared[0]


def test_of_scores_that_cannot_be_told_apart_the_simplest_is_taken() -> None:
    chosen = choose_score(*made(energy_is_best=False))
    assert chosen.score == "softmax"
    assert {"softmax", chosen.comparison.best} <= set(chosen.choice.tied)


def test_the_choice_sees_its_own_rows_alone_and_hands_back_the_others() -> None:
    logits, labels = made(energy_is_best=True)
    rest, own = split_rows(N, CHOOSING_SHARE, 3)
    chosen = choose_score(logits, labels, seed=3)
    np.testing.assert_array_equal(chosen.logits, logits[rest])
    np.testing.assert_array_equal(chosen.labels, labels[rest])
    other = np.where(np.isin(np.arange(N), own)[:, None], logits, np.roll(logits, 1, axis=1))
    shuffled = np.where(np.isin(np.arange(N), own), labels, 0)
    again = choose_score(other, shuffled, seed=3)
    assert (again.score, again.choice) == (chosen.score, chosen.choice)
    assert chosen.choice.fitted_rows + chosen.choice.rows == len(own)
    right = logits[own].argmax(axis=1) == labels[own]
    assert 0 < chosen.choice.errors < int((~right).sum())


def test_fit_takes_it_and_its_card_says_so_and_certifies_on_other_rows() -> None:
    logits, labels = made(energy_is_best=True)
    fitted = logitconf.fit(logits, labels, "auto", holdout=0.5, risk=0.3)
    choice = fitted.card.score_choice
    assert choice is not None
    assert fitted.name == choice.compared[0] or fitted.name in choice.tied
    certificate = fitted.card.certificate
    assert certificate is not None
    assert certificate.rows + choice.rows + choice.fitted_rows < N
    assert certificate.fitted_rows == 0


def test_names_of_classes_stay_whole_where_a_part_of_the_rows_lacks_one() -> None:
    logits, labels = made(energy_is_best=False)
    rest, _ = split_rows(N, CHOOSING_SHARE, 0)
    names = np.array(["ant", "bee", "cat", "dog"])
    # the last class is in the rows that choose alone
    labels = np.where(np.isin(np.arange(N), rest) & (labels == 3), 2, labels)
    chosen = choose_score(logits, names[labels])
    assert chosen.class_names == tuple(names)
    assert set(np.unique(chosen.labels)) == {0, 1, 2}


@pytest.mark.parametrize(
    "given", [{"per_member": True}, {"per_label": True}, {"parameters": {"p": 2}}]
)
def test_what_cannot_be_compared_is_refused(given: dict[str, Any]) -> None:
    logits, labels = made(energy_is_best=False)
    with pytest.raises(LogitconfError, match="'auto' is chosen on labelled rows of one model"):
        logitconf.fit(logits, labels, "auto", **given)
    with pytest.raises(LogitconfError, match="'auto' is chosen on labelled rows"):
        logitconf.fit(logits, score="auto")


def test_rows_without_errors_cannot_choose_and_are_told_so() -> None:
    logits, _ = made(energy_is_best=False)
    with pytest.raises(LogitconfError, match=r"got 0 errors of 300 .*take softmax"):
        choose_score(logits, logits.argmax(axis=1))
    with pytest.raises(LogitconfError, match="one for each of 2000 rows of logits, got 5"):
        choose_score(logits, np.zeros(5, np.int64))
