"""Rows refute a reading and never decide one."""

from dataclasses import replace

import numpy as np
import pytest
from onnx import parser
from support.hosts.bodies import TWO_HEADS
from support.hosts.text import LOGITS, host
from support.refuted_readings import refute

from logitconf.errors import LogitconfError
from logitconf_export.hosts.candidates import Candidate
from logitconf_export.hosts.reading import read_host
from logitconf_export.verification.refutation import contradicted

ROWS = np.random.default_rng(3).normal(size=(6, 3)).astype(np.float32)
PROBABILITIES = np.exp(ROWS) / np.exp(ROWS).sum(axis=1, keepdims=True)
LOGIT_PLACE = Candidate(
    tensor="z", kind="logits", task="multiclass", n_classes=3, class_axis=1, rank=2,
    dtype="float32", output="y", certain=True, reason="a reason", family="categorical",
)  # fmt: skip
PROBABILITY_PLACE = replace(LOGIT_PLACE, kind="probabilities")
LOG_PLACE = replace(LOGIT_PLACE, kind="log-probabilities")


@pytest.mark.parametrize(
    ("place", "values"),
    [
        (LOGIT_PLACE, ROWS),
        (PROBABILITY_PLACE, PROBABILITIES),
        (LOG_PLACE, np.log(PROBABILITIES)),
        (replace(PROBABILITY_PLACE, family="bernoulli"), np.full((2, 3), 0.9)),
        (replace(LOGIT_PLACE, n_classes=1, class_axis=1, rank=1), ROWS[:, 0]),
        (LOGIT_PLACE, np.full((2, 3), np.nan)),
    ],
)
def test_values_that_fit_contradict_nothing(place: Candidate, values: np.ndarray) -> None:
    assert contradicted(place, values) is None


@pytest.mark.parametrize(
    ("place", "values", "words"),
    [
        (LOGIT_PLACE, PROBABILITIES, "as with probabilities"),
        (PROBABILITY_PLACE, ROWS, "its values reach from"),
        (PROBABILITY_PLACE, PROBABILITIES / 2, "do not sum to 1"),
        (LOG_PLACE, ROWS + 3, "above 0"),
        (LOG_PLACE, np.log(PROBABILITIES) - 1, "exponentials of its rows do not sum to 1"),
        (LOGIT_PLACE, ROWS[..., None], "has 3 axes"),
        (LOGIT_PLACE, ROWS[:, :2], "has 2 columns and not 3"),
        (replace(LOGIT_PLACE, rank=None, class_axis=4), ROWS, "has 2 axes"),
    ],
)
def test_values_that_do_not_fit_are_named(place: Candidate, values: np.ndarray, words: str) -> None:
    assert words in str(contradicted(place, values))


def test_a_bare_layer_that_gives_probabilities_is_refused_after_running() -> None:
    # Weights of zero and a bias of probabilities: the structure says logits, the rows say no.
    model = parser.parse_model(
        host(
            "h = MatMul(x, v) y = Add(h, p)",
            weights=f"float[4, 3] v = {{{', '.join(['0.0'] * 12)}}}, "
            "float[3] p = {0.2, 0.3, 0.5}",
        )
    )
    reading = read_host(model)
    assert reading.candidates[0].certain
    checked = refute(model, reading, {"x": np.ones((4, 4), np.float32)})
    assert checked.candidates == ()
    assert "as with probabilities" in checked.refused[-1].reason


def test_rows_that_fit_leave_the_reading_as_it_is() -> None:
    model = parser.parse_model(TWO_HEADS)
    reading = read_host(model)
    feeds = {"x": np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)}
    assert refute(model.SerializeToString(), reading, feeds) == reading


def test_no_rows_check_nothing_and_say_so() -> None:
    model = parser.parse_model(host(f"{LOGITS} y = Softmax(z)"))
    checked = refute(model, read_host(model), {"x": np.zeros((0, 4), np.float32)})
    assert len(checked.candidates) == 1
    assert "nothing was checked" in checked.notes[-1]


def test_rows_that_the_host_cannot_take_are_an_error() -> None:
    model = parser.parse_model(host(f"{LOGITS} y = Softmax(z)"))
    with pytest.raises(LogitconfError, match="must run on the rows given"):
        refute(model, read_host(model), {"x": np.zeros((2, 9), np.float32)})


def test_a_tapped_input_is_checked_by_its_own_rows() -> None:
    model = parser.parse_model(host("y = Softmax(x)", outputs="float[N, 4] y"))
    rows = np.full((2, 4), 0.25, np.float32)
    assert refute(model, read_host(model), {"x": rows}).candidates == ()
