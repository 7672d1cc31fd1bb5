"""What is kept of a fitted score: every bit of its values, and none of its calibration rows."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.score_cases import CASES, make, names

import logitconf
from logitconf import LogitconfError, SoftmaxScore


def fitted(name: str = "softmax", rows: int = 1000) -> logitconf.LogitScore:
    """A score with a temperature and calibration rows from labels drawn from random logits."""
    case = CASES["ten classes"]
    logits = case.logits(rows)
    noise = np.random.default_rng(5).gumbel(size=logits.shape)
    labels = (logits / 1.7 + noise).argmax(axis=1)
    return make(name).fit(logits, labels)


@names
def test_a_loaded_score_equals_the_saved_one_to_the_last_bit(name: str, tmp_path: Path) -> None:
    score = fitted(name)
    score.set_threshold(coverage=0.8)
    score.save(tmp_path / "card.json")
    loaded = logitconf.load(tmp_path / "card.json")
    assert type(loaded) is type(score)
    assert (loaded.task, loaded.temperature, loaded.threshold) == (
        score.task,
        score.temperature,
        score.threshold,
    )
    logits = CASES["ten classes"].logits(300, seed=99)
    found, expected = loaded.select(logits), score.select(logits)
    np.testing.assert_array_equal(found["score"], expected["score"])
    np.testing.assert_array_equal(found["selected"], expected["selected"])


@pytest.mark.parametrize("value", [0.1, 1e-45, 3.4028234e38, 1 / 3, np.nextafter(1.0, 2.0)])
def test_awkward_thresholds_and_temperatures_survive_the_card(value: float, tmp_path: Path) -> None:
    score = SoftmaxScore(temperature=min(max(value, 1e-20), 1e20))
    score.set_threshold(value=-value)
    score.save(tmp_path / "card.json")
    loaded = logitconf.load(tmp_path / "card.json")
    assert loaded.temperature == score.temperature == float(np.float32(score.temperature))
    assert loaded.threshold == score.threshold == float(np.float32(-value))


def numbers_in(value: object) -> list[float]:
    items: list[Any] = []
    if isinstance(value, dict):
        items = list(value.values())
    elif isinstance(value, list):
        items = value
    elif isinstance(value, float):
        return [value]
    return [number for item in items for number in numbers_in(item)]


LARGEST_MAP = 32 * 2 * 30
"""Characters of 32 knots in indented JSON; more than a pickle has bytes of them."""


def test_the_card_is_readable_json_without_calibration_data(tmp_path: Path) -> None:
    sizes = []
    for rows in (200, 5000):
        score = fitted(rows=rows)
        score.set_threshold(coverage=0.8)
        score.save(tmp_path / f"{rows}.json")
        text = (tmp_path / f"{rows}.json").read_text()
        sizes.append(len(text))
        held = set(numbers_in(json.loads(text)))
        scores = score.score(CASES["ten classes"].logits(rows)).tolist()
        assert not held & set(scores)
        assert text.count("\n") > 5
    # only the digits of the counts may grow, and the knots of the confidence, at most 32
    assert abs(sizes[1] - sizes[0]) < 100 + LARGEST_MAP


def test_a_pickled_score_holds_no_calibration_data() -> None:
    sizes = []
    for rows in (200, 5000):
        score = fitted(rows=rows)
        score.set_threshold(coverage=0.8)
        stored = pickle.dumps(score)
        sizes.append(len(stored))
        logits = CASES["ten classes"].logits(20, seed=99)
        np.testing.assert_array_equal(pickle.loads(stored).score(logits), score.score(logits))
    assert abs(sizes[1] - sizes[0]) < 100 + LARGEST_MAP


@pytest.mark.parametrize("how", [{}, {"q": 0.9}, {"coverage": 0.9}])
def test_a_loaded_score_names_fit_where_it_needs_calibration_rows(
    how: dict[str, Any], tmp_path: Path
) -> None:
    score = fitted()
    score.set_threshold(coverage=0.8)
    score.save(tmp_path / "card.json")
    loaded = logitconf.load(tmp_path / "card.json")
    with pytest.raises(LogitconfError, match="fit"):
        loaded.set_threshold(**how)
    assert loaded.threshold == score.threshold
    loaded.set_threshold(value=-0.25)
    assert loaded.threshold == -0.25
