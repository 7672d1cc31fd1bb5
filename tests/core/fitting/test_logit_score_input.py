"""Bad input: every one is refused with a sentence that tells what is wrong, and changes nothing."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.score_cases import CASES
from torch import nn
from torch.utils.data import DataLoader

import logitconf
from logitconf import LogitconfError, LogitconfWarning, SoftmaxScore

F32 = np.float32
LOGITS = CASES["ten classes"].logits(8)
LABELS = CASES["ten classes"].labels(8)


class Doubler(nn.Module):
    """A model whose logits are twice its input."""

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        return 2.0 * x


@pytest.mark.parametrize("task", ["regression", "", "Multiclass", None])
def test_an_unknown_task_is_refused_with_the_list_of_tasks(task: Any) -> None:
    with pytest.raises(LogitconfError, match=r"multiclass.*binary.*multilabel"):
        SoftmaxScore(task=task)


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.nan, np.inf, "warm", True])
def test_a_temperature_that_is_no_positive_number_is_refused(temperature: Any) -> None:
    with pytest.raises(LogitconfError, match="temperature"):
        SoftmaxScore(temperature=temperature)


def test_the_base_class_names_the_scores_in_a_fresh_interpreter() -> None:
    code = "import logitconf\ntry: logitconf.LogitScore()\nexcept ValueError as e: print(e)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = [name for name in logitconf.__all__ if name.endswith("Score") and name != "LogitScore"]
    assert told.stdout.startswith("choose a score")
    assert all(f"'{name}'" in told.stdout for name in names)


@pytest.mark.parametrize(
    ("task", "shape", "phrase"),
    [
        ("multiclass", (8,), r"\(N, C\).*\(8,\)"),
        ("multiclass", (8, 1), r"C >= 2.*\(8, 1\)"),
        ("multiclass", (8, 0), r"C >= 2.*\(8, 0\)"),
        ("multiclass", (2, 3, 4), r"\(N, C\).*\(2, 3, 4\)"),
        ("multiclass", (), r"\(N, C\).*\(\)"),
        ("binary", (), r"\(N, 2\).*\(\)"),
        ("binary", (8, 3), r"\(N, 2\).*\(8, 3\)"),
        ("binary", (8, 0), r"\(N, 2\).*\(8, 0\)"),
        ("binary", (2, 3, 4), r"\(N, 2\).*\(2, 3, 4\)"),
        ("multilabel", (8,), r"\(N, L\).*\(8,\)"),
        ("multilabel", (8, 0), r"\(N, L\).*\(8, 0\)"),
        ("multilabel", (2, 3, 4), r"\(N, L\).*\(2, 3, 4\)"),
    ],
)
def test_logits_of_a_wrong_shape_are_refused_with_both_shapes(
    task: str, shape: tuple[int, ...], phrase: str
) -> None:
    score = SoftmaxScore(task=task)
    score.set_threshold(value=-0.5)
    for use in (score.score, score.select, score.probabilities, score.fit):
        with pytest.raises(LogitconfError, match=phrase):
            use(np.zeros(shape, F32))


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_, np.complex64])
def test_logits_that_are_not_floating_are_refused(dtype: type[np.generic]) -> None:
    for values in (np.zeros((4, 3), dtype), torch.from_numpy(np.zeros((4, 3), dtype))):
        with pytest.raises(LogitconfError, match=r"float|complex"):
            SoftmaxScore().score(values)


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="longdouble is float64 here")
def test_logits_wider_than_float64_are_refused() -> None:
    with pytest.raises(LogitconfError, match=r"float|longdouble"):
        SoftmaxScore().score(np.zeros((4, 3), np.longdouble))


@pytest.mark.parametrize(
    "values", [np.array([["a", "b"]]), np.array([[None, 1.0]]), "logits", None]
)
def test_logits_that_are_no_numbers_are_refused(values: Any) -> None:
    with pytest.raises(LogitconfError, match=r"tensor|array"):
        SoftmaxScore().score(values)


@pytest.mark.parametrize(
    ("task", "tail", "labels", "phrase"),
    [
        ("multiclass", (3,), [0, 1, 3, 0], "0..2.*3"),
        ("multiclass", (3,), [0, -1, 1, 0], "0..2.*-1"),
        ("multiclass", (3,), [0.0, 0.5, 1.0, 0.0], "whole|integer|indices"),
        ("multiclass", (3,), [0.0, np.nan, 1.0, 0.0], "NaN"),
        ("multiclass", (3,), [0, 1, 2], r"4.*\(3,\)"),
        ("multiclass", (3,), [[1, 0, 0]] * 4, r"\(4, 3\)"),
        ("binary", (2,), [0, 1, 2, 0], "0..1.*2"),
        ("binary", (2,), [0.0, np.nan, 1.0, 0.0], "NaN"),
        ("binary", (), [0.0, 2.0, 1.0, 0.0], r"\[0, 1\].*2"),
        ("binary", (), [0.0, -1.0, 1.0, 0.0], r"\[0, 1\].*-1"),
        ("binary", (1,), [0.0, np.nan, 1.0, 0.0], "NaN"),
        ("binary", (1,), [0.0, 1.0], r"4.*\(2,\)"),
        ("multilabel", (3,), [0, 1, 1, 0], r"\(4, 3\).*\(4,\)"),
        ("multilabel", (3,), [[0, 1]] * 4, r"\(4, 3\).*\(4, 2\)"),
        ("multilabel", (3,), [[0, 1, 2]] * 4, r"\[0, 1\].*2"),
        ("multilabel", (3,), [[0.0, 1.0, np.nan]] * 4, "NaN"),
    ],
)
def test_labels_that_do_not_fit_are_refused_with_the_reason(
    task: str, tail: tuple[int, ...], labels: list[Any], phrase: str
) -> None:
    score = SoftmaxScore(2.5, task)
    for values in (np.array(labels), torch.tensor(labels)):
        with pytest.raises(LogitconfError, match=phrase):
            score.fit(np.zeros((4, *tail), F32), values)
    assert score.temperature == 2.5


@pytest.mark.parametrize("labels", [np.array(["cat"] * 8), np.array([None] * 8), "labels"])
def test_labels_that_are_no_numbers_are_refused(labels: Any) -> None:
    with pytest.raises(LogitconfError, match="labels"):
        SoftmaxScore().fit(LOGITS, labels)


@pytest.mark.parametrize("case", CASES)
def test_no_rows_cannot_be_fitted(case: str) -> None:
    layout = CASES[case]
    for labels in (None, layout.labels(0)):
        with pytest.raises(LogitconfError, match="at least one row"):
            SoftmaxScore(task=layout.task).fit(layout.logits(0), labels)


def test_rows_that_all_lack_a_score_never_give_a_threshold_in_silence() -> None:
    score = SoftmaxScore()

    def fit_and_threshold() -> None:
        score.fit(np.full((8, 3), np.nan, F32), np.zeros(8, np.int64))
        score.set_threshold(coverage=0.5)

    with pytest.raises((LogitconfError, LogitconfWarning), match=r"finite|score|identify"):
        fit_and_threshold()
    assert score.threshold is None


def loader() -> "DataLoader[Any]":
    return DataLoader([torch.zeros(3)] * 4, batch_size=2)  # type: ignore[arg-type]


def test_fit_takes_logits_or_a_model_with_its_loader_and_nothing_between() -> None:
    with pytest.raises(LogitconfError, match="both"):
        SoftmaxScore().fit(LOGITS, LABELS, model=Doubler(), loader=loader())
    with pytest.raises(LogitconfError, match="both"):
        SoftmaxScore().fit(LOGITS, model=Doubler())
    with pytest.raises(LogitconfError, match="both"):
        SoftmaxScore().fit(LOGITS, loader=loader())
    with pytest.raises(LogitconfError, match="neither"):
        SoftmaxScore().fit()
    with pytest.raises(LogitconfError, match="logits"):
        SoftmaxScore().fit(Y=LABELS)
    with pytest.raises(LogitconfError, match="loader"):
        SoftmaxScore().fit(model=Doubler())
    with pytest.raises(LogitconfError, match="model"):
        SoftmaxScore().fit(loader=loader())


def test_after_fit_another_number_of_columns_is_refused() -> None:
    score = SoftmaxScore().fit(LOGITS)
    with pytest.raises(LogitconfError, match=r"10.*\(4, 9\)"):
        score.score(np.zeros((4, 9), F32))


@pytest.mark.parametrize(
    ("how", "phrase"),
    [
        ({"q": -0.5}, r"\bq\b"),
        ({"q": 1.5}, r"\bq\b"),
        ({"q": np.nan}, r"\bq\b"),
        ({"coverage": 0.0}, "coverage"),
        ({"coverage": 1.5}, "coverage"),
        ({"coverage": np.nan}, "coverage"),
        ({"value": np.nan}, "threshold|value"),
        ({"value": np.inf}, "threshold|value"),
        ({"value": 1e39}, "threshold|value"),
        ({"value": "high"}, "threshold|value"),
        ({"q": 0.9, "coverage": 0.9}, "q.*coverage|one"),
        ({"value": -0.5, "coverage": 0.9}, "value.*coverage|one"),
    ],
)
def test_a_threshold_that_makes_no_sense_is_refused_and_the_old_one_stays(
    how: dict[str, Any], phrase: str
) -> None:
    score = SoftmaxScore().fit(CASES["ten classes"].logits(100))
    score.set_threshold(value=-0.75)
    with pytest.raises(LogitconfError, match=phrase):
        score.set_threshold(**how)
    assert score.threshold == -0.75


@pytest.mark.parametrize("how", [{}, {"q": 0.9}, {"coverage": 0.9}])
def test_a_policy_on_rows_names_fit_when_there_are_none(how: dict[str, Any]) -> None:
    with pytest.raises(LogitconfError, match="fit"):
        SoftmaxScore().set_threshold(**how)
    with pytest.raises(LogitconfError, match="fit"):
        SoftmaxScore().select(LOGITS)


def test_a_risk_needs_labels() -> None:
    score = SoftmaxScore().fit(CASES["ten classes"].logits(100))
    with pytest.raises(LogitconfError, match="labels"):
        score.set_threshold(risk=0.1)


@pytest.mark.parametrize(
    ("content", "phrase"),
    [
        ("", "JSON"),
        ("{", "JSON"),
        ("[1, 2]", "card"),
        ("{}", "card"),
        ('{"schema": 99, "score": "softmax", "task": "multiclass"}', "99"),
        ('{"schema": 1, "score": "softmaxx", "task": "multiclass"}', "softmaxx"),
        ('{"schema": 1, "score": "softmax", "task": "multi"}', "multi"),
        ('{"schema": 1, "score": "softmax", "task": "binary", "temperature": -1}', "temperature"),
        ('{"schema": 1, "score": "softmax", "task": "binary", "threshold": NaN}', "NaN"),
        ('{"schema": 1, "score": "softmax", "task": "binary", "scores": [1]}', "scores"),
    ],
)
def test_a_file_that_is_no_card_is_refused(content: str, phrase: str, tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text(content)
    with pytest.raises(LogitconfError, match=phrase):
        logitconf.load(path)


def test_a_missing_card_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(LogitconfError, match=r"absent\.json"):
        logitconf.load(tmp_path / "absent.json")
