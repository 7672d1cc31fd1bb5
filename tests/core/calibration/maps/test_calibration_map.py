"""A map as plain values: what it takes, what it refuses, and how it travels in a card."""

import json
import pickle
from typing import Any

import numpy as np
import pytest

from logitconf.calibration.maps.calibration_map import CalibrationMap, MapFit, check_map
from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError

VECTOR = CalibrationMap("vector", scale=(0.5, 1.5), bias=(0.1, -0.1))
FIT = MapFit({"scale": 0.1, "bias": 0.2}, 100, 3, 0.5, 0.4, 12.0, 1e-12, 5, 0.1, 0.01)


def test_numbers_are_float32_values() -> None:
    assert VECTOR.bias == (float(np.float32(0.1)), float(np.float32(-0.1)))
    assert [array.dtype for array in VECTOR.buffers.values()] == [np.float32] * 2
    assert list(VECTOR.buffers) == ["scale", "bias"]


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"kind": "other", "bias": (0.0,)}, "'kind of a calibration map' must be one of"),
        ({"kind": "vector"}, "must have a scale or a bias, got neither"),
        ({"kind": "matrix", "scale": (1.0, 1.0)}, "must have a matrix if it is of the kind"),
        ({"kind": "vector", "matrix": ((1.0, 0.0), (0.0, 1.0)), "bias": (0.0, 0.0)}, "a matrix if"),
        ({"kind": "vector", "scale": (1.0, 0.0)}, "every scale of a calibration map must be > 0"),
        ({"kind": "vector", "scale": (1.0, 1e-60)}, "every scale of a calibration map must be > 0"),
        ({"kind": "vector", "scale": (1.0, 1.0), "bias": (0.0,)}, "'bias' .* must hold 2 numbers"),
        ({"kind": "platt", "bias": (float("nan"), 0.0)}, "must be a finite number"),
        ({"kind": "platt", "bias": (1e7, 0.0)}, "must be a finite number"),
        ({"kind": "matrix", "matrix": ((1.0, 0.0),), "bias": (0.0,)}, "'classes of a matrix'"),
        (
            {"kind": "matrix", "matrix": ((1.0, 0.0), (0.0,)), "bias": (0.0, 0.0)},
            "'matrix' of a calibration map must hold 2 numbers",
        ),
    ],
)
def test_what_is_no_map_is_refused(parts: dict[str, Any], reason: str) -> None:
    with pytest.raises(LogitconfError, match=reason):
        CalibrationMap(**parts)


def test_a_card_with_a_map_comes_back_from_json_and_pickle() -> None:
    made = CalibrationMap("matrix", matrix=((1.0, 0.1), (0.0, 1.0)), bias=(0.1, -0.1), fit=FIT)
    card = ScoreCard("margin", "multiclass", n_classes=2, calibration_map=made)
    assert ScoreCard.from_dict(json.loads(card.to_json())) == card
    assert pickle.loads(pickle.dumps(card)) == card


def test_a_card_without_a_map_says_nothing_of_maps() -> None:
    assert "calibration_map" not in ScoreCard("margin", "multiclass").to_dict()
    held = ScoreCard("margin", "multiclass").to_dict()
    assert ScoreCard.from_dict({**held, "calibration_map": None}).calibration_map is None


def test_a_map_is_for_as_many_columns_as_the_card_says() -> None:
    with pytest.raises(LogitconfError, match="a calibration map of 2 columns needs logits with"):
        ScoreCard("margin", "multiclass", n_classes=3, calibration_map=VECTOR)
    with pytest.raises(LogitconfError, match="got n_classes=None"):
        check_map(VECTOR, None)


@pytest.mark.parametrize(
    ("score", "members", "reason"),
    [
        ("learned", None, "a learned confidence has logits of its own"),
        ("mutual_information", 3, "for the logits of one model, got members"),
        ("softmax", 3, "for the logits of one model, got members"),
        ("max_logit_norm", None, "has no bound for what rounding does to it"),
    ],
)
def test_scores_that_take_no_map_are_refused(score: str, members: Any, reason: str) -> None:
    task = "binary" if score == "learned" else "multiclass"
    with pytest.raises(LogitconfError, match=reason):
        ScoreCard(score, task, members=members, calibration_map=VECTOR)


def test_only_equal_scales_keep_the_differences_of_logits() -> None:
    assert CalibrationMap("platt", bias=(1.0, -1.0)).keeps_differences
    assert CalibrationMap("vector", scale=(1.0, 1.0), bias=(1.0, -1.0)).keeps_differences
    assert not VECTOR.keeps_differences
    one = ((1.0, 0.0), (0.0, 1.0))
    assert not CalibrationMap("matrix", matrix=one, bias=(0.0, 0.0)).keeps_differences


def test_no_mapped_logit_lies_beyond_the_reach_that_its_rounding_tells() -> None:
    random = np.random.default_rng(0)
    matrix = tuple(map(tuple, (np.eye(5) + random.normal(size=(5, 5))).tolist()))
    made = CalibrationMap("matrix", matrix=matrix, bias=tuple(random.normal(size=5).tolist()))
    rows = random.normal(size=(2000, 5)) * 10.0
    largest = np.abs(rows @ made.buffers["matrix"] + made.buffers["bias"]).max(axis=1)
    assert (largest <= made.rounding.reach(np.abs(rows).max(axis=1))).all()


@pytest.mark.parametrize(
    ("parts", "classes", "labels"),
    [
        ({"kind": "vector", "scale": (1.0, 1.0, 1.0), "bias": (0.0, 0.0, 0.0)}, True, True),
        ({"kind": "vector", "scale": (0.5, 1.0, 1.5)}, False, True),
        ({"kind": "vector", "scale": (1.0, 1.0, 1.0), "bias": (0.5, 0.0, -0.5)}, False, False),
        ({"kind": "platt", "bias": (0.5, 0.25, 0.5)}, False, False),
        (
            {
                "kind": "matrix",
                "matrix": ((1.0, 0.5, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
                "bias": (0.0, 0.0, 0.0),
            },
            False,
            False,
        ),
    ],
    ids=["nothing", "scales", "biases", "platt", "matrix"],
)
def test_a_map_says_whether_any_row_can_get_another_label(
    parts: dict[str, Any], classes: bool, labels: bool
) -> None:
    made = CalibrationMap(**parts)
    x = np.random.default_rng(0).normal(0, 0.5, (5000, 3))
    y = x * np.array(made.scale or 1.0) + np.array(made.bias or 0.0)
    if made.matrix is not None:
        y = x @ np.array(made.matrix) + np.array(made.bias)
    assert made.keeps_label(competing=True) == classes
    assert made.keeps_label(competing=False) == labels
    assert np.array_equal(y.argmax(axis=1), x.argmax(axis=1)) == classes
    assert np.array_equal(y > 0, x > 0) == labels
