"""Labels against their definition, row by row, on ordinary and hard rows of every form."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from logitconf import EnergyScore, LogitScore, MarginScore, SoftmaxScore
from logitconf.card.score_card import HeadForm, ScoreCard, check_outputs
from logitconf.errors import LogitconfError
from logitconf.head import ConfidenceHead
from logitconf.head_spec import Head
from logitconf_export.decisions.hard_rows import arranged, flattened, hard_rows, random_rows

Array = npt.NDArray[Any]
LAYOUTS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "classes": ("multiclass", 7, {}),
    "an image": ("multiclass", 5, {"rank": 4}),
    "positions": ("multiclass", 5, {"rank": 3, "class_axis": 2}),
    "classes first": ("multiclass", 5, {"rank": 2, "class_axis": 0}),
    "two logits": ("binary", 2, {}),
    "one logit": ("binary", 1, {}),
    "single logits": ("binary", 1, {"rank": 1}),
    "a map of single logits": ("binary", 1, {"rank": 4}),
    "labels": ("multilabel", 4, {}),
    "labels of an image": ("multilabel", 3, {"rank": 4}),
}


def rows_of(form: HeadForm) -> Array:
    columns = int(form.n_classes or 0)
    rows = np.concatenate([hard_rows(columns), random_rows(40, columns, seed=3)])
    rows[-9:, columns // 2] = rows[-9:, 0]
    return arranged(rows, form)


def label_of(row: list[float], task: str) -> int | list[int]:
    """By the definition: the first of the largest, or which are above 0."""
    if task == "multilabel":
        return [int(value > 0) for value in row]
    if len(row) == 1:
        return int(row[0] > 0)
    best = 0
    for place, value in enumerate(row):
        if value > row[best]:
            best = place
    return best


@pytest.mark.parametrize("runtime", ["any", "onnxruntime"])
@pytest.mark.parametrize("score", ["softmax", "energy", "margin"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_label_is_the_first_of_the_largest_and_minus_one_without_a_score(
    layout: str, score: str, runtime: str
) -> None:
    task, columns, given = LAYOUTS[layout]
    form = HeadForm(columns, runtime=runtime, outputs=("label",), **given)
    head = Head.of_card(ScoreCard(score, task, 1.7, -0.6), form)
    logits = rows_of(form)
    for outputs in (head(logits), ConfidenceHead(head.card, form)(torch.from_numpy(logits))):
        scores, mask, labels = (np.asarray(output) for output in outputs)
        assert labels.dtype == np.int64
        several = task == "multilabel"
        assert labels.shape == (logits.shape if several else mask.shape)
        label_form = HeadForm(columns, **given)
        shown = flattened(labels, label_form) if several else labels.reshape(-1)
        none = 0
        for row, value, label in zip(
            flattened(logits, form).tolist(), scores.reshape(-1), shown.tolist(), strict=True
        ):
            expected = label_of(row, task)
            if not math.isfinite(value):
                expected, none = [-1] * columns if several else -1, none + 1
            assert label == expected, row
        assert none > 5


def test_judged_labels_are_known_one_by_one() -> None:
    card = ScoreCard("margin", "multilabel", 1.0, -0.5, 3, per_label=True)
    head = Head.of_card(card, HeadForm(3, outputs=("label",)))
    logits = np.array([[2.0, -1.0, 0.0], [np.nan, 3.0, -np.inf]], np.float32)
    assert head(logits)[2].tolist() == [[1, 0, 0], [-1, 1, -1]]


def test_an_ensemble_decides_by_the_mean_of_its_members_probabilities() -> None:
    logits = np.random.default_rng(4).normal(0, 2, (200, 5, 3)).astype(np.float32)
    powers = np.exp(logits.astype(np.float64) / 1.3)
    mean = (powers / powers.sum(axis=1, keepdims=True)).mean(axis=2)
    head = Head.of_card(
        ScoreCard("softmax", "multiclass", 1.3, -0.5, members=3),
        HeadForm(5, members=3, outputs=("label", "probabilities")),
    )
    _, _, labels, shares = head(logits)
    np.testing.assert_array_equal(labels, mean.argmax(axis=1))
    # the mean logit says something else in some of these rows
    assert (labels != logits.mean(axis=2).argmax(axis=1)).any()
    np.testing.assert_allclose(shares, mean, rtol=1e-5)
    logits[3, 2, 1] = np.nan
    assert head(logits)[2][3] == -1


@pytest.mark.parametrize(
    ("kind", "columns", "row", "label"),
    [
        ("probabilities", 3, [0.2, 0.4, 0.4], 1),
        ("log-probabilities", 3, [-2.0, -1.0, -0.8], 2),
        ("probabilities", 1, [0.5], 0),
        ("probabilities", 1, [0.50000006], 1),
        ("log-probabilities", 1, [-0.6931], 1),
        ("log-probabilities", 1, [-0.6932], 0),
    ],
)
def test_probabilities_are_compared_as_they_are(
    kind: str, columns: int, row: list[float], label: int
) -> None:
    task = "multiclass" if columns > 1 else "binary"
    form = HeadForm(columns, kind=kind, outputs=("label",))
    head = Head.of_card(ScoreCard("softmax", task, 1.0, -0.1), form)
    assert head(np.array([row], np.float32))[2].tolist() == [label]


def test_what_has_no_label_is_refused_with_the_reason() -> None:
    learned = ScoreCard("learned", "binary", 1.0, -0.5, 1)
    with pytest.raises(LogitconfError, match="a learned confidence reads no classes"):
        Head.of_card(learned, HeadForm(1, outputs=("label",)))
    free = MarginScore()
    free.set_threshold(value=-0.5)
    with pytest.raises(LogitconfError, match="needs to know how many classes"):
        free.compile(outputs=("label",))
    with pytest.raises(LogitconfError, match=r"outputs must be some of .*, got \['top'\] too"):
        free.compile(n_classes=3, outputs=("top",))
    with pytest.raises(LogitconfError, match="outputs must be a sequence of names"):
        check_outputs("label")


@pytest.mark.parametrize("kind", [SoftmaxScore, EnergyScore])
def test_outputs_come_in_one_order_however_they_are_asked_for(kind: type[LogitScore]) -> None:
    score = kind()
    score.set_threshold(value=-0.6)
    head = score.compile(n_classes=3, outputs=["probabilities", "label"])
    assert head.form.outputs == ("score", "mask", "label", "probabilities")
    logits = torch.tensor([[1.0, 3.0, 3.0]])
    score_, mask, label, shares = head(logits)
    assert (score_.shape, mask.shape, label.tolist(), shares.shape) == ((1,), (1,), [1], (1, 3))
