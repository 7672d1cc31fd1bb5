"""Ranges of scores: reached at their ends, never left, and thresholds outside them refused."""

from typing import Any

import numpy as np
import pytest

import logitconf
from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf.fitting.score_classes import score_class
from logitconf.scores.table import SCORES
from logitconf.thresholds.per_class import NEVER
from logitconf.thresholds.reach import check_reachable, range_of

K, T = 5, 1.5
# what the scores of rows that are certain of one class, and sure of none, are by hand
HAND = {
    "softmax": (-1.0, -1 / K),
    "entropy": (0.0, np.log(K)),
    "margin": (-np.inf, 0.0),
    "softmax_margin": (-1.0, 0.0),
    "energy": (-np.inf, np.inf),
    "max_logit": (-np.inf, np.inf),
    "max_logit_norm": (-1.0, 0.0),
    "gen": (0.0, K * (1 / K * (1 - 1 / K)) ** 0.1),
    "gini": (0.0, 1 - 1 / K),
    "doctor": (0.0, K - 1.0),
    "doctor_beta": (0.0, K - 1.0),
    "mutual_information": (0.0, np.log(3)),
    "predictive_variance": (0.0, 1 - 1 / 3),
}
LABELS = {
    "softmax": (-1.0, -0.5),
    "entropy": (0.0, np.log(2)),
    "margin": (-np.inf, 0.0),
    "softmax_margin": (-1.0, 0.0),
    "energy": (-np.inf, 0.0),
    "max_logit": (-np.inf, np.inf),
    "gen": (0.0, 2 * 0.25**0.1),
    "gini": (0.0, 0.5),
    "doctor": (0.0, 1.0),
    "doctor_beta": (0.0, 1.0),
    "mutual_information": (0.0, np.log(2)),
    "predictive_variance": (0.0, 0.25),
    "learned": (-1.0, 0.0),
}


def card(score: str, task: str, n_classes: int | None, **more: Any) -> ScoreCard:
    members = 3 if SCORES[score].over_members else None
    return ScoreCard(score, task, T, n_classes=n_classes, members=members, **more)


def test_the_ranges_are_those_worked_out_by_hand() -> None:
    for score, ends in HAND.items():
        assert range_of(card(score, "multiclass", K)) == pytest.approx(ends), score
    for score, ends in LABELS.items():
        assert range_of(card(score, "multilabel", K)) == pytest.approx(ends), score
    assert {*HAND, "learned"} == set(SCORES)


@pytest.mark.parametrize("task", ["multiclass", "multilabel", "binary"])
@pytest.mark.parametrize("name", sorted(set(SCORES) - {"learned"}))
def test_scores_stay_in_their_range_and_come_near_its_finite_ends(name: str, task: str) -> None:
    row = SCORES[name]
    if task != "multiclass" and "bernoulli" not in row.families:
        pytest.skip("competing classes alone")
    options: dict[str, Any] = {} if row.over_members else {"per_member": True}
    columns = K if task != "binary" else 1
    score = score_class(name)(T, task, **options)
    generator = np.random.default_rng(0)
    logits = np.concatenate(
        [
            generator.normal(size=(200, columns, 3)) * scale
            for scale in (0.0, 0.1, 1.0, 3.0, 10.0, 80.0)
        ]
    )
    # members that are certain of different classes, and those that are certain of one
    apart = np.full((1, columns, 3), -600.0)
    apart[0, np.arange(3) % columns, np.arange(3)] = 600.0
    one = np.full((1, columns, 3), -600.0)
    one[0, 0] = 600.0
    none = np.full((1, columns, 3), -600.0)
    values = score.score(np.concatenate([logits, apart, one, none]))
    low, high = range_of(
        ScoreCard(name, task, T, n_classes=columns, members=3, parameters=score.card.parameters)
    )
    assert low - 1e-6 <= values.min()
    assert values.max() <= high + 1e-6
    if np.isfinite(low):
        assert values.min() == pytest.approx(low, abs=5e-3)
    if np.isfinite(high) and not (row.over_members and task != "multiclass"):
        assert values.max() == pytest.approx(high, abs=2e-2)


@pytest.mark.parametrize(
    ("asked", "value", "message"),
    [
        (card("softmax", "multiclass", 10), 0.7, r"in \[-1, -0.1\].*got 0.7, .*every row; did you"),
        (card("softmax", "multiclass", None), 0.7, "did you mean -0.7"),
        (card("softmax", "binary", None), -0.4, r"in \[-1, -0.5\].*every row$"),
        (card("softmax", "multiclass", 10), -1.5, "would accept no row$"),
        (card("entropy", "multiclass", 10), -0.5, "no row; did you mean 0.5"),
        (card("margin", "multiclass", 10), 3.0, r"in \(-inf, 0\].*did you mean -3"),
        (card("energy", "binary", 1), -0.5, r"in \(-inf, -1.03972\]"),
        (card("energy", "multilabel", 4, per_label=True), -0.5, r"\(-inf, -1.03972\]"),
        (card("gini", "multiclass", 4), (0.5, 0.9, 0.1, 0.2), r"in \[0, 0.75\].*got 0.9"),
    ],
)
def test_a_threshold_where_no_score_lies_is_refused(
    asked: ScoreCard, value: Any, message: str
) -> None:
    with pytest.raises(LogitconfError, match=message):
        check_reachable(asked, value)


def test_the_ends_what_rounding_adds_and_a_class_that_accepts_nothing_are_allowed() -> None:
    softmax = card("softmax", "multiclass", 10)
    check_reachable(softmax, -1.0)
    check_reachable(softmax, float(np.float32(-0.1)))
    check_reachable(softmax, (NEVER, -0.5))
    check_reachable(card("energy", "multiclass", 10), 1e6)
    assert range_of(card("energy", "binary", None)) == (-np.inf, np.inf)


def test_every_threshold_that_a_policy_chose_may_be_given_again() -> None:
    generator = np.random.default_rng(1)
    # flat rows score at the very end of the range
    logits = np.concatenate([generator.normal(size=(300, 4)), np.zeros((50, 4))])
    for name in ("softmax", "entropy", "margin", "gini", "doctor", "gen"):
        score = score_class(name)().fit(logits)
        score.set_threshold(coverage=1.0)
        chosen = score.threshold
        assert isinstance(chosen, float)
        score.set_threshold(value=chosen)
        assert score.threshold == chosen


def test_a_refused_threshold_leaves_the_old_one() -> None:
    score = logitconf.SoftmaxScore().set_threshold(value=-0.7)
    with pytest.raises(LogitconfError, match=r"did you mean -0\.7"):
        score.set_threshold(value=0.7)
    assert score.threshold == pytest.approx(-0.7)
