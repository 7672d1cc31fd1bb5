"""The table of rounding bands: its numbers, and that real differences stay inside."""

import math
from dataclasses import replace

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch
from support import reference

from logitconf.errors import LogitconfError
from logitconf.scores import ranges
from logitconf.scores.evaluation import evaluate, formula
from logitconf.scores.reductions import Form
from logitconf.scores.rounding import Rounding, rounding_band
from logitconf.scores.table import SCORES, check_parameters
from logitconf.tasks import Layout


def band(score: str, value: float, n_classes: int = 10, precision: str = "float32") -> float:
    return rounding_band(score, n_classes=n_classes, precision=precision, value=value)


def ulp(value: float) -> float:
    """The float32 step at `value`, from the definition: 24 bits of mantissa."""
    return float(2.0 ** (math.floor(math.log2(abs(value))) - 23))


def test_margin_is_relative_anywhere() -> None:
    """A difference and a division round by 2^-24 of the score each, in either of two runtimes."""
    for value in (-1e-3, -0.75, -1.0, -3.0, -1e4):
        assert 4.0 <= band("margin", value) / (2.0**-24 * abs(value)) <= 4.0 + 2.5


def test_softmax_grows_with_the_additions_of_its_sum() -> None:
    """Each rounds by at most 2^-24 of the sum, in either of two runtimes: 9 of them, then 133."""
    grown = band("softmax", -0.75, 1000) - band("softmax", -0.75, 10)
    assert 2.0 <= grown / (0.75 * (133 - 9) * 2.0**-24) <= 4.0


def test_energy_is_about_one_ulp_far_from_zero() -> None:
    """Two runtimes that round the last sum by half an ulp each."""
    assert 1.0 <= band("energy", -1e4) / ulp(-1e4) <= 1.2


def test_energy_near_zero_keeps_the_ulps_of_its_two_parts() -> None:
    assert band("energy", 1e-6, n_classes=1000) >= 4.0 * ulp(math.log(1000.0))


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("classes", [3, 10, 100, 1000, None])
def test_sums_in_any_order_have_no_narrower_band_than_pinned_ones(
    score: str, classes: int | None
) -> None:
    pinned = Rounding(score, classes, temperature=1.5)
    values = [0.0, 1e-3, 0.5, 1.0] if SCORES[score].range is ranges.GINI else [0.0, 0.5, 1.0, 20.0]
    assert (replace(pinned, sums="any order").bands(values) >= 0.99 * pinned.bands(values)).all()


def test_pinned_sums_are_as_deep_as_eight_running_ones_and_others_one_by_one() -> None:
    pinned = [Rounding("softmax", n).additions for n in (1, 2, 9, 10, 1000, None)]
    assert pinned == [0, 1, 8, 9, 133, 133]
    assert Rounding("softmax", 1000, sums="any order").additions == 999
    assert Rounding("softmax", 1000, apart=True).additions == 999


def test_softmax_of_a_thousand_classes_covers_what_a_browser_was_met_at() -> None:
    """3.7e-5 on onnxruntime-web and tract, which add up one after the other."""
    apart = rounding_band(
        "softmax", n_classes=1000, precision="float32", value=-0.3, sums="any order"
    )
    assert band("softmax", -0.3, 1000) < 3.7e-5 < apart


def test_entropy_of_a_thousand_classes_covers_twice_what_is_proved() -> None:
    """A bound of 9.5e-5 of one runtime; searches meet 1.2e-5."""
    assert 1.2e-5 < band("entropy", 0.1, 1000) < band("entropy", 2.0, 1000) < 2e-4


@pytest.mark.parametrize("score", ["softmax", "entropy"])
def test_two_classes_have_a_narrower_band_than_three(score: str) -> None:
    assert band(score, -0.75, 2) < band(score, -0.75, 3)


@pytest.mark.parametrize("score", ["softmax", "entropy", "energy"])
def test_sums_over_more_classes_have_a_wider_band(score: str) -> None:
    widths = [band(score, -0.75, n) for n in (10, 100, 1000, 30_000)]
    assert widths == sorted(set(widths))


@pytest.mark.parametrize("score", ["softmax", "entropy", "energy", "margin"])
def test_double_precision_leaves_one_ulp(score: str) -> None:
    assert band(score, -0.75, precision="float64") == pytest.approx(ulp(-0.75), rel=1e-6)


def test_double_precision_is_absolute_where_larger_numbers_cancel() -> None:
    """Members that nearly agree: their information, from mpmath, is far below one ulp of double."""
    logits = np.random.default_rng(0).normal(0.0, 1e-12, (200, 4)) + 0.3
    exact = []
    for row in logits:
        shares = [1 / (1 + mpmath.exp(-mpmath.mpf(float(z)))) for z in row]
        mean = sum(shares) / 4
        terms = [
            p * mpmath.log(p / mean) + (1 - p) * mpmath.log((1 - p) / (1 - mean)) for p in shares
        ]
        exact.append(float(sum(terms) / 4))
    form = Form(None, members=4)
    information = formula("mutual_information", "bernoulli")
    found = information(torch.from_numpy(logits), torch.tensor(1.0).double(), form).numpy()
    off = np.abs(found - exact)
    assert off.max() > max(ulp(value) for value in exact)
    assert (off <= Rounding("mutual_information", 1, "float64", members=4).bands(exact)).all()


def test_the_largest_float_has_a_finite_band() -> None:
    largest = float(np.finfo(np.float32).max)
    assert 4.0 * 2.0**103 <= band("margin", largest) < 10.0 * 2.0**103


def test_bands_of_an_array_are_those_of_its_values() -> None:
    values = [-0.9, -0.5, -0.1]
    expected = [band("softmax", value, 100) for value in values]
    assert Rounding("softmax", 100).bands(values).tolist() == expected


def test_only_a_head_that_divides_first_has_a_band_that_grows_with_the_row() -> None:
    values, sizes = [-0.75, -0.75], [1.0, 300.0]
    same = Rounding("softmax", 100, temperature=0.1)
    assert same.bands(values, sizes).tolist() == same.bands(values).tolist()
    near, far = replace(same, divided_first=True).bands(values, sizes) - same.bands(values)
    assert far == pytest.approx(300.0 * near, rel=1e-3)
    # 300 / 0.1 = 3000 has steps of 2^-12: two of half a step, in two runtimes, times p (1 - p)
    assert 0.75 * 0.25 * 2.0**-12 <= far <= 0.75 * 0.25 * 4.0 * 2.0**-12


def test_quotients_without_a_digit_left_decide_nothing() -> None:
    rounding = Rounding("softmax", 100, temperature=1e-3, divided_first=True)
    assert rounding.bands(-0.5, 1e38) == pytest.approx(1.0, abs=1e-4)
    assert replace(rounding, precision="float64").bands(-0.5, 1e6) < 1e-6


@pytest.mark.parametrize("score", ["max_logit", "energy"])
def test_members_whose_scores_cancel_have_the_band_of_the_scores(score: str) -> None:
    """Members with scores of either sign, whose mean is near 0 and keeps their rounding."""
    generator = np.random.default_rng(0)
    logits = generator.standard_normal((2000, 10, 4)).astype(np.float32) * 3000.0
    logits -= logits.max(axis=1, keepdims=True).mean(axis=2, keepdims=True)
    layout = Layout("multiclass", 10, members=4)
    form = Form(axis=1, rank=3, n_classes=10, members=4)
    rough = evaluate(score, torch.from_numpy(logits), torch.tensor(1.5), layout, form).double()
    exact = reference.member_score(score, logits, 1.5)
    off = np.abs(rough.numpy() - exact)
    rounding = Rounding(score, 10, temperature=1.5, members=4)
    assert (off > rounding.bands(exact)).any()
    assert (off <= rounding.bands(exact, np.abs(logits).max(axis=(1, 2))) / 2.0).all()


@pytest.mark.parametrize("labels", [3, 100, 1000])
def test_an_energy_that_labels_add_up_to_stays_within_half_its_band(labels: int) -> None:
    """All labels alike, so that they all err alike, about where log(1 + o) loses most."""
    logits = np.linspace(-9.0, 3.0, 300)[:, np.newaxis] + np.zeros((1, labels))
    logits = logits.astype(np.float32)
    form = Form(n_classes=labels)
    energy = formula("energy", "bernoulli")(torch.from_numpy(logits), torch.tensor(1.0), form)
    exact = reference.score("energy", logits, 1.0, "multilabel")
    off = np.abs(energy.double().numpy() - exact)
    assert (off <= Rounding("energy", labels, joined=True).bands(exact) / 2.0).all()
    assert labels < 100 or (off > Rounding("energy", labels).bands(exact) / 2.0).any()


def test_unknown_names_and_values_are_refused() -> None:
    with pytest.raises(LogitconfError, match=r"score must be one of \['softmax', 'entropy'"):
        band("loudness", 1.0)
    with pytest.raises(LogitconfError, match="precision must be one of"):
        band("softmax", 1.0, precision="float8")
    with pytest.raises(LogitconfError, match=r"sums must be one of \['pinned', 'any order'\]"):
        Rounding("softmax", sums="sideways")  # type: ignore[arg-type]
    with pytest.raises(LogitconfError, match="must be finite, got inf"):
        band("softmax", math.inf)


@pytest.mark.parametrize("score", reference.SCORE_NAMES)
@pytest.mark.parametrize("classes", [2, 10, 100, 1000])
def test_torch_in_float32_stays_within_half_the_band_of_float64(score: str, classes: int) -> None:
    generator = np.random.default_rng(classes)
    scales = generator.choice([0.5, 1.0, 3.0, 6.0], size=(2000, 1))
    logits = torch.from_numpy(generator.standard_normal((2000, classes)) * scales).float()
    function, form = (
        formula(score, "categorical"),
        Form(n_classes=classes, parameters=check_parameters(score, {})),
    )
    rough = function(logits, torch.tensor(1.5), form).double().numpy()
    exact = function(logits.double(), torch.tensor(1.5).double(), form).numpy()
    widths = Rounding(score, classes, "float32", 1.5).bands(exact)
    assert (np.abs(rough - exact) <= widths / 2.0).all()


@pytest.mark.parametrize("temperature", [0.05, 0.3, 3.0])
@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.parametrize(
    "score",
    [
        "softmax",
        "entropy",
        "margin",
        "softmax_margin",
        "gen",
        "gini",
        "doctor",
        "doctor_beta",
    ],
)
def test_the_band_of_probabilities_covers_logarithms_that_are_off(
    score: str, classes: int, temperature: float
) -> None:
    """At T = .05 softmax, its margin and DOCTOR's odds were off by up to six times their bands."""
    generator = np.random.default_rng(classes)
    scales = 10.0 ** generator.uniform(-2.0, 1.3, size=(500, 1))
    exact = generator.standard_normal((500, classes)) * scales * temperature
    exact = exact - np.log(np.exp(exact).sum(axis=1, keepdims=True))
    order = np.argsort(exact, axis=1)
    largest = order[:, -1:] == np.arange(classes)
    # what the Log of onnxruntime and that of NumPy may differ by, above and below 1/2
    ulps = np.where(exact > -math.log(2.0), 7.3, 3.5) * np.where(largest, 1.0, -1.0)
    moved = exact + ulps * np.spacing(np.abs(exact).astype(np.float32))
    function, form = (
        formula(score, "categorical"),
        Form(n_classes=classes, parameters=check_parameters(score, {})),
    )
    before, after = (
        function(torch.from_numpy(x), torch.tensor(temperature).double(), form).numpy()
        for x in (exact, moved)
    )
    rounding = Rounding(score, classes, temperature=temperature, kind="probabilities")
    assert (np.abs(after - before) <= rounding.bands(before)).all()
