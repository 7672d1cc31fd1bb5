"""One row a score: what the tests must know of it besides its float64 reference.

Exact forms are written with mpmath from the definitions, apart from `reference` and from the code.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import mpmath  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

Exact = Any
"""A number of mpmath, which has no types."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows whose rounding is asked for, (N,) each but for the numbers that they share.

    Attributes:
        unit: distance from 1 to the next value of the type that is computed in.
        columns: how many logits a row has.
        temperature: divides the logits.
        exact: size of the exact score.
        largest: size of the largest finite logit.
        spread: largest minus smallest finite logit.
        labels: whether the columns are labels.
    """

    unit: float
    columns: int
    temperature: float
    exact: NDArray[np.float64]
    largest: NDArray[np.float64]
    spread: NDArray[np.float64]
    labels: bool


@dataclass(frozen=True, slots=True)
class ExactRow:
    """One row in exact numbers: z = logits / T, its softmax p, its pairs (1 - p, p), and T."""

    z: Sequence[Exact]
    p: Sequence[Exact]
    pairs: Sequence[Sequence[Exact]]
    temperature: float


Formula: TypeAlias = Callable[[ExactRow], Exact]


@dataclass(frozen=True, slots=True)
class ScoreTest:
    """What the tests know of one score.

    Attributes:
        classes: exactly, for classes that compete.
        labels: exactly, for labels; None if it has no such form.
        even: of eight classes that are all 5, at T = 2.
        allowed: the largest difference that rounding explains.
        near_zero: whether it is a small difference of large numbers, so that double precision
            keeps its absolute accuracy and not that of its last place.
    """

    classes: Formula
    labels: Formula | None
    even: float
    allowed: Callable[[Rows], NDArray[np.float64]]
    near_zero: bool = False


def _of_probabilities(
    formula: Callable[[Sequence[Exact]], Exact],
) -> tuple[Formula, Formula]:
    """Of classes, and of labels the one that the formula is largest for."""
    return lambda row: formula(row.p), lambda row: max(formula(pair) for pair in row.pairs)


def _entropy(p: Sequence[Exact]) -> Exact:
    return -mpmath.fsum(share * mpmath.log(share) for share in p)


def _norm(z: Sequence[Exact]) -> Exact:
    centred = [value - mpmath.fsum(z) / len(z) for value in z]
    norm = mpmath.fsum(abs(value) ** 4 for value in centred) ** (mpmath.mpf(1) / 4)
    return -max(centred) / norm if norm else mpmath.mpf(0)


def _gen(p: Sequence[Exact]) -> Exact:
    return mpmath.fsum((share * (1 - share)) ** mpmath.mpf(0.1) for share in p)


def _squares(p: Sequence[Exact]) -> Exact:
    return mpmath.fsum(share**2 for share in p)


def _energy_allowed(rows: Rows) -> NDArray[np.float64]:
    """Four rounded operations on terms as large as the maximum and T log K, for each label."""
    if rows.labels:
        return 4.0 * rows.unit * (rows.temperature * rows.columns + rows.exact)
    terms = rows.temperature * (1.0 + math.log(rows.columns))
    return 4.0 * rows.unit * (terms + rows.largest)


def _difference_allowed(rows: Rows) -> NDArray[np.float64]:
    """A difference, 1/T and a product, and halves of the smallest number."""
    return 3.0 * rows.unit * rows.exact + 2.0**-148 + 2.0**-149 / rows.temperature


def _gen_allowed(rows: Rows) -> NDArray[np.float64]:
    """exp(0.1 u) of a u as large as the spread over T."""
    ulps = 8.0 + rows.columns / 16.0 + 0.6 * rows.largest / rows.temperature
    return rows.unit * ulps * rows.exact + 1e-37


def _sum_allowed(rows: Rows) -> NDArray[np.float64]:
    return rows.unit * (8.0 + rows.columns / 16.0) * np.ones_like(rows.exact)


SCORE_TESTS: Mapping[str, ScoreTest] = MappingProxyType(
    {
        # 4 ulps measured at 10 classes and 13 at 1000 for a sum of exponentials
        "softmax": ScoreTest(
            *_of_probabilities(lambda p: -max(p)),
            even=-1 / 8,
            allowed=lambda rows: rows.unit * (6.0 + rows.columns / 100.0) * rows.exact,
        ),
        # 2e-7 and 4e-6 measured there (2 and 34 of float32)
        "entropy": ScoreTest(
            *_of_probabilities(_entropy), even=np.log(8), allowed=_sum_allowed, near_zero=True
        ),
        "energy": ScoreTest(
            lambda row: -row.temperature * mpmath.log(mpmath.fsum(map(mpmath.exp, row.z))),
            lambda row: (
                -row.temperature * mpmath.fsum(mpmath.log(1 + mpmath.exp(v)) for v in row.z)
            ),
            even=-(5.0 + 2.0 * np.log(8)),
            allowed=_energy_allowed,
        ),
        "margin": ScoreTest(
            lambda row: sorted(row.z)[-2] - max(row.z),
            lambda row: -min(map(abs, row.z)),
            even=0,
            allowed=_difference_allowed,
        ),
        "softmax_margin": ScoreTest(
            *_of_probabilities(lambda p: sorted(p)[-2] - max(p)),
            even=0,
            allowed=lambda rows: (
                rows.unit * (8.0 + rows.columns / 100.0) * np.ones_like(rows.exact)
            ),
            near_zero=True,
        ),
        "max_logit": ScoreTest(
            lambda row: -max(row.z),
            lambda row: -max(row.z),
            even=-2.5,
            allowed=_difference_allowed,
        ),
        # rows that spread less than 1e-35 count as flat
        "max_logit_norm": ScoreTest(
            lambda row: _norm(row.z),
            None,
            even=0,
            allowed=lambda rows: np.where(rows.spread < 1e-35, 1.0, _sum_allowed(rows)),
            near_zero=True,
        ),
        "gen": ScoreTest(
            *_of_probabilities(_gen), even=8 * (7 / 64) ** 0.1, allowed=_gen_allowed, near_zero=True
        ),
        "gini": ScoreTest(
            *_of_probabilities(lambda p: 1 - _squares(p)),
            even=7 / 8,
            allowed=_sum_allowed,
            near_zero=True,
        ),
        "doctor": ScoreTest(
            *_of_probabilities(lambda p: 1 / _squares(p) - 1),
            even=7,
            allowed=lambda rows: rows.unit * (8.0 + rows.columns / 8.0) * (1.0 + rows.exact),
            near_zero=True,
        ),
        "doctor_beta": ScoreTest(
            *_of_probabilities(lambda p: 1 / max(p) - 1),
            even=7,
            allowed=lambda rows: rows.unit * (4.0 + rows.columns / 100.0) * (1.0 + rows.exact),
            near_zero=True,
        ),
    }
)
