"""Scores of ensembles: means over members, their disagreement, and what an ensemble refuses."""

from contextlib import nullcontext
from pathlib import Path

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support import reference
from support.score_cases import NAMES

import logitconf
from logitconf import LogitconfError, LogitScore, MarginScore, MutualInformationScore, SoftmaxScore
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.scores.of_members import only_complete, predictive_variance_categorical
from logitconf.scores.reductions import Form
from logitconf.scores.table import refusal
from logitconf.tasks import Layout, check_task

MEMBERS = 4
CLOSE = 3e-6
"""Some tens of float32 steps of values around 1: sums of exponentials, and their mean."""
LAYOUTS: dict[str, tuple[str, tuple[int, ...]]] = {
    "classes": ("multiclass", (6, MEMBERS)),
    "one logit": ("binary", (MEMBERS,)),
    "one logit with its axis": ("binary", (1, MEMBERS)),
    "two logits": ("binary", (2, MEMBERS)),
    "labels": ("multilabel", (3, MEMBERS)),
}


def columns_of(tail: tuple[int, ...]) -> int:
    return tail[0] if len(tail) == 2 else 1


CELLS = [
    (name, layout)
    for name in (*NAMES, *reference.MEMBER_SCORE_NAMES)
    for layout, (task, tail) in LAYOUTS.items()
    if not refusal(name, Layout(check_task(task), columns_of(tail), members=MEMBERS))
]
cells = pytest.mark.parametrize(("name", "layout"), CELLS)


def make(name: str, task: str, temperature: float | None = None) -> LogitScore:
    if name in NAMES:
        return SCORE_CLASSES[name](temperature, task, per_member=True)
    return SCORE_CLASSES[name](temperature, task)


def logits_of(layout: str, rows: int = 60, scale: float = 3.0) -> NDArray[np.float32]:
    random = np.random.default_rng(11)
    return (scale * random.standard_normal((rows, *LAYOUTS[layout][1]))).astype(np.float32)


@cells
@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("scale", [0.1, 3.0, 30.0])
def test_every_score_of_members_equals_the_reference(
    name: str, layout: str, temperature: float, scale: float
) -> None:
    task, logits = LAYOUTS[layout][0], logits_of(layout, scale=scale)
    exact = reference.member_score(name, logits, temperature, task)
    for dtype, close in ((np.float32, CLOSE), (np.float64, 1e-12)):
        found = make(name, task, temperature).score(logits.astype(dtype))
        # GEN's exp(0.1 u) loses relative digits of a large u
        np.testing.assert_allclose(found, exact, rtol=10 * close, atol=close)


@cells
def test_a_member_without_a_score_leaves_the_row_without_one(name: str, layout: str) -> None:
    task = LAYOUTS[layout][0]
    for value in (np.nan, np.inf):
        logits = logits_of(layout, 3)
        logits[1].reshape(-1)[1] = value
        assert np.isnan(make(name, task).score(logits)).tolist() == [False, True, False]
    logits = logits_of(layout, 3)
    logits[1, ..., 2] = -np.inf
    assert np.isnan(make(name, task).score(logits)).tolist() == [False, True, False]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_mean_counts_only_if_every_member_has_a_score(layout: str) -> None:
    """OpenVINO may have lost a NaN by then, so the values say nothing of it."""
    logits = torch.from_numpy(logits_of(layout, 5))
    for row, value in enumerate((torch.nan, torch.inf, -torch.inf), start=1):
        logits[row, ..., 2] = value
    tail = LAYOUTS[layout][1]
    classed = len(tail) == 2
    form = Form(1 if classed else None, 1 + len(tail), columns_of(tail), members=MEMBERS)
    found = only_complete(torch.full((5,), -0.9), logits, form)
    assert found.isnan().tolist() == [False, True, True, True, False]


@pytest.mark.parametrize("name", reference.MEMBER_SCORE_NAMES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_members_that_agree_have_no_disagreement(name: str, layout: str) -> None:
    logits = np.repeat(logits_of(layout)[..., :1], MEMBERS, axis=-1)
    np.testing.assert_allclose(make(name, LAYOUTS[layout][0]).score(logits), 0.0, atol=CLOSE)


def exact_disagreement(name: str, row: NDArray[np.float32]) -> float:
    """Of classes (K, M) at T = 1, from the definitions, in 60 digits."""
    with mpmath.workdps(60):
        powers = [[mpmath.exp(mpmath.mpf(float(z))) for z in member] for member in row.T]
        shares = [[power / sum(member) for power in member] for member in powers]
        means = [sum(parts) / len(shares) for parts in zip(*shares, strict=True)]
        terms = [
            p * mpmath.log(p / q) if name == "mutual_information" else (p - q) ** 2
            for member in shares
            for p, q in zip(member, means, strict=True)
        ]
        return float(sum(terms) / len(shares))


@pytest.mark.parametrize("name", reference.MEMBER_SCORE_NAMES)
@pytest.mark.parametrize(
    ("spread", "gap"), [(3.0, 0.0), (1e-2, 0.0), (1e-4, 10.0), (1e-2, 30.0), (1.0, 60.0)]
)
@pytest.mark.parametrize("layout", ["classes", "two logits", "one logit", "labels"])
def test_in_double_nothing_cancels_where_members_nearly_agree(
    name: str, spread: float, gap: float, layout: str
) -> None:
    task = LAYOUTS[layout][0]
    logits = logits_of(layout, 8, spread)
    competing = layout in ("classes", "two logits")
    logits[:, : 1 if competing else None] += np.float32(gap)
    # the variance of a label is that of one of its pair (0, z)
    part = 0.5 if name == "predictive_variance" else 1.0

    def exact(row: NDArray[np.float32]) -> float:
        if competing:
            return exact_disagreement(name, row)
        labels = row.reshape(-1, MEMBERS)
        return max(part * exact_disagreement(name, np.stack([0.0 * z, z])) for z in labels)

    found = make(name, task, 1.0).score(logits.astype(np.float64))
    # a difference of logits of 1e-4 has lost four of double's sixteen digits
    np.testing.assert_allclose(found, [exact(row) for row in logits], rtol=1e-10, atol=0.0)


def test_members_that_are_sure_of_different_classes_differ_as_far_as_can_be() -> None:
    logits = torch.eye(3)[None] * 200.0
    found = MutualInformationScore().score(logits).item()
    assert found == pytest.approx(np.log(3), rel=1e-6)
    variance = logitconf.PredictiveVarianceScore().score(logits).item()
    assert variance == pytest.approx(3 * (1 / 3) * (2 / 3), rel=1e-6)


def test_in_double_two_members_that_are_sure_of_either_class_vary_however_means_are_rounded() -> (
    None
):
    """Both classes' means are rounded to more than 1/2 in every eighteenth of these rows."""
    z = np.linspace(0.01, 20.0, 2000)
    logits = np.zeros((2000, 2, 2))
    logits[:, 0, 0] = logits[:, 1, 1] = z
    form = Form(axis=1, rank=3, n_classes=2, members=2)
    variance = predictive_variance_categorical(logits, np.float64(1.5), form)
    # p and 1 − p, each tanh(z / 2T) / 2 from its mean of 1/2
    np.testing.assert_allclose(variance, np.tanh(z / 3.0) ** 2 / 2.0, rtol=1e-12)


def test_the_sign_of_one_logit_counts_where_members_are_compared() -> None:
    apart, alike = torch.tensor([[3.0, -3.0]]), torch.tensor([[3.0, 3.0]])
    score = MutualInformationScore(task="binary")
    assert score.score(apart).item() > 0.3
    assert abs(score.score(alike).item()) < 1e-6


def labels_for(layout: str, logits: NDArray[np.float32]) -> NDArray[np.int64]:
    """Labels drawn from the mean of the members' logits."""
    random, mean = np.random.default_rng(12), logits.mean(axis=-1)
    if LAYOUTS[layout][0] == "multiclass" or mean.shape[1:] == (2,):
        return np.asarray((mean + random.gumbel(size=mean.shape)).argmax(axis=1))
    drawn: NDArray[np.int64] = (random.logistic(size=mean.shape) < mean).astype(np.int64)
    return drawn if LAYOUTS[layout][0] == "multilabel" else drawn.reshape(len(logits))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_temperature_of_members_is_that_of_all_their_rows(layout: str) -> None:
    task, tail = LAYOUTS[layout]
    logits = logits_of(layout, 500)
    labels = labels_for(layout, logits)
    moved = np.moveaxis(logits, -1, 1).reshape(500 * MEMBERS, columns_of(tail))
    # which of so many labels is wrong has next to nothing to do with the least sure one
    vague = pytest.warns(logitconf.LogitconfWarning, match="does not tell wrong rows")
    with vague if task == "multilabel" else nullcontext():
        fitted = make("softmax", task).fit(logits, labels)
        flat = SoftmaxScore(task=task).fit(moved, np.repeat(labels, MEMBERS, axis=0))
    assert fitted.temperature == flat.temperature
    assert fitted.card.members == MEMBERS


def test_an_ensemble_decides_by_the_mean_of_its_probabilities() -> None:
    logits = np.array([[[9.0, -0.2, -0.2], [-9.0, 0.2, 0.2]], [[2.0, 2.0, 2.0], [0.0, 0.0, 0.0]]])
    score = make("softmax", "binary", 1.0)
    score.fit(logits)
    mean = score.probabilities(logits)
    parts = [reference.probabilities(logits[:, :, m]) for m in range(3)]
    np.testing.assert_allclose(mean, np.mean(parts, axis=0), rtol=1e-12)
    # most members vote for class 1 in the first row, the mean is for class 0
    assert mean.argmax(axis=1).tolist() == [0, 0]
    with pytest.warns(logitconf.LogitconfWarning, match="cannot identify a temperature"):
        score.fit(logits, np.array([0, 0]))
    assert score.card.rows is not None
    assert score.card.rows.errors == 0


def test_a_saved_score_of_members_loads_with_them(tmp_path: Path) -> None:
    logits = logits_of("classes")
    for name in ("margin", "mutual_information", "gen"):
        score = make(name, "multiclass", 1.5).fit(logits)
        score.set_threshold(q=0.6)
        score.save(tmp_path / f"{name}.json")
        loaded = logitconf.load(tmp_path / f"{name}.json")
        assert loaded.per_member
        assert loaded == score
        expected = score.select(logits)["selected"]
        np.testing.assert_array_equal(loaded.select(logits)["selected"], expected)


@cells
def test_the_head_of_members_decides_as_the_score(name: str, layout: str) -> None:
    task, tail = LAYOUTS[layout]
    logits = torch.from_numpy(logits_of(layout))
    score = make(name, task, 1.5).fit(logits)
    score.set_threshold(q=0.6)
    axis = 2 if len(tail) == 1 else 1
    head = score.compile(rank=1 + len(tail), class_axis=axis)
    found, mask = head(logits)
    expected = score.select(logits)
    assert torch.equal(found, expected["score"])
    assert torch.equal(mask, expected["selected"])
    assert 0 < int(mask.sum()) < len(logits)


@pytest.mark.parametrize(
    ("task", "shape", "phrase"),
    [
        ("multiclass", (5, 3), r"must be \(N, C, M\) with C >= 2 and M >= 1, got shape \(5, 3\)"),
        ("multiclass", (5, 3, 0), "M >= 1"),
        ("binary", (5, 3, 2), r"must be \(N, M\), \(N, 1, M\) or \(N, 2, M\)"),
        ("multilabel", (5,), r"must be \(N, L, M\)"),
    ],
)
def test_other_shapes_are_refused(task: str, shape: tuple[int, ...], phrase: str) -> None:
    with pytest.raises(LogitconfError, match=phrase):
        make("margin", task).score(np.zeros(shape, np.float32))


def test_another_number_of_members_is_refused_after_a_fit() -> None:
    score = MarginScore(per_member=True).fit(logits_of("classes"))
    with pytest.raises(LogitconfError, match="must have 4 members, as the score was fitted"):
        score.score(np.zeros((2, 6, 3), np.float32))


def test_one_member_cannot_disagree() -> None:
    with pytest.raises(LogitconfError, match="compares at least 2 members, got 1 of members"):
        MutualInformationScore().score(np.zeros((2, 6, 1), np.float32))


def test_a_head_needs_the_members_of_its_score() -> None:
    score = MarginScore(per_member=True)
    score.set_threshold(value=-1.0)
    with pytest.raises(LogitconfError, match="must know how many members"):
        score.compile(n_classes=6)
    assert score.compile(n_classes=6, members=3)(torch.zeros(2, 6, 3))[0].tolist() == [0.0, 0.0]
