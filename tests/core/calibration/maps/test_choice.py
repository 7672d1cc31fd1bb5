"""Cross-validation chooses a map where there is one to find, and the temperature elsewhere."""

from typing import Any

import numpy as np
import pytest

from logitconf.calibration.maps.choice import FOLDS, check_calibration, choose_map
from logitconf.calibration.maps.fit import fit_map
from logitconf.errors import LogitconfError


def made(rows: int, bias: Any, seed: int = 0) -> tuple[Any, Any]:
    """Logits x for labels that are drawn from softmax(2x + bias)."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(rows, 4)) * 2.0
    z = 2.0 * logits + bias + random.gumbel(size=logits.shape)
    return logits, z.argmax(axis=1)


@pytest.mark.parametrize("seed", range(5))
def test_where_a_temperature_is_all_there_is_it_stays(seed: int) -> None:
    logits, truth = made(400, 0.0, seed)
    choice = choose_map(logits, truth, family="categorical", seed=seed)
    assert choice.fitted.calibration_map is None
    assert [gain.clear for gain in choice.gains] == [False, False]
    assert choice.fitted.temperature.temperature == pytest.approx(0.5, rel=0.3)


def test_where_classes_have_biases_a_vector_is_chosen_and_says_why() -> None:
    logits, truth = made(2000, np.array([1.5, -1.5, 0.0, 0.0]))
    choice = choose_map(logits, truth, family="categorical")
    found = choice.fitted.calibration_map
    assert found is not None
    assert found.kind == "vector"
    assert found.fit is not None
    assert found.fit.folds == FOLDS
    assert found.fit.gain is not None
    assert found.fit.gain_error is not None
    assert found.fit.gain > 2.0 * found.fit.gain_error
    asked = fit_map(logits, truth, kind="vector", family="categorical").calibration_map
    assert asked is not None
    assert found.bias == asked.bias
    # with T = 1/2, biases of 1.5 in z are .75 in the logits
    assert found.bias == pytest.approx([0.75, -0.75, 0.0, 0.0], abs=0.2)


def test_where_classes_are_mixed_a_matrix_is_chosen() -> None:
    random = np.random.default_rng(1)
    hidden = random.normal(size=(3000, 4)) * 2.0
    truth = (hidden + random.gumbel(size=hidden.shape)).argmax(axis=1)
    mixing = np.eye(4)
    mixing[0, 1] = mixing[2, 3] = 0.8
    choice = choose_map(hidden @ np.linalg.inv(mixing).T, truth, family="categorical")
    assert choice.fitted.calibration_map is not None
    assert choice.fitted.calibration_map.kind == "matrix"


def test_a_certain_negative_is_no_obstacle_and_a_matrix_that_loses_rows_no_choice() -> None:
    logits, truth = made(1500, np.array([1.5, -1.5, 0.0, 0.0]))
    logits[truth != 3, 3] = -np.inf
    choice = choose_map(logits, truth, family="categorical")
    assert choice.fitted.calibration_map is not None
    assert choice.fitted.calibration_map.kind == "vector"
    assert choice.gains[1].gain == 0.0


def test_few_rows_are_not_cross_validated() -> None:
    logits, truth = made(9, 0.0)
    choice = choose_map(logits, truth, family="categorical")
    assert choice.fitted.calibration_map is None


def test_labels_choose_between_scales_and_platt() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(3000, 3)) * 2.0
    z = logits * np.array([0.5, 1.0, 3.0]) + np.array([1.0, -1.0, 0.5])
    truth = (random.uniform(size=z.shape) < 1.0 / (1.0 + np.exp(-z))).astype(float)
    choice = choose_map(logits, truth, family="bernoulli")
    assert choice.fitted.calibration_map is not None
    assert choice.fitted.calibration_map.kind == "platt"
    only = choose_map(logits, truth, family="bernoulli", kinds=["vector"]).fitted.calibration_map
    assert only is not None
    assert only.bias is None


def test_another_word_is_told_what_was_meant() -> None:
    with pytest.raises(LogitconfError, match="did you mean 'vector'"):
        check_calibration("Vector")
