"""Areas under the risk-coverage curve: what each row adds, their intervals, and what is noise."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2

from logitconf.errors import LogitconfError
from logitconf.metrics.areas import area_interval, area_parts, differences
from logitconf.metrics.selective import area_under_risk_coverage

Float64 = NDArray[np.float64]
Flags = NDArray[np.bool_]


def drawn(
    generator: np.random.Generator, rows: int, errors: float, power: float
) -> tuple[Float64, Flags]:
    """Uniform scores u, wrong with probability proportional to u ** power, `errors` on average.

    The AURC of the population is the integral of P(wrong | u) (−log u): the share of errors
    divided by power + 1.
    """
    u = generator.random(rows)
    return u, generator.random(rows) < errors / rows * (power + 1.0) * u**power


@pytest.mark.parametrize("levels", [None, 30])
def test_the_influence_of_a_row_is_what_leaving_it_out_changes(levels: int | None) -> None:
    rows = 400
    scores, wrong = drawn(np.random.default_rng(0), rows, 60.0, 1.0)
    if levels:
        scores = np.round(scores * levels) / levels
    parts = area_parts(scores, wrong)
    assert parts.estimate == pytest.approx(area_under_risk_coverage(scores, wrong), rel=1e-12)
    kept = [np.arange(rows) != row for row in range(rows)]
    without = np.array([area_under_risk_coverage(scores[k], wrong[k]) for k in kept])
    jackknife = (rows - 1) * (without.mean() - without)
    # they agree to the order of 1 / rank, so least for errors among the first few
    np.testing.assert_allclose(parts.influence, jackknife, rtol=0.1, atol=0.02)


def test_a_score_that_says_nothing_has_the_influence_of_its_population() -> None:
    # P(wrong) = p whatever u, so that the influence is (wrong − p)(−log u)
    scores, wrong = drawn(np.random.default_rng(1), 20_000, 4000.0, 0.0)
    expected = (wrong - 0.2) * -np.log(scores)
    assert np.corrcoef(area_parts(scores, wrong).influence, expected)[0, 1] > 0.999


def test_errors_of_one_weight_have_the_interval_of_a_poisson_count() -> None:
    # errors at ranks 500 of 10^6 rows weigh nearly alike, so that the area is a scaled count
    rows, errors = 1_000_000, 8
    wrong = np.zeros(rows, dtype=bool)
    wrong[500_000 : 500_000 + errors] = True
    found = area_interval(area_parts(np.arange(rows, dtype=np.float64), wrong), 0.9)
    weight = found.estimate / errors
    assert weight * rows == pytest.approx(np.log(2.0), rel=1e-4)
    assert found.lower == pytest.approx(weight * chi2.ppf(0.05, 2 * errors) / 2, rel=1e-3)
    # Garwood 1936 has chi2 of 2 (errors + 1); here the one more error weighs 1 and not log 2
    assert found.upper > weight * chi2.ppf(0.95, 2 * errors + 2) / 2


@pytest.mark.parametrize("power", [0.0, 3.0])
@pytest.mark.parametrize("errors", [5, 20])
def test_intervals_hold_the_area_as_often_as_they_say_with_few_errors(
    errors: int, power: float
) -> None:
    rows, draws, held = 300, 300, 0
    truth = errors / rows / (power + 1.0)
    generator = np.random.default_rng(int(100 * power + errors))
    for _ in range(draws):
        scores, wrong = drawn(generator, rows, errors, power)
        if not wrong.any():
            continue
        found = area_interval(area_parts(scores, wrong), 0.95)
        held += found.lower <= truth <= found.upper
    # 285 of 300, less three deviations of 3.8; draws without an error count as misses
    assert held >= 273


def rivals(
    generator: np.random.Generator, rows: int, scores: int, share: float
) -> tuple[list[Float64], Flags]:
    """Scores that are equally good, each the same truth with noise of its own, and errors."""
    truth = generator.normal(size=rows)
    chance = 2.0 * share / (1.0 + np.exp(-2.0 * truth))
    wrong: Flags = generator.random(rows) < chance
    return [truth + 0.5 * generator.normal(size=rows) for _ in range(scores)], wrong


@pytest.mark.parametrize(("scores", "share"), [(2, 0.1), (8, 0.03)])
def test_the_luckiest_of_equal_scores_is_hardly_ever_called_better(
    scores: int, share: float
) -> None:
    draws, better = 300, 0
    generator = np.random.default_rng(scores)
    for seed in range(draws):
        columns, wrong = rivals(generator, 400, scores, share)
        parts = [area_parts(column, wrong) for column in columns]
        areas = np.array([part.estimate for part in parts])
        noise = differences(parts, 0.95, draws=400, seed=seed)
        best = int(np.argmin(areas))
        better += bool((areas - areas[best] > noise.factor * noise.errors[best]).any())
    # .025 of 300 is 7.5, and three deviations of 2.7 above
    assert better <= 15


def test_a_score_that_ranks_worse_is_told_apart() -> None:
    generator = np.random.default_rng(9)
    (good, other), wrong = rivals(generator, 2000, 2, 0.1)
    parts = [area_parts(column, wrong) for column in (good, other, generator.random(2000))]
    noise = differences(parts, 0.95, draws=400, seed=0)
    away = abs(parts[2].estimate - parts[0].estimate)
    assert away > noise.factor * noise.errors[0, 2]
    # two-sided .95 of one pair is 1.96; for three pairs at .975 it is at most 2.64 (Bonferroni)
    assert 2.1 < noise.factor < 2.8


def test_scores_that_order_alike_differ_by_nothing() -> None:
    scores, wrong = drawn(np.random.default_rng(3), 200, 20.0, 1.0)
    parts = [area_parts(column, wrong) for column in (scores, np.exp(scores))]
    noise = differences(parts, 0.95, draws=100, seed=0)
    assert noise.factor == 0.0
    assert not noise.errors.any()


def test_an_interval_without_errors_is_refused() -> None:
    with pytest.raises(LogitconfError, match="at least one error, got none"):
        area_interval(area_parts([0.1, 0.2], [False, False]), 0.95)
