"""T from few passes is that of least likelihood loss."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import brentq
from scipy.special import expit, softmax
from support.planned_fits import driven, spread

from logitconf import FitPlan
from logitconf.calibration.temperature.fit import fit_temperature
from logitconf.distributed import survey
from logitconf.distributed.request import Request
from logitconf.tasks import Family

Array = npt.NDArray[Any]


def best_temperature(logits: Array, labels: Array) -> float:
    """The root of the slope in float64, written from the formula."""
    x = logits.astype(np.float64)

    def slope(b: float) -> float:
        if labels.ndim == 1:
            p = softmax(b * x, axis=1)
            return float((p * x).sum() - x[np.arange(len(x)), labels].sum())
        return float(((expit(b * x) - labels) * x).sum())

    scale = 1.0 / np.abs(x[np.isfinite(x)]).mean()
    best = brentq(slope, 1e-4 * scale, 1e4 * scale, xtol=1e-14 * scale, rtol=1e-14)
    return 1.0 / float(best)


def classes(
    count: int, n_classes: int, spread_: float, true: float, seed: int
) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, spread_, (count, n_classes)).astype(np.float32)
    labels = (logits / true + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return logits, labels


def yes_or_no(count: int, n_labels: int, true: float, seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 3.0, (count, n_labels)).astype(np.float32)
    return logits, (rng.random(logits.shape) < expit(logits / true)).astype(np.float64)


CASES = {
    "ten classes": ("multiclass", *classes(6000, 10, 3.0, 2.0, 0)),
    "two classes": ("binary", *classes(6000, 2, 4.0, 0.5, 1)),
    "many classes": ("multiclass", *classes(600, 1000, 2.0, 1.3, 2)),
    "tiny logits": ("multiclass", *classes(6000, 5, 3e-6, 1e-6, 3)),
    "huge logits": ("multiclass", *classes(6000, 5, 3e5, 1e5, 4)),
    "hardly an error": ("multiclass", *classes(20000, 3, 30.0, 1.0, 5)),
    "labels": ("multilabel", *yes_or_no(3000, 7, 1.6, 6)),
    "sharp": ("multiclass", *classes(8000, 100, 20.0, 2.0, 8)),
    "few rows": ("multiclass", *classes(60, 4, 2.0, 1.5, 7)),
}


def passes_and_temperature(task: str, logits: Array, labels: Array, **given: Any) -> Any:
    plan = FitPlan("softmax", task=task, coverage=0.9, **given)
    fit = driven(plan, spread(logits, labels, 4, seed=0)).temperature_fit
    assert fit is not None
    return fit


@pytest.mark.parametrize("case", CASES)
def test_the_temperature_is_the_best_to_the_last_place_in_two_passes(case: str) -> None:
    task, logits, labels = CASES[case]
    start = 2.0 ** round(np.log2(best_temperature(logits, labels)))
    fit = passes_and_temperature(task, logits, labels, temperature=float(start))
    assert fit.temperature == pytest.approx(best_temperature(logits, labels), rel=1e-7)
    assert fit.passes == 2


@pytest.mark.parametrize("case", CASES)
def test_the_report_is_that_of_a_fit_in_memory(case: str) -> None:
    task, logits, labels = CASES[case]
    family: Family = "bernoulli" if task == "multilabel" else "categorical"
    own = passes_and_temperature(task, logits, labels)
    other = fit_temperature(logits, labels, family=family)
    assert own.temperature == pytest.approx(other.temperature, rel=1e-7)
    for name in ("standard_error", "nll_before", "nll_after"):
        # their Taylor series is of third order at most
        assert getattr(own, name) == pytest.approx(getattr(other, name), rel=1e-6), name
    assert (own.rows, own.rows_left_out) == (other.rows, other.rows_left_out)


@pytest.mark.parametrize("start", [1e-3, 1e3])
def test_a_start_far_off_costs_passes_and_not_exactness(start: float) -> None:
    task, logits, labels = CASES["ten classes"]
    fit = passes_and_temperature(task, logits, labels, temperature=start)
    assert fit.temperature == pytest.approx(best_temperature(logits, labels), rel=1e-7)
    assert 2 < fit.passes < 12


def test_a_sample_that_misleads_costs_a_pass_and_not_exactness(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(survey, "SAMPLE_ROWS", 12)
    for seed in range(3):
        logits, labels = classes(4000, 10, 3.0, 2.0, seed)
        fit = passes_and_temperature("multiclass", logits, labels)
        assert fit.temperature == pytest.approx(best_temperature(logits, labels), rel=1e-7)
        assert fit.passes <= 5


def random_labels(logits: Array) -> Array:
    return np.asarray(logits.argmin(axis=1))


@pytest.mark.parametrize(
    ("labels_of", "reason"),
    [
        (lambda x: x.argmax(axis=1), "no row is wrong"),
        (lambda x: np.zeros(len(x), int), "one class"),
        (random_labels, "say nothing of the labels"),
    ],
)
def test_rows_that_cannot_tell_a_temperature_keep_it_with_the_reason_of_fit(
    labels_of: Any, reason: str
) -> None:
    logits = np.random.default_rng(0).normal(0.0, 2.0, (500, 4)).astype(np.float32)
    own = passes_and_temperature("multiclass", logits, labels_of(logits), temperature=1.5)
    other = fit_temperature(logits, labels_of(logits), family="categorical", initial=1.5)
    assert (own.identified, own.temperature, own.reason) == (False, 1.5, other.reason)
    assert reason in own.reason
    assert own.nll_before == pytest.approx(other.nll_before, rel=1e-12)


def test_logits_whose_powers_overflow_are_refused_in_words() -> None:
    logits, labels = classes(200, 3, 1.0, 1.0, 0)
    plan = FitPlan(coverage=0.9)
    wide = np.clip(logits, -3.0, 3.0).astype(np.float64) * 5e307
    request = plan.next()
    assert isinstance(request, Request)
    plan.send(1, request.total_of(wide, labels))
    request = plan.next()
    assert isinstance(request, Request)
    with pytest.raises(Exception, match="so small that"):
        plan.send(2, request.total_of(wide, labels))
