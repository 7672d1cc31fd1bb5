"""Requests: the same answer for a row, whatever rows stand beside it."""

import json
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.planned_fits import labelled_rows, spread, total_over

from logitconf import LogitconfError, ScoreCard
from logitconf.distributed.reading import Reading
from logitconf.distributed.request import Request
from logitconf.distributed.total import ScoresTotal
from logitconf.scores.table import SCORES
from logitconf.thresholds.order_statistics import keys_of
from logitconf.typed_json import json_values

READING = Reading("softmax", "multiclass", None, False, False, 1.0, None, 0)
SURVEY = Request(1, "logits", "reading", False, READING)
LIKELIHOOD = replace(SURVEY, id=2, points=(0.25, 0.5, 1.0))
CARD = ScoreCard("softmax", "multiclass", 2.0, n_classes=10)
COUNTING = replace(SURVEY, id=3, card=CARD, writes=True)
ALL = [SURVEY, LIKELIHOOD, COUNTING, replace(LIKELIHOOD, reading=replace(READING, holdout=0.4))]


@pytest.mark.parametrize("request_", ALL, ids=["survey", "likelihood", "scores", "held out"])
def test_a_total_does_not_depend_on_how_rows_are_spread(request_: Request) -> None:
    logits, labels = labelled_rows(900)
    logits[5, 3], logits[6] = np.nan, -np.inf
    whole = request_.total_of(logits, labels)
    for partitions in (2, 5, 17, 300):
        blocks = spread(logits, labels, partitions, seed=partitions)
        rng = np.random.default_rng(partitions)
        assert total_over(request_, blocks, rng).to_bytes() == whole.to_bytes()
    assert whole.rows == 900
    assert whole.plus(request_.empty()) == whole


SCORED = [
    (name, family)
    for name, row in SCORES.items()
    if not row.learned and not row.over_members
    for family in row.families
]


@pytest.mark.parametrize(("score", "family"), SCORED)
@pytest.mark.parametrize("classes", [3, 17, 1000])
def test_a_row_has_the_same_score_alone_and_among_others(
    score: str, family: str, classes: int
) -> None:
    task = "multiclass" if family == "categorical" else "multilabel"
    reading = replace(READING, score=score, task=task)
    parameters = {name: each.default for name, each in SCORES[score].parameters.items()}
    card = ScoreCard(score, task, 1.7, n_classes=classes, parameters=parameters)
    request = replace(SURVEY, reading=reading, card=card)
    rng = np.random.default_rng(classes)
    for dtype in ("float16", "float32", "float64"):
        logits = rng.normal(0.0, 4.0, (70, classes)).astype(dtype)
        logits[3, 0] = -np.inf
        together, _ = request.scores_of(logits, None)
        single = [request.scores_of(logits[k : k + 1], None)[0] for k in range(70)]
        assert np.array_equal(np.concatenate(single), together, equal_nan=True)
        strided = np.asfortranarray(logits)[::-1]
        assert np.array_equal(request.scores_of(strided, None)[0][::-1], together, equal_nan=True)


@pytest.mark.parametrize("family", ["categorical", "bernoulli"])
@pytest.mark.parametrize("classes", [1, 2, 10, 41, 500])
def test_a_row_has_the_same_likelihood_alone_and_among_others(family: str, classes: int) -> None:
    rng = np.random.default_rng(classes)
    logits = rng.normal(0.0, 4.0, (40, classes)).astype(np.float32)
    if family == "categorical":
        if classes == 1:
            pytest.skip("one class competes with none")
        labels, task = rng.integers(0, classes, 40), "multiclass"
    else:
        labels, task = rng.integers(0, 2, (40, classes)), "multilabel"
    request = replace(LIKELIHOOD, reading=replace(READING, task=task))
    whole = request.total_of(logits, labels)
    single = [request.total_of(logits[k : k + 1], labels[k : k + 1]) for k in range(40)]
    total = request.empty()
    for each in single:
        total = total.plus(each)
    assert total == whole


def test_scores_that_were_kept_give_the_same_total() -> None:
    logits, labels = labelled_rows(700)
    for reading in (READING, replace(READING, holdout=0.5)):
        request = replace(COUNTING, reading=reading)
        scores, marks = request.scores_of(logits, labels)
        again = replace(request, id=4, reads="scores", zones=((0, 1 << 31),))
        assert again.total_of_scores(scores, marks) == again.total_of(logits, labels)
        order = np.random.default_rng(0).permutation(700)
        assert again.total_of_scores(scores[order], marks[order]) == again.total_of(logits, labels)


def test_only_scores_in_the_zones_are_counted() -> None:
    logits, labels = labelled_rows(700)
    scores, _ = COUNTING.scores_of(logits, labels)
    low, high = (int(key) for key in keys_of(np.quantile(scores, [0.3, 0.6]).astype(np.float32)))
    part = replace(COUNTING, zones=((low, high),)).total_of(logits, labels).part
    assert isinstance(part, ScoresTotal)
    keys = keys_of(scores)
    inside = (keys >= low) & (keys < high)
    assert np.array_equal(part.counts.bins, np.unique(keys[inside]))
    wrong = logits.argmax(axis=1) != labels
    assert (part.counts.wrong.sum(), part.errors) == ((inside & wrong).sum(), wrong.sum())


def test_a_block_without_rows_says_nothing_of_their_shape() -> None:
    logits, labels = labelled_rows(50)
    for request in ALL:
        none = request.total_of(np.empty((0, 10)), np.empty(0))
        assert none == request.empty()
        assert request.total_of(logits, labels).plus(none) == request.total_of(logits, labels)
        shapes = () if request.card else (((10,), "float32", True),)
        assert request.total_of(logits, labels).shapes == shapes


def test_wrong_rows_are_told_and_not_raised() -> None:
    logits, labels = labelled_rows(20)
    for request in (SURVEY, LIKELIHOOD, COUNTING):
        total = request.total_of(logits[:, 0], labels)
        assert total.rows == 20
        assert total.problems
        assert "(20" not in total.problems[0]
    assert "as in the first pass, got 9" in COUNTING.total_of(logits[:, :9], labels % 9).problems[0]
    with pytest.raises(LogitconfError, match="once T is"):
        SURVEY.scores_of(logits, labels)


def test_a_request_is_small_and_travels() -> None:
    zones = tuple((k << 20, (k << 20) + 512) for k in range(100))
    for request in (*ALL, replace(COUNTING, zones=zones)):
        assert pickle.loads(pickle.dumps(request)) == request
        assert len(json.dumps(json_values(request))) < 10_000


def test_torch_tensors_are_read_as_numpy_arrays() -> None:
    torch: Any = pytest.importorskip("torch")
    logits, labels = labelled_rows(100)
    for request in ALL:
        tensors = torch.from_numpy(logits), torch.from_numpy(labels)
        assert request.total_of(*tensors) == request.total_of(logits, labels)
