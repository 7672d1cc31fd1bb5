"""The policies: what each promises, on scores small enough to count by hand and on real files."""

import json
import math
from collections.abc import Callable

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import real_data, reference

from logitconf.errors import LogitconfError, UncertifiableError
from logitconf.scores.evaluation import formula
from logitconf.scores.reductions import Form
from logitconf.scores.table import check_parameters
from logitconf.thresholds import policies
from logitconf.thresholds.gaps import NARROW, NOTHING
from logitconf.thresholds.policies import Rounding, ThresholdChoice

Float32 = NDArray[np.float32]

ROUNDING = Rounding("softmax", 10)
steady = settings(derandomize=True, deadline=None, max_examples=100)


def float32(*values: float) -> Float32:
    return np.array(values, dtype=np.float32)


def assert_counts_hold(choice: ThresholdChoice, scores: Float32) -> None:
    """The choice's own numbers, counted again by the rule of the mask."""
    assert isinstance(choice.threshold, float)
    assert np.float32(choice.threshold) == choice.threshold
    accepted = np.isfinite(scores) & (scores < np.float32(choice.threshold))
    assert choice.accepted == int(accepted.sum())
    assert choice.rows == scores.size
    json.dumps(choice.policy, allow_nan=False)


@steady
@given(
    scores=arrays.arrays(np.float32, st.integers(1, 40), elements=st.floats(-100, 0, width=32)),
    q=st.floats(0.0, 1.0),
)
def test_the_quantile_is_numpys_linear_one_rounded_to_float32(scores: Float32, q: float) -> None:
    choice = policies.choose_quantile(scores, q)
    expected = np.quantile(scores.astype(np.float64), q)
    assert choice.threshold == pytest.approx(float(np.float32(expected)), rel=2.0**-22, abs=1e-30)
    assert_counts_hold(choice, scores)


def test_the_default_quantile_is_torchs_at_99_percent() -> None:
    scores = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    expected = torch.quantile(torch.from_numpy(scores), 0.99).item()
    assert policies.choose_quantile(scores).threshold == pytest.approx(expected, rel=2.0**-22)


def test_rows_without_a_score_count_as_rejected_in_a_quantile() -> None:
    scores = float32(-4.0, -3.0, -2.0, -1.0, math.nan, -math.inf, math.inf)
    choice = policies.choose_quantile(scores, 0.5)
    assert choice.threshold == -1.0
    assert choice.accepted == 3
    assert choice.notes == ()


def test_a_quantile_among_rows_without_a_score_accepts_all_others_and_says_so() -> None:
    choice = policies.choose_quantile(float32(-2.0, -1.0, math.nan, math.nan), 0.9)
    assert choice.accepted == 2
    assert "have no finite score" in str(choice.notes[0])


def test_a_quantile_of_equal_scores_accepts_nothing_and_says_so() -> None:
    choice = policies.choose_quantile(np.full(20, -1.0, dtype=np.float32), 0.99)
    assert choice.accepted == 0
    assert choice.notes == (NOTHING,)


def test_a_quantile_at_a_tie_says_how_many_lie_below() -> None:
    choice = policies.choose_quantile(float32(-2.0, *[-1.0] * 9), 0.9)
    (note,) = choice.notes
    assert str(note) == "scores tie at the quantile: 1 of 10 rows lie below it"


@steady
@given(
    scores=arrays.arrays(np.float32, st.integers(1, 300), elements=st.floats(-1, 0, width=32)),
    coverage=st.floats(0.001, 1.0),
)
def test_coverage_accepts_at_least_its_share(scores: Float32, coverage: float) -> None:
    choice = policies.choose_coverage(scores, coverage, rounding=ROUNDING)
    assert choice.accepted >= coverage * scores.size - 1e-6
    assert choice.threshold not in scores.tolist()
    assert_counts_hold(choice, scores)


@pytest.mark.parametrize("percent", [7, 29, 57, 58, 90, 100])
def test_coverage_of_whole_percents_accepts_exactly_those_rows(percent: int) -> None:
    scores = -np.linspace(0.9, 0.1, 100).astype(np.float32)
    choice = policies.choose_coverage(scores, percent / 100, rounding=ROUNDING)
    assert choice.accepted == percent


def test_coverage_counts_rows_without_a_score_as_rejected() -> None:
    scores = float32(-0.9, -0.7, -0.5, math.nan, math.nan)
    half = policies.choose_coverage(scores, 0.6, rounding=ROUNDING)
    assert (half.accepted, half.notes) == (3, ())
    all_of_them = policies.choose_coverage(scores, 1.0, rounding=ROUNDING)
    assert all_of_them.accepted == 3
    (note,) = all_of_them.notes
    assert str(note) == "only 3 of 5 rows have a finite score and can be accepted"


def test_saturated_scores_are_never_silently_all_rejected() -> None:
    scores = float32(*[-1.0] * 60, *[-0.5] * 40)
    choice = policies.choose_coverage(scores, 0.1, rounding=ROUNDING)
    assert choice.accepted == 60
    assert "scores tie" in str(choice.notes[0])


def test_errors_are_those_among_the_accepted() -> None:
    wrong = np.array([False, True, True, False])
    choice = policies.choose_coverage(
        float32(-0.9, -0.8, -0.3, -0.7), 0.75, rounding=ROUNDING, wrong=wrong
    )
    assert (choice.accepted, choice.errors) == (3, 1)


def test_a_value_is_rounded_to_float32_and_counted() -> None:
    choice = policies.choose_value(-0.1, float32(-0.5, -0.1, 0.0))
    assert choice.threshold == float(np.float32(-0.1))
    assert choice.accepted == 1
    assert policies.choose_value(-0.1).rows == 0


def test_risk_is_certified_at_the_anchors_of_the_binomial_bound() -> None:
    scores = -np.linspace(0.99, 0.2, 4000).astype(np.float32)
    wrong = np.zeros(4000, dtype=bool)
    wrong[-200:] = True
    choice = policies.choose_risk(
        scores, wrong=wrong, risk=0.01, confidence=0.99, rounding=ROUNDING
    )
    # 3820 rows with 20 errors would be bounded by .0085, 3840 with 40 by .0151 (scipy's beta).
    assert 3800 <= choice.accepted < 3840
    assert choice.policy["bound"] <= 0.01
    assert_counts_hold(choice, scores)


def test_a_risk_beyond_the_rows_names_the_smallest_number() -> None:
    scores = -np.linspace(0.9, 0.1, 458).astype(np.float32)
    right = np.zeros(458, dtype=bool)
    with pytest.raises(UncertifiableError, match="needs at least 459 accepted rows") as caught:
        policies.choose_risk(scores, wrong=right, risk=0.01, confidence=0.99, rounding=ROUNDING)
    assert caught.value.needed_rows == 459


def naive_cost(scores: Float32, wrong: NDArray[np.bool_], threshold: float, price: float) -> float:
    accepted = [s < threshold for s in scores.tolist()]
    return sum(
        (price if bad else 0.0) if taken else 1.0
        for taken, bad in zip(accepted, wrong.tolist(), strict=True)
    )


@steady
@given(data=st.data(), price=st.floats(0.5, 20.0))
def test_cost_is_the_least_of_all_thresholds_between_distant_scores(
    data: st.DataObject, price: float
) -> None:
    places = data.draw(st.lists(st.integers(1, 99), min_size=1, max_size=20, unique=True))
    scores = float32(*[-place / 100 for place in places])
    wrong = data.draw(arrays.arrays(np.bool_, len(places)))
    choice = policies.choose_cost(
        scores, wrong=wrong, error_cost=price, rejection_cost=1.0, rounding=ROUNDING
    )
    assert isinstance(choice.threshold, float)
    costs = [naive_cost(scores, wrong, cut / 200, price) for cut in range(-199, 2, 2)]
    paid = naive_cost(scores, wrong, choice.threshold, price)
    assert paid == pytest.approx(min(costs))
    assert choice.policy["mean_cost"] == pytest.approx(paid / len(places))


BAD_CALLS: dict[str, tuple[Callable[[Float32], ThresholdChoice], str]] = {
    "q": (lambda s: policies.choose_quantile(s, 1.1), r"q must lie in \[0, 1\]"),
    "nan q": (lambda s: policies.choose_quantile(s, math.nan), r"q must lie in \[0, 1\]"),
    "coverage": (
        lambda s: policies.choose_coverage(s, 0.0, rounding=ROUNDING),
        r"coverage must lie in \(0, 1\], got 0.0",
    ),
    "value": (lambda _: policies.choose_value(math.inf), "must be a finite float32 value"),
    "large": (lambda _: policies.choose_value(1e39), "must be a finite float32 value"),
    "cost": (
        lambda s: policies.choose_cost(
            s, wrong=s < 0, error_cost=0.0, rejection_cost=1.0, rounding=ROUNDING
        ),
        "costs must be positive",
    ),
    "risk": (
        lambda s: policies.choose_risk(s, wrong=s < 0, risk=1.0, confidence=0.9, rounding=ROUNDING),
        "risk must lie strictly between 0 and 1",
    ),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_numbers_out_of_range_are_refused(case: str) -> None:
    call, message = BAD_CALLS[case]
    with pytest.raises(LogitconfError, match=message):
        call(float32(-0.5, -0.4))


@pytest.mark.parametrize("name", real_data.LOGIT_SPLITS)
@pytest.mark.parametrize("score", reference.SCORE_NAMES)
def test_40_coverages_of_a_real_file_are_each_kept_within_one_percent(
    name: str, score: str
) -> None:
    logits = torch.from_numpy(real_data.LOGIT_SPLITS[name]().test_logits).float()
    rounding = Rounding(score, logits.shape[1], temperature=2.0)
    form = Form(n_classes=logits.shape[1], parameters=check_parameters(score, {}))
    scores = formula(score, "categorical")(logits, torch.tensor(2.0), form).numpy()
    for coverage in np.linspace(0.025, 1.0, 40):
        choice = policies.choose_coverage(scores, float(coverage), rounding=rounding)
        assert isinstance(choice.threshold, float)
        moved = choice.accepted - coverage * scores.size
        assert -1e-6 <= moved <= 0.01 * scores.size + 1.0 or "scores tie" in str(choice.notes[0])
        if not choice.notes:
            distance = np.abs(scores.astype(np.float64) - choice.threshold).min()
            band = float(rounding.bands(scores[np.abs(scores - choice.threshold).argmin()]))
            # Half the gap exceeds one band; rounding the middle moves it by half a step.
            assert distance >= band - float(np.spacing(np.float32(abs(choice.threshold))))
        else:
            assert choice.notes[-1] == NARROW or "scores tie" in str(choice.notes[0])
