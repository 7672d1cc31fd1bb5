"""Bounds on scores of members, against scores of probabilities that were moved on purpose."""

from collections.abc import Iterator

import numpy as np
import pytest

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.composing.tensors import Tensor
from logitconf_export.proof.exact.expressions import row
from logitconf_export.proof.members.disagreement import (
    Roundings,
    information_error,
    largest,
    together,
    variance_error,
)
from logitconf_export.proof.members.shares import Shares

# errors so large that terms of second order count
COMMON, OWN, MEAN, STEP = 1e-3, 2e-3, 1e-3, 5e-4
NOWHERE = Tensor(row("p"), np.zeros((1, 1)), (), "float32", "p")


def ensembles(seed: int = 0) -> Iterator[Array]:
    """Probabilities (M, K) from alike to opposite."""
    random = np.random.default_rng(seed)
    for _ in range(400):
        m, k = int(random.integers(2, 9)), int(random.choice([2, 3, 10, 50]))
        shared = random.normal(size=(1, k)) * random.uniform(0.0, 8.0)
        own = random.normal(size=(m, k)) * 10.0 ** random.uniform(-3.0, 1.0)
        logits = shared + own
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        yield odds / odds.sum(axis=1, keepdims=True)


def shares_of(p: Array) -> Shares:
    m, k = p.shape
    off = COMMON + OWN
    return Shares(NOWHERE, k, m, off, off, off, 1e-25, COMMON, ((OWN, 0.0),))


def worst_signs(slope: Array, random: np.random.Generator) -> Iterator[Array]:
    """Relative errors of probabilities: each way that the slope points, and at random."""
    for sign in (1.0, -1.0):
        whole = np.sign((slope).sum(axis=1, keepdims=True))
        yield sign * (COMMON * whole + OWN * np.sign(slope))
    common = random.choice([-1.0, 1.0], size=(len(slope), 1))
    yield COMMON * common + OWN * random.choice([-1.0, 1.0], size=slope.shape)


def variance(p: Array, a: Array, step: float) -> float:
    """With the mean off by shares a, and all squares by one."""
    off = p - p.mean(axis=0) * (1.0 + a)
    return float(((off * (1.0 + step)) ** 2).sum(axis=1).mean())


def information(p: Array, a: Array, step: float) -> float:
    """With the mean off by shares a, and logarithms and terms by one."""
    terms = p * np.log(p / (p.mean(axis=0) * (1.0 + a))) * (1.0 + step)
    return float(terms.sum(axis=1).mean())


@pytest.mark.parametrize("score", ["variance", "information"])
def test_no_errors_within_the_shares_move_a_score_by_more_and_some_by_nearly_as_much(
    score: str,
) -> None:
    random = np.random.default_rng(1)
    exact, bound = {
        "variance": (variance, variance_error),
        "information": (information, information_error),
    }[score]
    nearest = 0.0
    for p in ensembles():
        shares, q = shares_of(p), p.mean(axis=0)
        # of the logarithm, or of the difference; a square has it twice
        made = Roundings(mean=MEAN, logarithm=STEP, difference=STEP)
        truth = exact(p, np.zeros(p.shape[1]), 0.0)
        most = float(bound(np.array([truth]), shares, made)[0])
        slope = (p - q) * p if score == "variance" else np.log(p / q) * p
        for relative in worst_signs(slope, random):
            for a in (MEAN, -MEAN):
                moved = exact(p * (1.0 + relative), np.full(p.shape[1], a), STEP)
                off = abs(moved - truth)
                assert off <= most, (p, relative, a)
                nearest = max(nearest, off / most)
    assert nearest > 0.3


@pytest.mark.parametrize("bound", [variance_error, information_error])
def test_a_bound_never_falls_with_the_score_and_grows_with_every_rounding(bound) -> None:  # type: ignore[no-untyped-def]
    p = next(ensembles())
    values = np.geomspace(1e-9, 0.6, 40)
    shares, none = shares_of(p), Roundings()
    without = bound(values, shares, none)
    assert (np.diff(without) >= 0.0).all()
    count = {variance_error: ("mean", "difference", "term", "classes", "whole")}.get(
        bound, ("mean", "inverse", "ratio", "logarithm", "term", "classes", "whole")
    )
    for name in count:
        assert (bound(values, shares, Roundings(**{name: 1e-3})) > without).all(), name


def test_small_probabilities_count_for_no_more_than_is_allowed_for_them() -> None:
    # a class of 1e-21 whose computed probability is 0, or twice as much
    for factor in (0.0, 2.0):
        p = np.array([[1.0 - 1e-21, 1e-21], [0.5, 0.5]])
        moved = p.copy()
        moved[0, 1] *= factor
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = moved * np.log(moved / moved.mean(axis=0))
        off = np.nansum(terms) / 2.0 - (p * np.log(p / p.mean(axis=0))).sum() / 2.0
        assert abs(off) < 1e-17


def test_shares_one_after_the_other_multiply() -> None:
    assert together(0.1, 0.2) == pytest.approx(1.1 * 1.2 - 1.0)
    assert together(2.0**-24) > 2.0**-24
    assert together() == pytest.approx(0.0, abs=1e-300)


def test_no_score_is_larger_than_its_largest() -> None:
    opposite = np.eye(4)
    assert variance(opposite, np.zeros(4), 0.0) == pytest.approx(
        largest("predictive_variance", 4, 9)
    )
    assert np.log(4.0) <= largest("mutual_information", 4, 9) < np.log(4.0) * 1.0001
    for p in ensembles():
        zeros = np.zeros(p.shape[1])
        assert variance(p, zeros, 0.0) <= largest("predictive_variance", *p.shape)
        assert information(p, zeros, 0.0) <= largest("mutual_information", *p.shape)
