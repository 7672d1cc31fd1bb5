"""The references are checked against 150-digit arithmetic, published figures and planted faults."""

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from numpy.typing import NDArray
from support import real_data, reference
from support.score_rows import SCORE_TESTS, ExactRow

ROUNDING = 1e-13
"""Some tens of float64 steps: the references add a few dozen rounded terms."""

ANCHOR_LOGITS = [[2.0, -1.0, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0], [60.0, 1.0, -40.0, 59.5]]


def exact_pair(z: float) -> list[mpmath.mpf]:
    sigmoid = 1 / (1 + mpmath.exp(-mpmath.mpf(z)))
    return [1 - sigmoid, sigmoid]


def exact_row(row: list[float], temperature: float) -> ExactRow:
    z = [mpmath.mpf(value) / mpmath.mpf(temperature) for value in row]
    total = mpmath.fsum(mpmath.exp(value) for value in z)
    shares = [mpmath.exp(value) / total for value in z]
    return ExactRow(z, shares, [exact_pair(value) for value in z], temperature)


@pytest.mark.parametrize("temperature", [1.0, 2.5, 0.3])
@pytest.mark.parametrize("name", reference.SCORE_NAMES)
def test_every_score_equals_its_definition_in_150_digits(name: str, temperature: float) -> None:
    with mpmath.workdps(150):
        formula = SCORE_TESTS[name].classes
        rows = [float(formula(exact_row(row, temperature))) for row in ANCHOR_LOGITS]
    found = reference.score(name, ANCHOR_LOGITS, temperature)
    np.testing.assert_allclose(found, rows, rtol=ROUNDING, atol=1e-300)


@pytest.mark.parametrize("temperature", [1.0, 2.5, 0.3])
@pytest.mark.parametrize("name", [n for n, row in SCORE_TESTS.items() if row.labels])
def test_every_score_of_labels_equals_its_definition(name: str, temperature: float) -> None:
    with mpmath.workdps(150):
        formula = SCORE_TESTS[name].labels
        assert formula is not None
        labels = [float(formula(exact_row(row, temperature))) for row in ANCHOR_LOGITS]
    found = reference.score(name, ANCHOR_LOGITS, temperature, "multilabel")
    np.testing.assert_allclose(found, labels, rtol=ROUNDING, atol=1e-300)


def test_one_logit_energy_ignores_the_sign() -> None:
    with mpmath.workdps(150):
        expected = float(-2 * mpmath.log(1 + mpmath.exp(mpmath.mpf(3) / 2)))
    for logits in ([3.0, -3.0], [[3.0], [-3.0]]):
        found = reference.score("energy", logits, 2.0, "binary")
        np.testing.assert_allclose(found, [expected, expected], rtol=ROUNDING)


def test_two_logits_of_a_binary_task_are_two_classes() -> None:
    logits = [[1.0, 3.0], [0.0, 0.0]]
    for name in reference.SCORE_NAMES:
        two = reference.score(name, logits, 1.5, "binary")
        assert two.tolist() == reference.score(name, logits, 1.5).tolist()


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("name", reference.SCORE_NAMES)
def test_rows_without_a_score_are_nan(name: str, task: str) -> None:
    nan, inf = np.nan, np.inf
    rows = [[nan, 1, 0], [0, 1, nan], [inf, 1, 0], [0, inf, -inf], [-inf] * 3, [nan, inf, -inf]]
    assert np.isnan(reference.score(name, rows, task=task)).all()


@pytest.mark.parametrize("name", reference.SCORE_NAMES)
def test_one_logit_rows_without_a_score_are_nan(name: str) -> None:
    assert np.isnan(reference.score(name, [np.nan, np.inf, -np.inf], task="binary")).all()


@pytest.mark.parametrize("name", reference.SCORE_NAMES)
def test_a_masked_class_is_as_if_it_were_absent(name: str) -> None:
    masked = reference.score(name, [[2.0, -np.inf, 1.0]], 1.5)
    np.testing.assert_allclose(masked, reference.score(name, [[2.0, 1.0]], 1.5), rtol=ROUNDING)


def test_a_row_with_one_finite_class_has_margin_minus_infinity() -> None:
    assert reference.score("margin", [[-np.inf, 3.0, -np.inf]]).tolist() == [-np.inf]


def test_a_certain_negative_label_costs_nothing() -> None:
    row, rest = [[2.0, -np.inf]], [[2.0]]
    for name in reference.SCORE_NAMES:
        with_it = reference.score(name, row, task="multilabel")
        assert with_it.tolist() == reference.score(name, rest, task="multilabel").tolist()


def test_huge_rows_have_finite_scores() -> None:
    for name in reference.SCORE_NAMES:
        assert np.isfinite(reference.score(name, [[3e38, 2e38, 1e38], [3e38, 3e38, -3e38]])).all()


def test_an_empty_batch_has_no_scores() -> None:
    assert reference.score("energy", np.empty((0, 3))).shape == (0,)


def test_scores_along_an_axis_are_those_of_the_moved_rows() -> None:
    logits = np.arange(24.0).reshape(2, 3, 4) % 7
    found = reference.score_along("margin", logits, 1)
    assert found.shape == (2, 4)
    assert found[1, 2] == reference.score("margin", [logits[1, :, 2]])[0]


def test_nll_of_even_odds_is_log_two() -> None:
    log_two = float(np.log(2.0))
    assert reference.mean_nll([[7.0, 7.0]], [1]) == pytest.approx(log_two, rel=ROUNDING)
    assert reference.mean_nll([0.0], [0.25], task="binary") == pytest.approx(log_two, rel=ROUNDING)


def test_one_logit_nll_is_that_of_the_pair() -> None:
    logits, labels = np.array([1.5, -0.5, 3.0]), np.array([1, 0, 0])
    pairs = np.stack([np.zeros(3), logits], axis=1)
    one = reference.mean_nll(logits, labels, 1.7, "binary")
    assert one == pytest.approx(reference.mean_nll(pairs, labels, 1.7), rel=ROUNDING)


def test_probabilities_of_a_row_add_to_one() -> None:
    found = reference.probabilities(ANCHOR_LOGITS, 2.0)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=ROUNDING)
    np.testing.assert_allclose(found.max(axis=1), -reference.score("softmax", ANCHOR_LOGITS, 2.0))


@pytest.mark.parametrize("task", ["multiclass", "binary", "multilabel"])
def test_the_slope_is_the_difference_quotient_of_the_nll(task: str) -> None:
    random = np.random.default_rng(3)
    shape = {"multiclass": (40, 4), "binary": (40,), "multilabel": (40, 4)}[task]
    logits = 3.0 * random.standard_normal(shape)
    labels = random.integers(0, 4 if task == "multiclass" else 2, shape[: 1 + (task[5] == "l")])
    step = 1e-5
    losses = [reference.mean_nll(logits, labels, 1.0 / b, task) for b in (0.7 - step, 0.7 + step)]
    slope = reference.nll_slope(logits, labels, 0.7, task)
    assert slope == pytest.approx((losses[1] - losses[0]) / (2.0 * step), rel=1e-6)


def test_the_best_temperature_makes_the_accuracy_the_mean_confidence() -> None:
    logits = np.tile([[4.0, 0.0]], (10, 1))
    labels = np.array([0] * 8 + [1] * 2)
    expected = 4.0 / np.log(8.0 / 2.0)
    assert reference.best_temperature(logits, labels) == pytest.approx(expected, rel=1e-12)


def test_separable_rows_have_no_best_temperature() -> None:
    with pytest.raises(ValueError, match="no minimum"):
        reference.best_temperature([[4.0, 0.0], [0.0, 4.0]], [0, 1])


def test_calibration_error_bins_are_open_below_and_closed_above() -> None:
    edge = 2.0 / 15.0
    above = np.nextafter(edge, 1.0)
    assert reference.calibration_error([edge, edge], [1, 0]) == pytest.approx(abs(0.5 - edge))
    assert reference.calibration_error([edge, above], [1, 0]) == pytest.approx(
        0.5 * (1.0 - edge) + 0.5 * above
    )


def test_published_figures_of_densenet40_come_out_to_the_printed_digits() -> None:
    split = real_data.nncal()
    temperature = reference.best_temperature(split.fit_logits, split.fit_labels)
    assert temperature == pytest.approx(2.8826, abs=0.0002)

    def figures(logits: NDArray[np.float32], labels: NDArray[np.int64], t: float) -> list[str]:
        p = reference.probabilities(logits, t)
        error = reference.calibration_error(p.max(axis=1), p.argmax(axis=1) == labels)
        return [f"{error:.6f}", f"{reference.mean_nll(logits, labels, t):.6f}"]

    assert figures(split.test_logits, split.test_labels, 1.0) == ["0.055003", "0.430059"]
    assert figures(split.fit_logits, split.fit_labels, temperature) == ["0.005947", "0.186612"]
    assert figures(split.test_logits, split.test_labels, temperature) == ["0.009463", "0.225086"]


@pytest.mark.parametrize("name", real_data.LOGIT_SPLITS)
def test_real_logits_are_float32_rows_with_a_label_each(name: str) -> None:
    split = real_data.LOGIT_SPLITS[name]()
    for logits, labels in (
        (split.fit_logits, split.fit_labels),
        (split.test_logits, split.test_labels),
    ):
        assert logits.dtype == np.float32
        assert labels.shape == logits.shape[:1]
        assert 0 <= labels.min() <= labels.max() < logits.shape[1]


def test_the_other_real_files_hold_probabilities() -> None:
    for held in (real_data.kitti("AdaBoost"), real_data.kitti("mondrian_forest"), real_data.coco()):
        assert 0.0 <= held.probabilities.min() <= held.probabilities.max() <= 1.0
        assert len(held.probabilities) == len(held.labels)
    top = real_data.imagenet()
    assert f"{(top.predicted == top.labels).mean():.5f}" == "0.77374"


def test_an_absent_file_skips_the_test_and_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGITCONF_DATA", "no such folder")
    with pytest.raises(pytest.skip.Exception, match=r"nncal_densenet40_c10\.npz is absent"):
        real_data.nncal()


def float32(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


def test_ulps_count_float32_steps_across_zero() -> None:
    tiny = np.float32(1e-45)
    assert reference.ulp_distance(float32(1.0), np.nextafter(float32(1.0), np.float32(2.0))) == 1
    assert reference.ulp_distance(np.array([tiny]), np.array([-tiny])) == 2
    assert reference.ulp_distance(float32(1.0), float32(2.0)) == 2**23
    assert reference.ulp_distance(float32(-1.0), float32(-2.0)) == 2**23


def test_ulps_hold_nan_equal_to_nan_and_both_zeros_equal() -> None:
    other_nan = np.array([0x7FC00001], dtype=np.int32).view(np.float32)
    assert reference.ulp_distance(float32(np.nan), other_nan) == 0
    assert reference.ulp_distance(float32(0.0), float32(-0.0)) == 0
    assert reference.ulp_distance(float32(np.inf, -np.inf), float32(np.inf, -np.inf)).sum() == 0


@pytest.mark.parametrize(
    ("left", "right"),
    [(np.nan, 1.0), (0.0, np.nan), (np.inf, -np.inf), (3.4028235e38, np.inf), (np.nan, np.inf)],
)
def test_ulps_between_unlike_kinds_are_never_close(left: float, right: float) -> None:
    assert reference.ulp_distance(float32(left), float32(right)) == reference.NOT_CLOSE


def test_ulps_see_one_wrong_value_among_many() -> None:
    left = np.linspace(-3.0, 3.0, 1001, dtype=np.float32)
    right = left.copy()
    right[700] = np.nextafter(right[700], np.float32(9.0))
    assert reference.ulp_distance(left, right).nonzero()[0].tolist() == [700]


def test_ulps_refuse_other_types_and_shapes() -> None:
    with pytest.raises(TypeError, match="float64"):
        reference.ulp_distance(np.zeros(2), float32(0.0, 0.0))
    with pytest.raises(ValueError, match=r"\(1,\) and \(2,\)"):
        reference.ulp_distance(float32(0.0), float32(0.0, 0.0))
