"""The learned score against its definition; fitting from a model and class labels."""

import math
from dataclasses import replace
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from logitconf import (
    LearnedConfidenceScore,
    LogitconfError,
    predictions_right,
)
from logitconf.scores.table import SCORES

Array = NDArray[np.float64]


def exact_score(rows: NDArray[Any], temperature: float) -> Array:
    """−min over labels of sigmoid(s / T); NaN where a row has no score."""
    values = []
    for row in np.asarray(rows, dtype=np.float64).reshape(len(rows), -1):
        bad = np.isnan(row).any() or (row == np.inf).any() or not np.isfinite(row).any()
        z = float(row.min()) / temperature
        values.append(math.nan if bad else -float(1 / (1 + mpmath.exp(-mpmath.mpf(z)))))
    return np.array(values)


@pytest.mark.parametrize("tail", [(), (1,), (4,)])
@pytest.mark.parametrize("temperature", [1.0, 0.3, 7.0])
def test_the_score_is_the_negated_sigmoid_of_the_least_sure_label(
    tail: tuple[int, ...], temperature: float
) -> None:
    rows = (20.0 * np.random.default_rng(2).standard_normal((300, *tail))).astype(np.float32)
    task = "multilabel" if tail == (4,) else "binary"
    score = LearnedConfidenceScore(temperature, task=task)
    exact = exact_score(rows, score.temperature)
    found = score.score(torch.from_numpy(rows)).numpy().astype(np.float64)
    # z is rounded once, which moves exp(z) by |z| * 2^-24, and three more roundings
    z = np.log(np.clip(-exact, 1e-300, 1.0))
    allowed = -exact * (4.0 - z) * 2.0**-23 + 2.0**-126
    assert (np.abs(found - exact) <= allowed).all()
    double = score.score(torch.from_numpy(rows.astype(np.float64))).numpy()
    np.testing.assert_allclose(double, exact, rtol=1e-13)


@given(st.floats(-80.0, 80.0, width=32), st.floats(2.0**-6, 20.0, width=32))
def test_a_smaller_logit_is_never_surer_but_for_rounding(logit: float, gap: float) -> None:
    pair = torch.tensor([logit, logit - gap], dtype=torch.float32)
    high, low = LearnedConfidenceScore().score(pair).tolist()
    assert high <= low * (1.0 - 4.0 * 2.0**-23)


@pytest.mark.parametrize(
    ("row", "accepted"),
    [
        ([3.0, 4.0], True),
        ([3.0, -4.0], False),
        ([3.0, math.nan], False),
        ([math.nan, 3.0], False),
        ([math.inf, 3.0], False),
        ([3.0, math.inf], False),
        ([-math.inf, 3.0], False),
        ([-math.inf, -math.inf], False),
        ([3e38, 3e38], True),
        ([-3e38, 3e38], False),
    ],
)
def test_what_cannot_be_computed_is_not_accepted(row: list[float], accepted: bool) -> None:
    score = LearnedConfidenceScore(task="multilabel")
    score.set_threshold(value=-0.5)
    found = score.select(torch.tensor([row]))
    assert found["selected"].tolist() == [accepted]
    exact = exact_score(np.array([row]), 1.0)
    np.testing.assert_allclose(found["score"].numpy(), exact, rtol=1e-6)
    single = LearnedConfidenceScore()
    single.card = replace(single.card, threshold=0.5)
    usable = math.isfinite(row[0])
    assert single.select(torch.tensor(row[:1]))["selected"].tolist() == [usable]


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_the_head_decides_as_the_score_does(task: str) -> None:
    columns = 1 if task == "binary" else 3
    rows = 3.0 * torch.randn(500, columns, generator=torch.Generator().manual_seed(5))
    score = LearnedConfidenceScore(1.7, task=task).fit(rows)
    score.set_threshold(coverage=0.4)
    found, mask = score.compile()(rows)
    expected = score.select(rows)
    assert torch.equal(found, expected["score"])
    assert torch.equal(mask, expected["selected"])
    assert mask.float().mean() == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize(("task", "columns"), [("multiclass", 3), ("binary", 2)])
def test_no_head_takes_competing_classes(task: str, columns: int) -> None:
    from logitconf import ConfidenceHead, HeadForm, ScoreCard

    card = ScoreCard("learned", task, 1.0, -0.5)
    with pytest.raises(LogitconfError, match=f"task '{task}' with n_classes={columns}|one logit"):
        ConfidenceHead(card, HeadForm(columns))


def test_the_temperature_makes_it_the_probability_of_being_right() -> None:
    random = np.random.default_rng(1)
    true_logits = random.normal(1.0, 1.5, 20000)
    right = random.random(20000) < 1.0 / (1.0 + np.exp(-true_logits))
    score = LearnedConfidenceScore().fit(4.0 * true_logits, right)
    assert score.temperature == pytest.approx(4.0, rel=0.05)
    assert score.card.rows is not None
    assert score.card.rows.errors == int((~right).sum())
    score.set_threshold(coverage=0.5)
    assert score.card.policy is not None
    selected = score.select(4.0 * true_logits)["selected"]
    assert score.card.policy["errors"] == int((selected & ~right).sum())


def test_a_multilabel_row_is_wrong_if_any_label_is() -> None:
    confidence = np.array([[1.0, 2.0], [-1.0, 2.0], [0.5, -2.0], [3.0, 1.0]])
    right = np.array([[1, 1], [0, 1], [1, 0], [1, 0]])
    score = LearnedConfidenceScore(task="multilabel").fit(confidence, right)
    assert score.card.rows is not None
    assert score.card.rows.errors == 3


class TwoOutputs(nn.Module):
    """Class logits x and confidence logits −x, so that the two cannot be mixed up."""

    def __init__(self, confidence_columns: int = 1) -> None:
        super().__init__()
        self.columns = confidence_columns

    def logits(self, x: Tensor) -> Tensor:
        return x

    def confidence_logits(self, x: Tensor) -> Tensor:
        return -x[:, : self.columns]


def loader_of(columns: int, labels: Tensor | None = None) -> "DataLoader[Any]":
    x = torch.randn(60, columns, generator=torch.Generator().manual_seed(columns))
    parts = (x,) if labels is None else (x, labels)
    return DataLoader(TensorDataset(*parts), batch_size=16)


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_a_model_and_a_loader_of_class_labels_fit_as_the_rows_do(columns: int) -> None:
    rows = loader_of(columns).dataset[:][0]
    predicted = rows.argmax(dim=1) if columns > 1 else (rows[:, 0] > 0).long()
    noise = torch.randn(60, generator=torch.Generator().manual_seed(4))
    labels = torch.where(noise > rows[:, 0], predicted, (predicted + 1) % max(2, columns))
    from_rows = LearnedConfidenceScore().fit(-rows[:, :1], predicted == labels)
    fitted = LearnedConfidenceScore().fit(model=TwoOutputs(), loader=loader_of(columns, labels))
    assert fitted.temperature == from_rows.temperature
    assert fitted.scores is not None
    assert from_rows.scores is not None
    np.testing.assert_array_equal(fitted.scores, from_rows.scores)


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_a_multilabel_model_may_have_one_confidence_a_row_or_a_label(task: str) -> None:
    rows = loader_of(3).dataset[:][0]
    noise = torch.randn(60, 3, generator=torch.Generator().manual_seed(9))
    # right where the confidence −x is high
    labels = torch.where(rows < noise + 1.0, rows > 0, rows <= 0).long()
    right = (rows > 0) == (labels > 0)
    columns = 1 if task == "binary" else 3
    from_rows = LearnedConfidenceScore(task=task).fit(
        -rows[:, :columns], right.all(dim=1) if task == "binary" else right
    )
    fitted = LearnedConfidenceScore(task=task).fit(
        model=TwoOutputs(columns), loader=loader_of(3, labels)
    )
    assert fitted.temperature == from_rows.temperature
    assert fitted.card.rows is not None
    assert from_rows.card.rows is not None
    assert fitted.card.rows.errors == from_rows.card.rows.errors


def test_predictions_are_right_by_class_sign_or_label() -> None:
    classes = predictions_right(torch.tensor([[1.0, 2.0, 0.0]] * 2), torch.tensor([1, 2]))
    one = predictions_right(np.array([0.5, -0.5]), np.array([1, 1]))
    labels = predictions_right(np.array([[1.0, -1.0]]), np.array([[1, 1]]))
    assert classes.tolist() == [True, False]
    assert one.tolist() == [True, False]
    assert labels.tolist() == [[True, False]]


def test_the_table_says_which_score_is_learned() -> None:
    assert [name for name, row in SCORES.items() if row.learned] == ["learned"]
