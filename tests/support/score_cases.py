"""What several test files share: the score classes, the logit layouts and the rounding allowed."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support import reference
from support.score_rows import SCORE_TESTS, Rows

from logitconf import LogitScore
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.scores.table import SCORES, refusal
from logitconf.tasks import Layout, check_task

NAMES = [name for name, row in SCORES.items() if not row.over_members and not row.learned]
assert set(SCORE_CLASSES) == set(SCORES)
assert set(NAMES) == set(reference.SCORE_NAMES) == set(SCORE_TESTS)
assert set(SCORES) - set(NAMES) == {*reference.MEMBER_SCORE_NAMES, "learned"}

UNIT = {torch.float32: 2.0**-23, torch.float64: 2.0**-52}
"""Distance from 1 to the next value of each type that scores are computed in."""


@dataclass(frozen=True, slots=True)
class Case:
    """A task and the shape of its logits after the rows."""

    task: str
    tail: tuple[int, ...]

    def logits(self, rows: int, *, scale: float = 3.0, seed: int = 7) -> NDArray[np.float32]:
        """Random float32 logits (rows, *tail) with standard deviation `scale`."""
        random = np.random.default_rng(seed)
        return (scale * random.standard_normal((rows, *self.tail))).astype(np.float32)

    def labels(self, rows: int, *, seed: int = 8) -> NDArray[np.int64]:
        """Random labels in the shape that the task asks for."""
        random = np.random.default_rng(seed)
        if self.task == "multilabel":
            return random.integers(0, 2, (rows, *self.tail))
        return random.integers(0, self.tail[-1] if self.task == "multiclass" else 2, rows)


CASES: dict[str, Case] = {
    "two classes": Case("multiclass", (2,)),
    "ten classes": Case("multiclass", (10,)),
    "thousand classes": Case("multiclass", (1000,)),
    "binary (N,)": Case("binary", ()),
    "binary (N, 1)": Case("binary", (1,)),
    "binary (N, 2)": Case("binary", (2,)),
    "one label": Case("multilabel", (1,)),
    "six labels": Case("multilabel", (6,)),
}


def defined(name: str, case: Case) -> bool:
    """Whether a score is defined for such logits."""
    columns = case.tail[0] if case.tail else 1
    return not refusal(name, Layout(check_task(case.task), columns))


TASK_CASES: dict[str, Case] = {
    "multiclass": CASES["ten classes"],
    "multilabel": CASES["six labels"],
}

names = pytest.mark.parametrize("name", NAMES)
names_and_cases = pytest.mark.parametrize(
    ("name", "case"), [(n, c) for n in NAMES for c in CASES if defined(n, CASES[c])]
)
names_and_tasks = pytest.mark.parametrize(
    ("name", "task"),
    [(n, t) for n in NAMES for t, case in TASK_CASES.items() if defined(n, case)],
)
names_for_all_cases = pytest.mark.parametrize(
    "name", [n for n in NAMES if all(defined(n, case) for case in CASES.values())]
)


def make(name: str, task: str = "multiclass", temperature: float | None = None) -> LogitScore:
    """A score of the class that computes `name`."""
    return SCORE_CLASSES[name](temperature=temperature, task=task)


def _spread(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest minus smallest finite value of each row, 0 without one."""
    finite = np.isfinite(rows)
    largest = np.where(finite, rows, -np.inf).max(axis=1, initial=-np.inf)
    smallest = np.where(finite, rows, np.inf).min(axis=1, initial=np.inf)
    return np.where(finite.any(axis=1), largest - smallest, 0.0)


def rounding_allowed(
    name: str,
    logits: NDArray[np.floating],
    temperature: float,
    task: str,
    dtype: torch.dtype = torch.float32,
) -> NDArray[np.float64]:
    """Largest difference from the exact score (N,) that rounding in `dtype` explains.

    The logits' own size must not matter but where the score is that large (energy, margin):
    subtracting the maximum comes before dividing by T.
    """
    rows = reference.rows_of(logits)
    finite = np.where(np.isfinite(rows), np.abs(rows), 0.0)
    measures = Rows(
        UNIT[dtype],
        rows.shape[1],
        temperature,
        np.abs(reference.score(name, logits, temperature, task)),
        finite.max(axis=1, initial=0.0),
        _spread(rows),
        task == "multilabel",
    )
    return SCORE_TESTS[name].allowed(measures)


def assert_close(
    found: torch.Tensor,
    name: str,
    logits: NDArray[np.floating],
    temperature: float = 1.0,
    task: str = "multiclass",
) -> None:
    """Every score (N,) lies within the rounding allowed, or is not finite as the reference is.

    An exact score too large for the type is an infinity of the same sign.
    """
    exact = reference.score(name, logits, temperature, task)
    dtype = np.float64 if found.dtype == torch.float64 else np.float32
    with np.errstate(over="ignore"):
        rounded = exact.astype(dtype).astype(np.float64)
    values = found.detach().cpu().numpy().astype(np.float64)
    assert values.shape == exact.shape
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(values[~finite], rounded[~finite])
    allowed = rounding_allowed(name, logits, temperature, task, found.dtype)
    for row in np.flatnonzero(finite):
        off = abs(values[row] - exact[row])
        assert off <= allowed[row], (
            f"{name} of row {row}: got {values[row]!r}, exactly {exact[row]!r}, "
            f"off by {off:.3g}, allowed {allowed[row]:.3g}"
        )
