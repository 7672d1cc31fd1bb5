"""Fitting, thresholds, selection and the score card, on real and on constructed rows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support import real_data, reference
from support.score_cases import CASES, make, names, names_and_cases

import logitconf
from logitconf import EntropyScore, LogitconfError, LogitconfWarning, SoftmaxScore

T_PRECISION = 1e-6
"""Relative precision of a fitted temperature that the design asks for."""


def drawn_labels(
    logits: NDArray[np.float32], temperature: float, task: str, seed: int = 4
) -> NDArray[np.int64]:
    """Labels drawn from the probabilities that the logits have at a temperature."""
    random = np.random.default_rng(seed)
    p = reference.probabilities(logits, temperature, task)
    if reference.layout_of(logits, task) == "categorical":
        return np.array(np.argmax(p.cumsum(axis=1) > random.random((len(p), 1)), axis=1))
    return np.array(random.random(p.shape) < p, np.int64).reshape(logits.shape)


def fitted(name: str = "softmax", rows: int = 1000, scale: float = 3.0) -> logitconf.LogitScore:
    logits = CASES["ten classes"].logits(rows, scale=scale)
    return make(name).fit(logits, drawn_labels(logits, 1.7, "multiclass"))


def values_of(json_value: object, key: str) -> list[object]:
    """All values under a key, at any depth."""
    found: list[object] = []
    if isinstance(json_value, dict):
        found += [value for name, value in json_value.items() if name == key]
        json_value = list(json_value.values())
    if isinstance(json_value, list):
        for item in json_value:
            found += values_of(item, key)
    return found


@pytest.mark.parametrize("case", [case for case in CASES if case != "thousand classes"])
@pytest.mark.parametrize("initial", [None, 0.2, 30.0])
def test_the_fitted_temperature_has_the_least_nll(case: str, initial: float | None) -> None:
    layout = CASES[case]
    logits = layout.logits(2000)
    labels = drawn_labels(logits, 1.7, layout.task)
    score = make("margin", layout.task, initial).fit(logits, labels)
    expected = reference.best_temperature(logits, labels, layout.task)
    assert score.temperature == pytest.approx(expected, rel=T_PRECISION)
    assert float(np.float32(score.temperature)) == score.temperature


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_labels_may_be_floats_or_integers_and_logits_of_any_precision(dtype: torch.dtype) -> None:
    logits = torch.from_numpy(CASES["binary (N,)"].logits(800)).to(dtype)
    labels = torch.from_numpy(drawn_labels(logits.float().numpy(), 1.7, "binary"))
    whole = SoftmaxScore(task="binary").fit(logits, labels)
    floating = SoftmaxScore(task="binary").fit(logits, labels.to(torch.float32))
    column = SoftmaxScore(task="binary").fit(logits[:, None], labels)
    assert whole.temperature == floating.temperature == column.temperature
    expected = reference.best_temperature(logits.double().numpy(), labels.numpy(), "binary")
    assert whole.temperature == pytest.approx(expected, rel=T_PRECISION)


def test_densenet40_gets_the_published_temperature_and_calibration() -> None:
    split = real_data.nncal()
    score = SoftmaxScore().fit(split.fit_logits, split.fit_labels)
    assert score.temperature == pytest.approx(2.8826, abs=0.0002)

    def figures(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> list[str]:
        p = score.probabilities(logits).astype(np.float64)
        error = reference.calibration_error(p.max(axis=1), p.argmax(axis=1) == labels)
        nll = -np.log(p[np.arange(len(labels)), labels]).mean()
        return [f"{error:.6f}", f"{nll:.6f}"]

    assert figures(split.fit_logits, split.fit_labels) == ["0.005947", "0.186612"]
    assert figures(split.test_logits, split.test_labels) == ["0.009463", "0.225086"]


def test_mistral_gets_the_published_temperature() -> None:
    split = real_data.llmuq_mistral("base")
    score = EntropyScore().fit(split.fit_logits, split.fit_labels)
    assert f"{score.temperature:.6f}" == "0.992054"


@pytest.mark.parametrize("name", real_data.LOGIT_SPLITS)
def test_the_temperature_of_every_real_file_has_the_least_nll(name: str) -> None:
    split = real_data.LOGIT_SPLITS[name]()
    score = SoftmaxScore().fit(split.fit_logits, split.fit_labels)
    expected = reference.best_temperature(split.fit_logits, split.fit_labels)
    assert score.temperature == pytest.approx(expected, rel=T_PRECISION)


def test_rows_without_a_score_are_left_out_of_the_temperature() -> None:
    logits = CASES["ten classes"].logits(1000)
    labels = drawn_labels(logits, 1.7, "multiclass")
    bad = logits[:3].copy()
    bad[0, 4], bad[1, 9], bad[2] = np.nan, np.inf, -np.inf
    mixed, mixed_labels = np.concatenate([logits, bad]), np.concatenate([labels, labels[:3]])
    clean, fit = SoftmaxScore().fit(logits, labels), SoftmaxScore().fit(mixed, mixed_labels)
    assert fit.temperature == pytest.approx(clean.temperature, rel=T_PRECISION)


def test_a_masked_class_does_not_change_the_temperature() -> None:
    logits = CASES["ten classes"].logits(1000)
    labels = drawn_labels(logits, 1.7, "multiclass")
    masked = np.concatenate([logits, np.full((1000, 1), -np.inf, np.float32)], axis=1)
    expected = SoftmaxScore().fit(logits, labels).temperature
    assert SoftmaxScore().fit(masked, labels).temperature == pytest.approx(
        expected, rel=T_PRECISION
    )


def test_without_labels_the_temperature_stays() -> None:
    logits = CASES["ten classes"].logits(50)
    assert SoftmaxScore(temperature=2.5).fit(logits).temperature == 2.5
    plain = SoftmaxScore().fit(logits)
    np.testing.assert_array_equal(plain.score(logits), SoftmaxScore(1.0).score(logits))


RIGHT = np.tile(np.array([[4.0, 0.0], [0.0, 3.0], [5.0, 1.0]], np.float32), (20, 1))
UNIDENTIFIABLE = {
    "separable": (RIGHT, np.argmax(RIGHT, axis=1)),
    "one class, no errors": (RIGHT[::3], np.zeros(20, np.int64)),
    "always wrong": (RIGHT, np.argmin(RIGHT, axis=1)),
    "all classes alike": (np.zeros((18, 2), np.float32), np.arange(18) % 2),
    "no class told apart": (np.tile(RIGHT[:1], (18, 1)), np.arange(18) % 2),
    "one row": (RIGHT[:1], np.zeros(1, np.int64)),
}


@pytest.mark.parametrize("data", UNIDENTIFIABLE)
@pytest.mark.parametrize(("given", "kept"), [(None, 1.0), (2.5, 2.5)])
def test_data_that_cannot_tell_a_temperature_warns_and_keeps_it(
    data: str, given: float | None, kept: float, tmp_path: Path
) -> None:
    logits, labels = UNIDENTIFIABLE[data]
    score = SoftmaxScore(temperature=given)
    with pytest.warns(LogitconfWarning, match="cannot identify a temperature"):
        score.fit(logits, labels)
    assert score.temperature == kept
    score.save(tmp_path / "card.json")
    card = json.loads((tmp_path / "card.json").read_text())
    assert values_of(card, "identified") == [False]
    assert all(values_of(card, "reason"))


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_separable_bernoulli_labels_warn_and_keep_the_temperature(task: str) -> None:
    logits = np.array([[3.0], [-2.0], [1.0], [-4.0]] * 10, np.float32)
    with pytest.warns(LogitconfWarning, match="cannot identify a temperature"):
        score = SoftmaxScore(1.5, task).fit(logits, (logits > 0).astype(np.int64))
    assert score.temperature == 1.5


@names_and_cases
def test_a_quantile_threshold_is_the_interpolated_quantile_of_the_scores(
    name: str, case: str
) -> None:
    layout = CASES[case]
    logits = layout.logits(301)
    score = make(name, layout.task, 1.5).fit(logits)
    scores = score.score(logits).astype(np.float64)
    for q in (0.5, 0.9, 0.99):
        score.set_threshold(q=q)
        expected = np.array([np.quantile(scores, q)], np.float32)
        assert reference.ulp_distance(np.array([score.threshold], np.float32), expected) <= 1


def test_selecting_without_a_threshold_takes_the_99_percent_quantile() -> None:
    score, same = fitted(), fitted()
    assert score.threshold is None
    score.select(CASES["ten classes"].logits(3))
    same.set_threshold(q=0.99)
    assert score.threshold == same.threshold
    same.set_threshold()
    assert score.threshold == same.threshold


@names
@pytest.mark.parametrize("coverage", [0.05, 0.5, 0.9, 0.999])
def test_a_coverage_threshold_accepts_that_share_and_at_most_one_percent_more(
    name: str, coverage: float
) -> None:
    rows = 2000
    score = fitted(name, rows)
    score.set_threshold(coverage=coverage)
    logits = CASES["ten classes"].logits(rows)
    found = score.select(logits)
    accepted = int(found["selected"].sum())
    assert int(np.ceil(coverage * rows)) <= accepted <= np.ceil((coverage + 0.01) * rows)
    assert isinstance(score.threshold, float)
    assert not (found["score"] == score.threshold).any()


def test_rows_without_a_score_count_as_rejected_in_a_coverage() -> None:
    logits = CASES["ten classes"].logits(1000)
    logits[::5, 3] = np.nan
    score = SoftmaxScore(1.5).fit(logits)
    score.set_threshold(coverage=0.5)
    assert 500 <= int(score.select(logits)["selected"].sum()) <= 510


def test_a_coverage_that_rows_without_a_score_forbid_is_never_met_in_silence() -> None:
    logits = CASES["ten classes"].logits(100)
    logits[:40] = np.nan
    score = SoftmaxScore(1.5).fit(logits)
    with pytest.raises((LogitconfError, LogitconfWarning), match=r"coverage|finite|rows"):
        score.set_threshold(coverage=0.9)


@pytest.mark.parametrize("how", [{"q": 0.9}, {"coverage": 0.5}])
def test_ties_never_lead_to_no_accepted_row_in_silence(how: dict[str, Any]) -> None:
    score = SoftmaxScore(1.0).fit(np.tile(np.array([[100.0, 0.0]], np.float32), (50, 1)))
    with pytest.warns(LogitconfWarning, match=r"tie|no row is accepted"):
        score.set_threshold(**how)


def test_a_saturated_coverage_is_warned_about_and_keeps_its_promise() -> None:
    sure = np.tile(np.array([[200.0, 0.0]], np.float32), (60, 1))
    logits = np.concatenate([sure, CASES["two classes"].logits(40)])
    score = SoftmaxScore(1.0).fit(logits)
    with pytest.warns(LogitconfWarning, match=r"tie"):
        score.set_threshold(coverage=0.3)
    assert int(score.select(logits)["selected"].sum()) >= 30


@names_and_cases
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_row_is_selected_if_its_float32_score_lies_below_the_threshold(
    name: str, case: str, dtype: torch.dtype
) -> None:
    layout = CASES[case]
    logits = torch.from_numpy(layout.logits(200)).to(dtype)
    score = make(name, layout.task, 1.5)
    scores = score.score(logits)
    rounded = scores.to(torch.float32)
    # the threshold is an observed score: equal is not below
    value = rounded.sort().values[120].item()
    score.set_threshold(value=value)
    found = score.select(logits)
    assert set(found) == {"score", "selected"}
    assert torch.equal(found["score"], scores)
    assert found["selected"].dtype == torch.bool
    assert torch.equal(found["selected"], rounded < value)
    assert not found["selected"][rounded.eq(value)].any()


def test_a_given_threshold_needs_no_fit_and_becomes_float32() -> None:
    score = SoftmaxScore(temperature=1.1)
    assert score.set_threshold(value=-0.7) is score
    assert score.threshold == float(np.float32(-0.7))
    assert score.temperature == float(np.float32(1.1))


def test_fitting_again_forgets_the_threshold() -> None:
    score = fitted()
    score.set_threshold(coverage=0.9)
    score.fit(CASES["ten classes"].logits(100))
    assert score.threshold is None


@pytest.mark.parametrize("case", CASES)
def test_probabilities_are_the_calibrated_softmax_or_sigmoid(case: str) -> None:
    layout = CASES[case]
    logits = layout.logits(50)
    for dtype, allowed in ((np.float32, 3e-6), (np.float64, 1e-13)):
        found = make("softmax", layout.task, 1.5).probabilities(logits.astype(dtype))
        expected = reference.probabilities(logits, 1.5, layout.task).reshape(logits.shape)
        np.testing.assert_allclose(found, expected, rtol=allowed, atol=1e-38)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_probabilities_of_a_row_without_a_score_are_nan(bad: float) -> None:
    logits = np.array([[1.0, 0.0, 2.0], [0.0, bad, 1.0]], np.float32)
    found = SoftmaxScore().probabilities(logits)
    assert np.isnan(found).any(axis=1).tolist() == [False, True]
    assert np.isnan(found[1]).all()


@pytest.mark.parametrize("seed", range(6))
def test_labels_that_have_nothing_to_do_with_the_logits_are_warned_about(seed: int) -> None:
    logits = CASES["ten classes"].logits(2000, seed=seed)
    labels = np.random.default_rng(100 + seed).integers(0, 10, 2000)
    with pytest.warns(LogitconfWarning) as record:
        score = SoftmaxScore().fit(logits, labels)
    messages = [str(warning.message) for warning in record]
    fit = score.card.temperature_fit
    assert fit is not None
    assert any("does not tell wrong rows from right ones" in message for message in messages)
    doubted = fit.identified and (fit.standard_error or 0.0) >= fit.temperature
    assert any("labels may have nothing to do" in message for message in messages) == doubted
    assert {warning.filename for warning in record} == {__file__}


def test_a_score_that_ranks_errors_behind_is_not_warned_about_and_a_turned_one_is() -> None:
    logits = CASES["two classes"].logits(2000)
    labels = drawn_labels(logits, 1.0, "multiclass")
    score = SoftmaxScore().fit(logits, labels)
    score.calibrate(logits, labels)
    sure_and_wrong = np.where(np.ptp(logits, axis=1) > 3.0, logits.argmin(axis=1), labels)
    with pytest.warns(LogitconfWarning, match=r"AUROC 0\.\d+ on \d+ errors of 2000 rows") as record:
        score.calibrate(logits, sure_and_wrong)
    assert record[0].filename == __file__


def test_few_errors_are_no_reason_to_doubt_a_score() -> None:
    logits = CASES["two classes"].logits(400)
    labels = logits.argmax(axis=1)
    surest = np.argsort(-np.ptp(logits, axis=1))
    labels[surest[:9]] = 1 - labels[surest[:9]]
    SoftmaxScore(1.0).calibrate(logits, labels)
    labels[surest[9]] = 1 - labels[surest[9]]
    with pytest.warns(LogitconfWarning, match="does not tell wrong rows"):
        SoftmaxScore(1.0).calibrate(logits, labels)
