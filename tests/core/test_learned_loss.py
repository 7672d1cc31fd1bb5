"""The loss of learned confidence against NumPy float64 written from the paper."""

from collections.abc import Callable
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from logitconf import (
    ConfidenceBranch,
    LearnedConfidenceLoss,
    LearnedConfidenceScore,
    LogitconfError,
)
from logitconf.learned_loss import confidence_terms, random_half

Array = NDArray[np.float64]
ROWS = 7

SHAPES: dict[str, tuple[str, tuple[int, ...], tuple[int, ...]]] = {
    "classes": ("multiclass", (4,), (1,)),
    "classes, flat confidence": ("multiclass", (4,), ()),
    "two logits": ("binary", (2,), (1,)),
    "one logit": ("binary", (1,), (1,)),
    "one logit, flat": ("binary", (), ()),
    "labels, one confidence": ("multilabel", (3,), (1,)),
    "labels, one confidence each": ("multilabel", (3,), (3,)),
}
layouts = pytest.mark.parametrize("name", SHAPES)


def batch(name: str, scale: float = 2.0) -> tuple[Array, Array, NDArray[Any], NDArray[np.bool_]]:
    """Logits, confidence logits, labels and the rows that get hints."""
    task, tail, confidence_tail = SHAPES[name]
    random = np.random.default_rng(len(name))
    logits = scale * random.standard_normal((ROWS, *tail))
    confidence = scale * random.standard_normal((ROWS, *confidence_tail))
    categorical = task == "multiclass" or tail == (2,)
    labels = random.integers(0, tail[0], ROWS) if categorical else None
    if labels is None:
        labels = random.integers(0, 2, (ROWS, *tail))
        labels = labels if task == "multilabel" else labels.reshape(ROWS)
    return logits, confidence, labels, random.random(ROWS) < 0.5


def paper_loss(
    name: str, logits: Array, confidence: Array, labels: NDArray[Any], hinted: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """Equations 2 to 4 in probabilities, as they stand in the paper; (N,) each."""
    c = 1.0 / (1.0 + np.exp(-confidence.reshape(ROWS, -1)))
    used = np.where(hinted[:, None], c, 1.0)
    if SHAPES[name][1] in ((4,), (2,)):
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        y = np.eye(logits.shape[1])[labels]
        mixed = used * p + (1.0 - used) * y
        task_loss = -(y * np.log(mixed)).sum(axis=1)
    else:
        p = 1.0 / (1.0 + np.exp(-logits.reshape(ROWS, -1)))
        y = labels.reshape(ROWS, -1).astype(np.float64)
        mixed = used * p + (1.0 - used) * y
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = np.where(y > 0, y * np.log(mixed), 0) + np.where(
                y < 1, (1 - y) * np.log(1 - mixed), 0
            )
        task_loss = -parts.mean(axis=1)
    return task_loss, -np.log(c).mean(axis=1)


def tensors(name: str, scale: float = 2.0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    logits, confidence, labels, hinted = (torch.from_numpy(part) for part in batch(name, scale))
    return logits, confidence, labels, hinted


@layouts
def test_both_terms_are_those_of_the_paper(name: str) -> None:
    expected = paper_loss(name, *batch(name))
    found = confidence_terms(*tensors(name), task=SHAPES[name][0])
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-12, atol=1e-14)
    assert batch(name)[3].any()
    assert not batch(name)[3].all()


def test_soft_labels_of_one_logit_are_mixed_in_as_they_are() -> None:
    logits, confidence, _, hinted = batch("one logit")
    labels = np.linspace(0.1, 0.9, ROWS)
    expected = paper_loss("one logit", logits, confidence, labels, hinted)[0]
    arguments = [torch.from_numpy(part) for part in (logits, confidence, labels, hinted)]
    found = confidence_terms(*arguments, task="binary")[0]
    # labels are float32, as in fit
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("size", [50.0, 300.0, 3000.0])
@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_extreme_logits_cost_what_they_should(size: float, signs: tuple[int, int]) -> None:
    z, s = signs[0] * size, signs[1] * 0.9 * size
    with mpmath.workdps(4000):
        p, c = (1 / (1 + mpmath.exp(-mpmath.mpf(v))) for v in (z, s))
        expected = float(-mpmath.log(c * p + (1 - c))), float(-mpmath.log(c))
    arguments = (torch.tensor([[z, 0.0]]), torch.tensor([s]), torch.tensor([0]))
    yes = torch.tensor([True])
    found = [float(part) for part in confidence_terms(*arguments, yes, task="multiclass")]
    # 2^-24: a float32 log softmax near 0 is 0
    assert found == pytest.approx(expected, rel=1e-6, abs=2.0**-24)


@layouts
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    logits, confidence, labels, hinted = tensors(name)

    def loss(z: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        return confidence_terms(z, s, labels, hinted, task=SHAPES[name][0])

    inputs = (logits.requires_grad_(), confidence.requires_grad_())
    assert torch.autograd.gradcheck(loss, inputs)


@layouts
def test_gradients_of_extreme_logits_are_finite(name: str) -> None:
    logits, confidence, labels, hinted = tensors(name, scale=2000.0)
    logits, confidence = logits.float().requires_grad_(), confidence.float().requires_grad_()
    losses, prices = confidence_terms(logits, confidence, labels, hinted, task=SHAPES[name][0])
    (losses.sum() + prices.sum()).backward()  # type: ignore[no-untyped-call]
    for leaf in (logits, confidence):
        assert leaf.grad is not None
        assert torch.isfinite(leaf.grad).all()


def test_the_loss_is_the_task_loss_plus_the_priced_confidence() -> None:
    logits, confidence, labels, _ = tensors("classes")
    loss = LearnedConfidenceLoss(penalty=0.25).eval()
    task_loss, price = paper_loss("classes", *batch("classes")[:3], np.zeros(ROWS, dtype=np.bool_))
    expected = task_loss.mean() + 0.25 * price.mean()
    assert float(loss(logits, confidence, labels)) == pytest.approx(expected, rel=1e-12)
    assert float(loss.penalty) == 0.25


def test_in_training_a_random_half_gets_hints() -> None:
    logits, confidence, labels, _ = tensors("classes")
    hinted = random_half(ROWS, torch.Generator().manual_seed(3)).numpy()
    loss = LearnedConfidenceLoss(generator=torch.Generator().manual_seed(3))
    task_loss, price = paper_loss("classes", *batch("classes")[:3], hinted)
    expected = task_loss.mean() + 0.1 * price.mean()
    assert float(loss(logits, confidence, labels)) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("rows", [1, 2, 7, 64])
def test_half_of_the_rows_get_hints_and_every_row_now_and_then(rows: int) -> None:
    generator = torch.Generator().manual_seed(rows)
    drawn = torch.stack([random_half(rows, generator) for _ in range(400)])
    assert set(drawn.sum(dim=1).tolist()) == {rows // 2, (rows + 1) // 2}
    # 400 fair draws lie within five standard deviations, .125, of a half
    assert (drawn.float().mean(dim=0) - 0.5).abs().max() < 0.125


@pytest.mark.parametrize(("confidence", "factor"), [(-1.0, 1 / 0.99), (4.0, 1 / 1.01)])
def test_the_penalty_follows_the_budget(confidence: float, factor: float) -> None:
    loss = LearnedConfidenceLoss(budget=0.3, penalty=0.1)
    rows = torch.full((8, 1), confidence)
    for steps in (1, 2, 3):
        loss(torch.zeros(8, 3), rows, torch.zeros(8, dtype=torch.long))
        assert float(loss.penalty) == pytest.approx(0.1 * factor**steps, rel=1e-6)
    state = LearnedConfidenceLoss()
    state.load_state_dict(loss.state_dict())
    assert float(state.penalty) == float(loss.penalty)


def test_the_penalty_of_a_batch_is_that_before_the_batch() -> None:
    loss = LearnedConfidenceLoss(penalty=0.5)
    confidence = torch.full((2, 1), -3.0, requires_grad=True)
    loss(torch.zeros(2, 2), confidence, torch.tensor([0, 1])).backward()
    assert confidence.grad is not None
    assert float(loss.penalty) > 0.5


def test_the_penalty_stays_in_its_bounds() -> None:
    low, high = LearnedConfidenceLoss(penalty=1e-6), LearnedConfidenceLoss(penalty=1e6)
    low(torch.zeros(1, 2), torch.tensor([9.0]), torch.tensor([0]))
    high(torch.zeros(1, 2), torch.tensor([-9.0]), torch.tensor([0]))
    assert float(low.penalty) == pytest.approx(1e-6)
    assert float(high.penalty) == 1e6


def test_training_learns_which_rows_cannot_be_known() -> None:
    """Labels follow the first feature, but are noise where the second is 1."""
    generator = torch.Generator().manual_seed(0)
    rows = 400
    x = torch.stack(
        [torch.randn(rows, generator=generator), (torch.arange(rows) % 2).float()], dim=1
    )
    noise = torch.randint(0, 2, (rows,), generator=generator)
    labels = torch.where(x[:, 1] > 0.5, noise, (x[:, 0] > 0).long())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        classes = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
        branch = ConfidenceBranch(2, hidden=16)
    loss = LearnedConfidenceLoss(generator=generator)
    both = [*classes.parameters(), *branch.parameters()]
    optimiser = torch.optim.Adam(both, lr=0.02)
    for _ in range(150):
        optimiser.zero_grad()
        loss(classes(x), branch(x), labels).backward()
        optimiser.step()
    confidence = torch.sigmoid(branch(x)).squeeze(1)
    assert confidence[1::2].mean() + 0.2 < confidence[::2].mean()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LearnedConfidenceLoss(budget=0.0), "budget must be finite and > 0, got 0.0"),
        (lambda: LearnedConfidenceLoss(penalty=0.0), r"penalty must be in \[1e-06, 1e\+06\], got"),
        (lambda: LearnedConfidenceLoss("regression"), "task must be one of"),
        (lambda: ConfidenceBranch(0), r"sizes of at least 1, got \[0, 1\]"),
        (
            lambda: LearnedConfidenceLoss()(torch.zeros(0, 2), torch.zeros(0), torch.zeros(0)),
            "at least one row, got none",
        ),
        (
            lambda: LearnedConfidenceLoss()(
                torch.zeros(3, 2), torch.zeros(3, 2), torch.zeros(3, dtype=torch.long)
            ),
            r"one of the shapes \[\(3,\), \(3, 1\)\] beside 3 rows, got \(3, 2\)",
        ),
        (
            lambda: LearnedConfidenceLoss()(
                torch.zeros(1, 2), torch.zeros(1), torch.tensor([2], dtype=torch.long)
            ),
            r"labels must be in 0\.\.1",
        ),
        (lambda: LearnedConfidenceScore(task="multiclass"), "task must be 'binary' .* got 'multi"),
        (
            lambda: LearnedConfidenceScore().fit(torch.zeros(3, 2)),
            "one logit a row .* or one a label .* got classes that compete",
        ),
        (
            lambda: LearnedConfidenceScore().fit(
                model=nn.Linear(1, 1), loader=DataLoader(TensorDataset(torch.zeros(2, 2)))
            ),
            r"must have a method \.logits\(x\), got Linear without one",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(LogitconfError, match=message):
        call()
