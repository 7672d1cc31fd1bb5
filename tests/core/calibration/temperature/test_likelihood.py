"""Sums of one chunk against finite differences of the naive float64 likelihood."""

import math
from typing import Any

import array_api_strict
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import log_expit, logsumexp

from logitconf.calibration.temperature.likelihood import (
    SCALAR_NAMES,
    SCALARS,
    VECTOR_SIZE,
    LikelihoodSums,
    chunk_sums,
)
from logitconf.tasks import Family

Float64 = NDArray[np.float64]

STEP = 1e-3
# Central differences of order two: the error is the step squared times a higher derivative.
DIFFERENCE = 1e-4


def sums(
    logits: NDArray[np.floating[Any]],
    labels: NDArray[np.generic],
    b: float,
    family: Family,
    library: Any = np,
) -> LikelihoodSums:
    vector = chunk_sums(
        library.asarray(logits),
        library.asarray(labels),
        None,
        family=family,
        inverse_temperature=b,
        initial=1.0,
    )
    return LikelihoodSums.from_vector(vector)


def categorical(seed: int) -> tuple[Float64, NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    return 2.0 * generator.standard_normal((20, 4)), generator.integers(0, 4, size=20)


def bernoulli(seed: int) -> tuple[Float64, Float64]:
    generator = np.random.default_rng(seed)
    return 2.0 * generator.standard_normal((20, 3)), generator.random((20, 3))


def naive(logits: Float64, labels: NDArray[np.generic], b: float, family: Family) -> float:
    z = b * logits
    if family == "categorical":
        own = z[np.arange(len(z)), labels.astype(np.int64)]
        return float((logsumexp(z, axis=1) - own).sum())
    y = labels.astype(np.float64)
    return float(-(y * log_expit(z) + (1.0 - y) * log_expit(-z)).sum())


def rows_of(family: Family, seed: int) -> tuple[Float64, NDArray[np.generic]]:
    return categorical(seed) if family == "categorical" else bernoulli(seed)


@pytest.mark.parametrize("family", ["categorical", "bernoulli"])
@pytest.mark.parametrize("b", [0.3, 1.0, 2.0])
def test_sums_are_the_likelihood_and_its_differences(family: Family, b: float) -> None:
    logits, labels = rows_of(family, 0)
    found = sums(logits, labels, b, family)

    def f(at: float) -> float:
        return naive(logits, labels, at, family)

    assert found.nll == pytest.approx(f(b), rel=1e-12)
    assert found.nll_initial == pytest.approx(f(1.0), rel=1e-12)
    below, above = (sums(logits, labels, b + step, family) for step in (-STEP, STEP))
    slope = (f(b + STEP) - f(b - STEP)) / (2 * STEP)
    assert found.slope == pytest.approx(slope, rel=DIFFERENCE, abs=DIFFERENCE)
    curvature = (above.slope - below.slope) / (2 * STEP)
    assert found.curvature == pytest.approx(curvature, rel=DIFFERENCE)
    third = (above.curvature - below.curvature) / (2 * STEP)
    assert found.third == pytest.approx(third, rel=DIFFERENCE, abs=DIFFERENCE)


@pytest.mark.parametrize("family", ["categorical", "bernoulli"])
def test_the_slope_at_zero_and_far_out_are_the_limits(family: Family) -> None:
    logits, labels = rows_of(family, 1)
    start = sums(logits, labels, 0.0, family)
    assert start.slope == pytest.approx(sums(logits, labels, 1e-9, family).slope, rel=1e-6)
    far = sums(logits, labels, 1e4, family)
    assert far.slope == pytest.approx(far.gap, rel=1e-9)


@pytest.mark.parametrize("family", ["categorical", "bernoulli"])
@pytest.mark.parametrize("b", [0.0, 0.7])
def test_an_absent_class_or_certain_negative_changes_no_derivative(
    family: Family, b: float
) -> None:
    logits, labels = rows_of(family, 2)
    masked = np.concatenate([logits, np.full((20, 1), -math.inf)], axis=1)
    if family == "bernoulli":
        labels = np.concatenate([labels, np.zeros((20, 1))], axis=1)
        plain = sums(logits, labels[:, :-1], b, family)
    else:
        plain = sums(logits, labels, b, family)
    found = sums(masked, labels, b, family)
    assert found.slope == pytest.approx(plain.slope, rel=1e-12)
    assert found.curvature == pytest.approx(plain.curvature, rel=1e-12)
    assert found.third == pytest.approx(plain.third, rel=1e-12)
    assert found.left_out == 0


@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_bad_value_is_found_in_any_column(place: int, bad: float) -> None:
    for family in ("categorical", "bernoulli"):
        logits, labels = categorical(3)
        logits[5, place], logits[5, 2] = bad, -math.inf
        if family == "bernoulli":
            found = sums(logits, np.zeros((20, 4)), 1.0, "bernoulli")
        else:
            labels[5] = place
            found = sums(logits, labels, 1.0, "categorical")
        assert (found.rows, found.left_out) == (19, 1)
        assert math.isfinite(found.nll)


def test_sums_do_not_overflow_with_float32_logits() -> None:
    logits, labels = categorical(4)
    found = sums((1e30 * logits).astype(np.float32), labels, 1e-30, "categorical")
    plain = sums(logits, labels, 1.0, "categorical")
    assert found.slope == pytest.approx(1e30 * plain.slope, rel=1e-5)
    assert found.curvature == pytest.approx(1e60 * plain.curvature, rel=1e-5)


@pytest.mark.parametrize("library", [torch, array_api_strict])
@pytest.mark.parametrize("family", ["categorical", "bernoulli"])
@pytest.mark.parametrize("b", [0.0, 0.7])
@pytest.mark.parametrize("columns", [4, 50])
def test_every_library_gives_the_same_sums(
    library: Any, family: Family, b: float, columns: int
) -> None:
    generator = np.random.default_rng(7)
    logits = generator.standard_normal((30, columns)).astype(np.float32)
    logits[3, 1], logits[5] = -math.inf, math.nan
    labels = generator.integers(2, columns, size=30)
    given = labels if family == "categorical" else (np.arange(columns) == labels[:, None]) * 1.0
    expected = sums(logits, given, b, family)
    found = sums(logits, given, b, family, library)
    assert (found.rows, found.left_out) == (29, 1)
    for name in SCALAR_NAMES:
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-13)
    assert found.label_bits == expected.label_bits


@pytest.mark.parametrize(
    ("labels", "one"), [([5, 5, 5], True), ([5, 7, 5], False), ([0, 0], True), ([0, 4], False)]
)
def test_one_class_is_read_off_the_bits(labels: list[int], one: bool) -> None:
    logits = np.zeros((len(labels), 9))
    assert sums(logits, np.array(labels), 1.0, "categorical").one_class is one


@pytest.mark.parametrize("family", ["categorical", "bernoulli"])
def test_labels_of_rows_left_out_do_not_make_one_class_of_two(family: Family) -> None:
    logits, labels = rows_of(family, 5)
    logits[:15], labels[:15] = math.nan, 1
    found = sums(logits, labels, 1.0, family)
    assert (found.rows, found.left_out, found.one_class) == (5, 15, False)
    labels[15:] = 0
    assert sums(logits, labels, 1.0, family).one_class


@pytest.mark.parametrize("family", ["categorical", "bernoulli"])
@pytest.mark.parametrize("columns", [3, 90])
def test_slices_of_many_rows_add_up_to_the_naive_likelihood(family: Family, columns: int) -> None:
    rows = 2**18 // columns + 5
    generator = np.random.default_rng(6)
    logits = 2.0 * generator.standard_normal((rows, columns))
    labels = generator.integers(0, columns, size=rows)
    given = labels if family == "categorical" else np.eye(columns)[labels]
    found = sums(logits, given, 0.7, family)
    assert found.nll == pytest.approx(naive(logits, given, 0.7, family), rel=1e-12)
    far = sums(logits, given, 0.7 + STEP, family)
    assert far.nll - found.nll == pytest.approx(STEP * (far.slope + found.slope) / 2, rel=1e-5)


def test_the_vector_has_a_place_for_each_sum_and_bit() -> None:
    assert VECTOR_SIZE == SCALARS + 32


# Exponentials, powers and their sums in float32: some roundings of 2^-24 each.
QUICK = 1e-6


@pytest.mark.parametrize("family", ["categorical", "bernoulli"])
@pytest.mark.parametrize("columns", [5, 41, 300])
@pytest.mark.parametrize("b", [1e-6, 0.02, 0.7, 20.0])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_quick_sums_are_the_exact_ones_to_float32(
    family: Family, columns: int, b: float, kind: type
) -> None:
    generator = np.random.default_rng(columns)
    logits: NDArray[Any] = (4.0 * generator.standard_normal((200, columns))).astype(kind)
    logits[:50, 1:3] = -math.inf
    logits[50, 0] = math.nan
    labels: NDArray[Any] = np.zeros(200, np.int64)
    if family == "bernoulli":
        labels = generator.random((200, columns)).round(1)
        labels[:50, 1:3] = 0.0

    def summed(*, quick: bool) -> LikelihoodSums:
        vector = chunk_sums(
            logits,
            labels,
            None,
            family=family,
            inverse_temperature=b,
            initial=1.0,
            quick=quick,
        )
        return LikelihoodSums.from_vector(vector)

    exact, quick = summed(quick=False), summed(quick=True)
    assert (quick.rows, quick.left_out) == (exact.rows, exact.left_out) == (199, 1)
    assert quick.label_bits == exact.label_bits
    for name in ("gap", "nll_initial", "nll", "curvature"):
        assert getattr(quick, name) == pytest.approx(getattr(exact, name), rel=QUICK)
    # both are differences, of terms as large as the gap and the spread of the logits
    spread = float(np.abs(logits[np.isfinite(logits)]).max())
    size = exact.gap if family == "categorical" else spread * columns * 200
    assert quick.slope == pytest.approx(exact.slope, abs=QUICK * size)
    assert quick.third == pytest.approx(exact.third, abs=QUICK * columns * 200 * spread**3)
