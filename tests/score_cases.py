"""What several test files share: the score classes, the logit layouts and the rounding allowed."""

from dataclasses import dataclass

import numpy as np
import reference
import torch
from numpy.typing import NDArray

from logitconf import EnergyScore, EntropyScore, LogitScore, MarginScore, SoftmaxScore

SCORE_CLASSES: dict[str, type[LogitScore]] = {
    "softmax": SoftmaxScore,
    "entropy": EntropyScore,
    "energy": EnergyScore,
    "margin": MarginScore,
}
assert tuple(SCORE_CLASSES) == reference.SCORE_NAMES

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


def make(name: str, task: str = "multiclass", temperature: float | None = None) -> LogitScore:
    """A score of the class that computes `name`."""
    return SCORE_CLASSES[name](temperature=temperature, task=task)


def rounding_allowed(
    name: str,
    logits: NDArray[np.floating],
    temperature: float,
    task: str,
    dtype: torch.dtype = torch.float32,
) -> NDArray[np.float64]:
    """Largest difference from the exact score (N,) that rounding in `dtype` explains.

    The logits' own size must not matter but where the score is that large (energy, margin):
    subtracting the maximum comes before dividing by T. Origin, in units in the last place:
    softmax, the 4 measured at 10 classes and 13 at 1000 for a sum of exponentials; entropy, the
    2e-7 and 4e-6 measured there (2 and 34 of float32); energy, four rounded operations on terms
    as large as the maximum and T log K, for each label; margin, a difference, 1/T and a product,
    and halves of the smallest number.
    """
    unit = UNIT[dtype]
    rows = reference.rows_of(logits)
    columns = rows.shape[1]
    exact = np.abs(reference.score(name, logits, temperature, task))
    finite = np.where(np.isfinite(rows), np.abs(rows), 0.0)
    flat = np.ones(len(rows))
    energy = temperature * columns + exact
    if task != "multilabel":
        energy = temperature * (1.0 + np.log(columns)) + finite.max(axis=1, initial=0.0)
    allowed: NDArray[np.float64] = {
        "softmax": unit * (6.0 + columns / 100.0) * exact,
        "entropy": unit * (8.0 + columns / 16.0) * flat,
        "energy": 4.0 * unit * energy,
        "margin": 3.0 * unit * exact + 2.0**-148 + 2.0**-149 / temperature,
    }[name]
    return allowed


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
