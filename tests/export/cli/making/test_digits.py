"""The job of the demo: its digits, its network, and scores fitted on what the network says."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from support import reference

from logitconf_export.attachment.attaching import attach
from logitconf_export.cli.making import digits
from logitconf_export.cli.making.digits import DigitNet, Digits


@pytest.fixture(scope="module")
def parts() -> tuple[Digits, Digits, Digits]:
    return digits.load_digits()


@pytest.fixture(scope="module")
def network(parts: tuple[Digits, Digits, Digits]) -> DigitNet:
    return digits.train(parts[0])


def test_no_digit_is_trained_on_and_calibrated_or_tested_on(
    parts: tuple[Digits, Digits, Digits],
) -> None:
    assert [len(part.labels) for part in parts] == [200, 600, 997]
    seen = [{image.tobytes() for image in part.images} for part in parts]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 1797
    for part in parts:
        assert part.images.dtype == np.float32
        assert (part.images.min(), part.images.max()) == (0.0, 1.0)


def test_training_is_the_same_each_time_and_leaves_the_callers_torch_alone(
    parts: tuple[Digits, Digits, Digits], network: DigitNet
) -> None:
    torch.manual_seed(123)
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    again = digits.train(parts[0])
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name])
    right = digits.logits_of_network(network, parts[2]).argmax(1).numpy() == parts[2].labels
    assert 0.85 < right.mean() < 0.99


def test_each_score_accepts_nine_digits_in_ten_and_its_area_is_that_of_an_independent_count(
    parts: tuple[Digits, Digits, Digits], network: DigitNet
) -> None:
    logits = digits.logits_of_network(network, parts[1])
    trials = {trial.score.card.score: trial for trial in digits.fit_scores(logits, parts[1].labels)}
    assert {"softmax", "entropy", "energy", "margin"} <= set(trials)
    assert not {"learned", "mutual_information"} & set(trials)
    wrong = logits.argmax(1).numpy() != parts[1].labels
    for name in ("softmax", "entropy", "energy", "margin"):
        score = trials[name].score
        values = reference.score(name, logits.double().numpy(), score.temperature)
        assert isinstance(score.threshold, float)
        assert abs((values < score.threshold).sum() - 540) <= 2
        # mean over k of the errors among the k surest
        errors = np.cumsum(wrong[np.argsort(values, kind="stable")]) / np.arange(1, 601)
        assert trials[name].area == pytest.approx(errors.mean(), abs=2e-4)


def test_a_file_with_another_threshold_is_counted_as_flips(
    parts: tuple[Digits, Digits, Digits], network: DigitNet, tmp_path: Path
) -> None:
    logits = digits.logits_of_network(network, parts[1])
    margin = next(
        t.score
        for t in digits.fit_scores(logits, parts[1].labels)
        if t.score.card.score == "margin"
    )
    host = onnx.load_model_from_string(digits.exported(network))
    shipped = tmp_path / "shipped.onnx"
    attach(host, margin.compile(), shipped)
    assert digits.flips_against_network(network, margin, shipped, parts[2]) == 0
    values = margin.score(digits.logits_of_network(network, parts[2])).numpy()
    before = margin.threshold
    margin.set_threshold(coverage=0.5)
    expected = ((values < before) != (values < margin.threshold)).sum()
    assert expected > 100
    assert digits.flips_against_network(network, margin, shipped, parts[2]) == expected
