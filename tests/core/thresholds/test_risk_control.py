"""Certified thresholds: the binomial arithmetic, the order of tests, and the promise itself."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom
from support import real_data

from logitconf.errors import LogitconfError, UncertifiableError
from logitconf.metrics.intervals import clopper_pearson_upper
from logitconf.scores.rounding import Rounding
from logitconf.thresholds.gaps import GapThreshold, measure_gaps, rank_scores
from logitconf.thresholds.risk_control import (
    GRID,
    Candidate,
    CertifiedThreshold,
    candidates_of,
    certifiable_targets,
    certify,
    fewest_rows,
    loosest_that_passes,
)

Float32 = NDArray[np.float32]
Flags = NDArray[np.bool_]

ROUNDING = Rounding("softmax", 10)
DRAWS = 300
steady = settings(derandomize=True, deadline=None, max_examples=30)


def ranked_rows(rows: int, wrong_places: list[int]) -> tuple[Float32, Flags]:
    """Distant scores in order of confidence, errors at the given places."""
    wrong = np.zeros(rows, dtype=bool)
    wrong[wrong_places] = True
    return -np.linspace(0.95, 0.05, rows).astype(np.float32), wrong


def certified(scores: Float32, wrong: Flags, risk: float, confidence: float) -> CertifiedThreshold:
    return certify(measure_gaps(rank_scores(scores, wrong), ROUNDING), risk, confidence)


@steady
@given(risk=st.floats(0.001, 0.5), confidence=st.floats(0.5, 0.999))
def test_the_fewest_rows_certify_and_one_less_does_not(risk: float, confidence: float) -> None:
    rows = fewest_rows(risk, confidence)
    # No error among n rows of a risk this high: (1 - risk) ** n, allowed up to 1 - confidence.
    assert rows * math.log1p(-risk) <= math.log(1.0 - confidence) * (1.0 - 1e-9)
    assert (rows - 1) * math.log1p(-risk) >= math.log(1.0 - confidence) * (1.0 + 1e-9)


@pytest.mark.parametrize(("risk", "confidence"), [(0.01, 0.99), (0.05, 0.9), (0.2, 0.999)])
def test_the_fewest_rows_at_half_the_risk_certify(risk: float, confidence: float) -> None:
    rows = fewest_rows(risk, confidence, observed=risk / 2)
    assert binom.cdf(math.floor(rows * risk / 2), rows, risk) <= 1.0 - confidence
    assert rows > fewest_rows(risk, confidence)


def test_without_errors_all_rows_are_accepted() -> None:
    scores, wrong = ranked_rows(2000, [])
    found = certified(scores, wrong, 0.01, 0.99)
    assert found.placement.accepted == 2000
    assert found.tested == found.candidates
    assert found.placement.threshold > scores.max()


def test_the_last_candidate_before_the_first_failure_is_taken() -> None:
    # Errors fill places 3000 to 3099 of 5000; the rows after them are right again, so that the
    # bound at 5000 rows would pass anew, but the sequence has ended.
    scores, wrong = ranked_rows(5000, list(range(3000, 3100)))
    found = certified(scores, wrong, 0.026, 0.9)
    assert clopper_pearson_upper(100, 5000, 0.9) < 0.026
    assert 3000 <= found.placement.accepted < 3100
    assert found.tested < found.candidates
    assert found.bound == clopper_pearson_upper(found.errors, found.placement.accepted, 0.9)
    assert found.bound <= 0.026


def test_a_second_start_certifies_where_errors_begin_early() -> None:
    # 6 errors among places 100 to 250: at 185 rows, where errors may reach half of the risk, too
    # many; the first 90 rows certify a fifth of the error probability by themselves
    scores, wrong = ranked_rows(500, [*range(100, 250, 10), *range(250, 500, 2)])
    early = fewest_rows(0.05, 1.0 - 0.2 * 0.05)
    assert early == 90  # .95 ** 90 is the first power below .01
    late = fewest_rows(0.05, 1.0 - 0.8 * 0.05, observed=0.025)
    assert binom.cdf(int(wrong[:late].sum()), late, 0.05) > 0.05
    found = certified(scores, wrong, 0.05, 0.95)
    accepted, errors = found.placement.accepted, found.errors
    assert early <= accepted < late
    assert math.isclose(found.significance, 0.2 * 0.05)
    assert binom.cdf(errors, accepted, 0.05) <= 0.2 * 0.05 * (1 + 1e-9)


def test_what_passed_hands_its_share_on_and_what_failed_loses_it() -> None:
    def candidate(accepted: int, share: float) -> Candidate:
        return Candidate(GapThreshold(-1.0 + accepted / 1000, accepted), share)

    early, late = candidate(90, 0.2), candidate(300, 0.8)
    both = loosest_that_passes([early, late], [0, 0], 0.05, 0.95)
    assert (both.placement.accepted, both.tested) == (300, 2)
    assert math.isclose(both.significance, 0.05)
    # P(Bin(300, .05) <= 8) is .035, within the share of .04 that starts there
    alone = loosest_that_passes([early, late], [9, 8], 0.05, 0.95)
    assert (alone.placement.accepted, alone.errors) == (300, 8)
    assert math.isclose(alone.significance, 0.04)
    # a candidate without a share of its own is not even looked at after a failure
    with pytest.raises(UncertifiableError, match="9 of the first 90 are wrong"):
        loosest_that_passes([candidate(90, 1.0), candidate(300, 0.0)], [9, 0], 0.05, 0.95)


def test_a_candidate_that_could_never_pass_keeps_its_share_for_the_next() -> None:
    placed = [GapThreshold(-0.9, 89), GapThreshold(-0.8, 90), GapThreshold(-0.5, 300)]
    kept = candidates_of(placed, [0.2, 0.0, 0.8], 0.05, 0.95)
    assert [(c.placement.accepted, c.share) for c in kept] == [(90, 0.2), (300, 0.8)]


@pytest.mark.parametrize(("risk", "confidence"), [(0.05, 0.95), (0.05, 0.9), (0.01, 0.9)])
@pytest.mark.parametrize("rows", [500, 2000, 5000])
def test_shares_of_the_error_probability_add_up_to_one(
    risk: float, confidence: float, rows: int
) -> None:
    shares = certifiable_targets(rows, rows, risk, confidence)
    assert math.isclose(sum(shares.values()), 1.0)
    assert list(shares) == sorted(shares)
    assert sum(share > 0.0 for share in shares.values()) in (1, 2)


@steady
@given(seed=st.integers(0, 10_000))
def test_candidates_depend_on_the_scores_alone(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores = -generator.random(1000).astype(np.float32)
    doubtful = scores > -0.5
    errors = [doubtful & (generator.random(1000) < share) for share in (0.05, 0.01)]
    first, second = (certified(scores, wrong, 0.1, 0.9) for wrong in errors)
    assert first.candidates == second.candidates <= GRID + 1


def test_too_few_rows_say_how_many_are_needed() -> None:
    scores, wrong = ranked_rows(298, [])
    with pytest.raises(UncertifiableError, match=r"needs at least 299 accepted rows") as caught:
        certified(scores, wrong, 0.01, 0.95)
    assert caught.value.needed_rows == 299
    assert certified(*ranked_rows(299, []), 0.01, 0.95).placement.accepted == 299


def test_errors_at_the_strict_end_say_what_they_cost() -> None:
    scores, wrong = ranked_rows(1000, list(range(0, 20, 2)))
    with pytest.raises(UncertifiableError, match=r"10 of the first 500 are wrong.*no number of"):
        certified(scores, wrong, 0.01, 0.9)
    scores, wrong = ranked_rows(1000, list(range(0, 1000, 50)))
    with pytest.raises(UncertifiableError, match=r"at that share at least \d+ accepted rows"):
        certified(scores, wrong, 0.022, 0.9)


def test_ties_are_accepted_together_or_not_at_all() -> None:
    scores = np.repeat(np.array([-0.9, -0.5], dtype=np.float32), 500)
    wrong = np.zeros(1000, dtype=bool)
    wrong[500:] = True
    found = certified(scores, wrong, 0.1, 0.9)
    assert (found.placement.accepted, found.errors) == (500, 0)


def test_rows_without_a_score_are_never_counted_as_right() -> None:
    scores, wrong = ranked_rows(400, [])
    scores[:200] = np.nan
    with pytest.raises(UncertifiableError, match="got 200 with a finite score"):
        certified(scores, wrong, 0.01, 0.9)


def test_labels_are_needed_and_shares_checked() -> None:
    scores, wrong = ranked_rows(100, [])
    with pytest.raises(LogitconfError, match="only be certified with labels"):
        certify(measure_gaps(rank_scores(scores), ROUNDING), 0.1, 0.9)
    with pytest.raises(LogitconfError, match="confidence must lie strictly between"):
        certified(scores, wrong, 0.1, 1.0)
    with pytest.raises(LogitconfError, match=r"observed must lie in \[0, 0.1\)"):
        fewest_rows(0.1, 0.9, observed=0.1)


def imagenet_population() -> tuple[Float32, Flags]:
    data = real_data.imagenet()
    return -data.confidence, data.predicted != data.labels


def synthetic_population() -> tuple[Float32, Flags]:
    """20000 rows whose error probability is a quarter of the unconfidence."""
    generator = np.random.default_rng(0)
    confidence = generator.random(20_000).astype(np.float32)
    return -confidence, generator.random(20_000) < (1.0 - confidence) / 4.0


def violations(scores: Float32, wrong: Flags, risk: float, confidence: float, rows: int) -> int:
    """How often the certified threshold has a higher risk on the whole population."""
    order = np.argsort(scores, kind="stable")
    values, errors = scores[order], np.concatenate([[0], np.cumsum(wrong[order])])
    broken = 0
    for draw in range(DRAWS):
        chosen = np.random.default_rng(draw).integers(0, scores.size, size=rows)
        try:
            found = certified(scores[chosen], wrong[chosen], risk, confidence)
        except UncertifiableError:
            continue
        accepted = np.searchsorted(values, np.float32(found.placement.threshold))
        broken += bool(errors[accepted] > risk * accepted)
    return broken


@pytest.mark.parametrize(("risk", "confidence"), [(0.05, 0.9), (0.1, 0.8)])
@pytest.mark.parametrize("population", [synthetic_population, imagenet_population])
def test_the_promise_is_broken_no_more_often_than_allowed(
    population: Callable[[], tuple[Float32, Flags]], risk: float, confidence: float
) -> None:
    scores, wrong = population()
    broken = violations(scores, wrong, risk, confidence, rows=1000)
    # One test in a million would fail a valid certificate by chance.
    assert broken <= binom.ppf(1.0 - 1e-6, DRAWS, 1.0 - confidence)


def test_a_threshold_without_a_certificate_breaks_the_promise() -> None:
    # The same count of violations shows an invalid rule: the observed risk itself as the bound.
    scores, wrong = synthetic_population()
    order = np.argsort(scores)
    population_risk = np.cumsum(wrong[order]) / np.arange(1, scores.size + 1)
    broken = 0
    for draw in range(DRAWS):
        chosen = np.random.default_rng(draw).integers(0, scores.size, size=1000)
        ranked = np.sort(scores[chosen])
        observed = np.cumsum(wrong[chosen][np.argsort(scores[chosen])]) / np.arange(1, 1001)
        accepted = int(np.flatnonzero(observed <= 0.05).max(initial=0))
        place = np.searchsorted(scores[order], ranked[accepted])
        broken += bool(population_risk[place] > 0.05)
    assert broken > binom.ppf(1.0 - 1e-6, DRAWS, 0.1)
