"""Calibration measures against plain loops and published figures."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support import real_data, reference

from logitconf.errors import LogitconfError
from logitconf.metrics import calibration
from logitconf.tasks import Layout, predicted_correctly

Float64 = NDArray[np.float64]
Flags = NDArray[np.bool_]

EXACT = 1e-12
# Published to six decimals.
PRINTED = 5e-7


def drawn_rows(seed: int) -> tuple[Float64, Flags]:
    generator = np.random.default_rng(seed)
    confidence = generator.random(333)
    return confidence, generator.random(333) < confidence**2


def naive_gaps(confidence: Float64, right: Flags, bins: int) -> list[tuple[float, int]]:
    """abs(accuracy - confidence) and rows of each bin (lo, hi], by a plain loop over bins."""
    found = []
    for place in range(bins):
        low, high = place / bins, (place + 1) / bins
        inside = [
            (c, r)
            for c, r in zip(confidence.tolist(), right.tolist(), strict=True)
            if low < c <= high or (place == 0 and c == 0.0)
        ]
        if inside:
            mean_confidence = math.fsum(c for c, _ in inside) / len(inside)
            accuracy = sum(r for _, r in inside) / len(inside)
            found.append((abs(accuracy - mean_confidence), len(inside)))
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bins", [1, 10, 15])
def test_equal_width_errors_are_the_plain_loops(seed: int, bins: int) -> None:
    confidence, right = drawn_rows(seed)
    gaps = naive_gaps(confidence, right, bins)
    expected = math.fsum(gap * rows for gap, rows in gaps) / 333
    found = calibration.expected_calibration_error(confidence, right, bins=bins)
    assert found == pytest.approx(expected, abs=EXACT)
    largest = calibration.maximum_calibration_error(confidence, right, bins=bins)
    assert largest == pytest.approx(max(gap for gap, _ in gaps), abs=EXACT)


@pytest.mark.parametrize("bins", [1, 10, 15, 333])
def test_equal_mass_bins_hold_equal_rows_in_order(bins: int) -> None:
    confidence, right = drawn_rows(4)
    order = sorted(range(333), key=lambda row: confidence[row])
    expected = 0.0
    for place in range(bins):
        rows = [row for rank, row in enumerate(order) if rank * bins // 333 == place]
        expected += abs(sum(right[rows]) - math.fsum(confidence[rows])) / 333
    found = calibration.expected_calibration_error(confidence, right, bins=bins, binning="mass")
    assert found == pytest.approx(expected, abs=EXACT)


def test_an_edge_belongs_to_the_bin_below_it() -> None:
    confidence, right = [0.5, 0.75], [True, False]
    assert calibration.maximum_calibration_error(confidence, right, bins=2) == 0.75
    assert calibration.expected_calibration_error(confidence, right, bins=2) == 0.625


def test_certain_and_impossible_confidence_have_a_bin() -> None:
    assert calibration.expected_calibration_error([0.0, 1.0], [False, True]) == 0.0


def test_brier_of_one_column_is_half_that_of_its_pair() -> None:
    p = np.array([0.9, 0.2, 0.6])
    labels = np.array([1, 0, 0])
    one = calibration.brier_score(p, labels)
    assert one == pytest.approx((0.01 + 0.04 + 0.36) / 3)
    assert calibration.brier_score(np.stack([1 - p, p], 1), labels) == pytest.approx(2 * one)


def test_nll_is_the_mean_log_loss() -> None:
    found = calibration.negative_log_likelihood([[0.5, 0.5], [0.9, 0.1]], [0, 1])
    assert found == pytest.approx((math.log(2) + math.log(10)) / 2)
    assert calibration.negative_log_likelihood([0.9], [0]) == pytest.approx(math.log(10))


def test_an_impossible_label_costs_infinity_or_the_clip() -> None:
    impossible = [[1.0, 0.0]]
    assert calibration.negative_log_likelihood(impossible, [1]) == math.inf
    clip = calibration.PUBLISHED_CLIP
    clipped = calibration.negative_log_likelihood(impossible, [1], clip=clip)
    assert clipped == pytest.approx(15 * math.log(10))


def test_published_figures_of_densenet() -> None:
    data = real_data.nncal()
    probabilities = reference.probabilities(data.test_logits)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == data.test_labels
    ece = calibration.expected_calibration_error(confidence, right)
    clipped = calibration.negative_log_likelihood(
        probabilities, data.test_labels, clip=calibration.PUBLISHED_CLIP
    )
    unclipped = calibration.negative_log_likelihood(probabilities, data.test_labels)
    assert ece == pytest.approx(0.055003, abs=PRINTED)
    assert clipped == pytest.approx(0.428207, abs=PRINTED)
    assert unclipped == pytest.approx(0.430059, abs=PRINTED)


@pytest.mark.parametrize(
    ("split", "ece", "nll"), [("fit", 0.005947, 0.186612), ("test", 0.009463, 0.225086)]
)
def test_published_figures_of_densenet_at_its_temperature(
    split: str, ece: float, nll: float
) -> None:
    data = real_data.nncal()
    logits = data.fit_logits if split == "fit" else data.test_logits
    labels = data.fit_labels if split == "fit" else data.test_labels
    probabilities = reference.probabilities(logits, 2.88256073)
    found = calibration.expected_calibration_error(
        probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    )
    assert found == pytest.approx(ece, abs=PRINTED)
    likelihood = calibration.negative_log_likelihood(probabilities, labels)
    assert likelihood == pytest.approx(nll, abs=PRINTED)


def test_published_figures_of_mistral_and_imagenet_and_kitti() -> None:
    data = real_data.llmuq_mistral()
    p = reference.probabilities(data.test_logits)
    right = p.argmax(axis=1) == data.test_labels
    assert right.mean() == pytest.approx(0.604042, abs=PRINTED)
    ece = calibration.expected_calibration_error(p.max(axis=1), right)
    assert ece == pytest.approx(0.024513, abs=PRINTED)
    nll = calibration.negative_log_likelihood(p, data.test_labels)
    assert nll == pytest.approx(0.952046, abs=PRINTED)
    top = real_data.imagenet()
    ece = calibration.expected_calibration_error(top.confidence, top.predicted == top.labels)
    assert ece == pytest.approx(0.049168, abs=PRINTED)
    kitti = real_data.kitti("AdaBoost")
    nll = calibration.negative_log_likelihood(kitti.probabilities, kitti.labels)
    assert nll == pytest.approx(0.667237, abs=PRINTED)


def test_published_accuracies_of_eurosat_and_kitti() -> None:
    stored = real_data.arrays("eurosat_ms.npz")
    kitti = real_data.kitti("AdaBoost")
    for scores, labels, accuracy in (
        (stored["logits"], stored["labels"], 0.898801),
        (kitti.probabilities, kitti.labels, 0.946205),
    ):
        layout = Layout("multiclass", scores.shape[1])
        right = predicted_correctly(torch.from_numpy(scores), torch.from_numpy(labels), layout)
        assert right.double().mean().item() == pytest.approx(accuracy, abs=PRINTED)


def test_published_mean_average_precision_of_coco() -> None:
    data = real_data.coco()
    rows = len(data.labels)
    precisions = []
    for probabilities, labels in zip(data.probabilities.T, data.labels.T, strict=True):
        order = np.argsort(-probabilities, kind="stable")
        hits = np.cumsum(labels[order])
        # the rows of a tie share the counts at its end
        ends = np.searchsorted(-probabilities[order], -probabilities[order], side="right") - 1
        precision = (hits / np.arange(1, rows + 1))[ends]
        precisions.append((precision * labels[order]).sum() / labels.sum())
    assert np.mean(precisions) == pytest.approx(0.9128, abs=5e-5)


def test_bad_input_is_refused() -> None:
    with pytest.raises(LogitconfError, match=r"confidence must lie in \[0, 1\], got -0.9"):
        calibration.expected_calibration_error([-0.9], [True])
    with pytest.raises(LogitconfError, match="bins must be >= 1"):
        calibration.expected_calibration_error([0.9], [True], bins=0)
    with pytest.raises(LogitconfError, match=r"\(N, K\) or \(N,\) beside labels"):
        calibration.brier_score([[0.5, 0.5]], [0, 1])
    with pytest.raises(LogitconfError, match=r"whole numbers in \[0, 2\)"):
        calibration.negative_log_likelihood([[0.5, 0.5]], [2])
