"""What cannot be computed is never accepted; what can be is never rejected for its size."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support import reference
from support.score_cases import assert_close, make, names, names_and_tasks, names_for_all_cases

NAN, INF = np.nan, np.inf
SUBNORMAL = 1e-40
ACCEPT_ALL = 3.4e38
"""A threshold above every score, so that only the not-finite rule can reject a row."""

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])

NO_SCORE = {
    "NaN first": [NAN, 1.0, 2.0],
    "NaN second": [1.0, NAN, 2.0],
    "NaN last": [1.0, 2.0, NAN],
    "NaN after the maximum": [9.0, NAN, 0.0],
    "NaN beside a masked class": [-INF, 1.0, NAN],
    "NaN and +inf": [NAN, INF, 0.0],
    "+inf and NaN": [INF, 0.0, NAN],
    "all NaN": [NAN, NAN, NAN],
    "+inf first": [INF, 0.0, 1.0],
    "+inf last": [0.0, 1.0, INF],
    "two +inf": [INF, 0.0, INF],
    "+inf and -inf": [INF, -INF, 0.0],
    "+inf, otherwise -inf": [-INF, INF, -INF],
    "all +inf": [INF, INF, INF],
    "all -inf": [-INF, -INF, -INF],
}
COMPUTABLE = {
    "one masked class": [-INF, 1.0, 2.0],
    "masked class last": [3.0, 2.5, -INF],
    "tie beside a masked class": [1.0, -INF, 1.0],
    "large": [3e38, 2e38, 1e38],
    "large and negative": [-3e38, -2e38, -1e38],
    "large ties": [3e38, 3e38, 3e38],
    "large ties of opposite sign": [3e38, 3e38, -3e38],
    "large beside a masked class": [3e38, 2e38, -INF],
    "ten thousand": [1e4, -1e4, 9999.0],
    "subnormal": [SUBNORMAL, -SUBNORMAL, 0.0],
    "smallest": [1e-45, 0.0, -1e-45],
    "signed zeros": [0.0, -0.0, 0.0],
    "all alike": [4.0, 4.0, 4.0],
    "exponentials that vanish": [0.0, -104.0, -200.0],
}


def selected(
    name: str, logits: NDArray[np.floating], task: str, temperature: float = 1.0
) -> dict[str, torch.Tensor]:
    score = make(name, task, temperature)
    score.card = replace(score.card, threshold=ACCEPT_ALL)
    return score.select(torch.from_numpy(logits))


@names_and_tasks
@dtypes
@pytest.mark.parametrize("row", NO_SCORE)
def test_a_row_without_a_score_is_nan_and_rejected(
    name: str, task: str, dtype: type[np.floating], row: str
) -> None:
    logits = np.array([[0.0, 1.0, 3.0], NO_SCORE[row], [3.0, 1.0, 0.0]], dtype=dtype)
    found = selected(name, logits, task)
    assert found["score"].isnan().tolist() == [False, True, False]
    assert found["selected"].tolist() == [True, False, True]


@names_for_all_cases
@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("tail", [(), (1,)])
def test_one_logit_without_a_score_is_nan_and_rejected(
    name: str, value: float, tail: tuple[int, ...]
) -> None:
    logits = np.array([1.0, value, -2.0], dtype=np.float32).reshape(3, *tail)
    found = selected(name, logits, "binary")
    assert found["score"].isnan().tolist() == [False, True, False]
    assert found["selected"].tolist() == [True, False, True]


@names_for_all_cases
@pytest.mark.parametrize("row", [[NAN, 1.0], [1.0, NAN], [INF, 0.0], [0.0, INF], [-INF, -INF]])
def test_two_logits_without_a_score_are_nan_and_rejected(name: str, row: list[float]) -> None:
    found = selected(name, np.array([row, [1.0, 0.0]], dtype=np.float32), "binary")
    assert found["score"].isnan().tolist() == [True, False]
    assert found["selected"].tolist() == [False, True]


@names_and_tasks
@dtypes
@pytest.mark.parametrize("temperature", [1.0, 2.5, 0.25])
@pytest.mark.parametrize("row", COMPUTABLE)
def test_a_hard_row_with_a_score_equals_the_reference_and_can_be_accepted(
    name: str, task: str, dtype: type[np.floating], temperature: float, row: str
) -> None:
    logits = np.array([COMPUTABLE[row]], dtype=dtype)
    found = selected(name, logits, task, temperature)
    assert_close(found["score"], name, logits, temperature, task)
    with np.errstate(over="ignore"):
        rounded = reference.score(name, logits, temperature, task).astype(np.float32)
    assert found["selected"].tolist() == np.isfinite(rounded).tolist()


def without_nan(reduce: Callable[..., torch.Tensor], filler: float) -> Callable[..., torch.Tensor]:
    """A maximum or minimum as some runtimes take it: a NaN is dropped unless it comes first."""

    def reduction(x: torch.Tensor, dim: int, keepdims: bool = False) -> torch.Tensor:
        later = torch.arange(x.shape[dim]).reshape([-1 if i == dim else 1 for i in range(x.ndim)])
        return reduce(torch.where(x.isnan() & (later > 0), filler, x), dim=dim, keepdim=keepdims)

    return reduction


@names_and_tasks
@pytest.mark.parametrize("row", NO_SCORE)
def test_no_guard_relies_on_a_maximum_that_carries_nan(
    name: str, task: str, row: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "amax", without_nan(torch.amax, -INF))
    monkeypatch.setattr(torch, "amin", without_nan(torch.amin, INF))
    logits = np.array([[0.0, 1.0, 3.0], NO_SCORE[row]], np.float32)
    found = selected(name, logits, task)
    assert found["score"].isnan().tolist() == [False, True]
    assert found["selected"].tolist() == [True, False]


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("finite", [3.0, -5.0, 0.0, 3e38, -3e38])
def test_the_margin_of_one_finite_class_is_minus_infinity_and_rejected(
    position: int, finite: float
) -> None:
    row = np.full((1, 3), -INF, dtype=np.float32)
    row[0, position] = finite
    found = selected("margin", row, "multiclass")
    assert found["score"].tolist() == [-INF]
    assert found["selected"].tolist() == [False]


@pytest.mark.parametrize("name", ["softmax", "entropy", "energy"])
def test_one_finite_class_is_certain_in_every_score_but_the_margin(name: str) -> None:
    row = np.array([[-INF, 3.0, -INF]], dtype=np.float32)
    found = selected(name, row, "multiclass", 2.0)
    expected = {"softmax": -1.0, "entropy": 0.0, "energy": -3.0}[name]
    assert found["score"].tolist() == [expected]
    assert found["selected"].tolist() == [True]


@names_for_all_cases
def test_a_certain_negative_label_leaves_the_score_to_the_others(name: str) -> None:
    with_it = np.array([[-INF, 0.5, -1.0, -INF]], dtype=np.float32)
    found = selected(name, with_it, "multilabel")
    expected = selected(name, with_it[:, 1:3].copy(), "multilabel")
    torch.testing.assert_close(found["score"], expected["score"], rtol=3e-7, atol=0)
    assert found["selected"].tolist() == [True]


@names
def test_a_masked_class_is_as_if_it_were_absent(name: str) -> None:
    masked = np.array([[1.5, -INF, 0.5, -INF, -1.0]], dtype=np.float32)
    found = selected(name, masked, "multiclass", 1.5)
    expected = selected(name, masked[:, ::2].copy(), "multiclass", 1.5)
    torch.testing.assert_close(found["score"], expected["score"], rtol=3e-7, atol=0)


@pytest.mark.parametrize("position", [0, 17, 500, 999])
@names
def test_one_nan_among_a_thousand_classes_is_found(name: str, position: int) -> None:
    logits = np.random.default_rng(5).standard_normal((3, 1000)).astype(np.float32)
    logits[1, position] = NAN
    found = selected(name, logits, "multiclass")
    assert found["selected"].tolist() == [True, False, True]


def test_a_margin_too_large_for_float32_is_rejected() -> None:
    row = np.array([[3e38, -3e38]], dtype=np.float32)
    found = selected("margin", row, "multiclass")
    assert found["score"].tolist() == [-INF]
    assert found["selected"].tolist() == [False]


def test_a_margin_that_the_temperature_brings_into_range_is_accepted() -> None:
    row = np.array([[3e38, -3e38]], dtype=np.float32)
    found = selected("margin", row, "multiclass", 2.5)
    assert found["score"].tolist() == pytest.approx([-2.4e38], rel=1e-6)
    assert found["selected"].tolist() == [True]


def test_a_float64_score_beyond_float32_is_computed_but_rejected() -> None:
    found = selected("energy", np.array([[1e300, 0.0], [5.0, 0.0]]), "multiclass")
    assert found["score"].dtype == torch.float64
    assert found["score"][0].item() == pytest.approx(-1e300)
    assert found["selected"].tolist() == [False, True]
