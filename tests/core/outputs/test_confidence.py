"""Confidence from a map: the same lines in every library and graph, and never out of order."""

import math

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from logitconf.card.confidence import ConfidenceMap
from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.head import ConfidenceHead
from logitconf.head_spec import Head
from logitconf.outputs.confidence import confidence, exact_confidence, score_at
from logitconf_export.decisions.hard_rows import hard_rows, random_rows
from logitconf_export.heads.conversion import to_onnx

KNOTS = ConfidenceMap((-4.0, -1.5, -1.25, 0.0), (0.96875, 0.75, 0.25, 0.125), 99)
CLOSE = 4e-7


def head(knots: ConfidenceMap = KNOTS, score: str = "margin") -> Head:
    card = ScoreCard(score, "multiclass", 1.5, -0.5, confidence=knots)
    return Head.of_card(card, HeadForm(5, outputs=("confidence",)))


def test_it_is_the_line_between_the_knots_and_flat_beyond_them() -> None:
    scores = np.array([-9.0, -4.0, -2.75, -1.375, -1.0, 0.0, 3e38], np.float32)
    found = confidence(scores, np.isfinite(scores), KNOTS)
    lines = [0.96875, 0.96875, 0.859375, 0.5, 0.225, 0.125, 0.125]
    np.testing.assert_allclose(found, lines, atol=CLOSE)
    np.testing.assert_allclose(exact_confidence(scores, KNOTS), lines, atol=CLOSE)
    single = confidence(scores, scores < 0, ConfidenceMap((0.0,), (0.75,), 3))
    assert single.tolist() == [0.75] * 5 + [0.0] * 2


def test_rows_without_a_score_have_none_in_torch_numpy_and_the_graph() -> None:
    rows = np.concatenate([hard_rows(5), random_rows(200, 5, seed=2)])
    spec = head()
    score, _, ours = spec(rows)
    theirs = ConfidenceHead(spec.card, spec.form)(torch.from_numpy(rows))[2].numpy()
    session = onnxruntime.InferenceSession(
        to_onnx(spec).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    given_score, graph = session.run(["score", "confidence"], {"logits": rows})
    for name, scores, found in (
        ("NumPy", score, ours),
        ("torch", score, theirs),
        ("onnxruntime", given_score, graph),
    ):
        finite = np.isfinite(scores)
        assert found.dtype == np.float32, name
        assert not found[~finite].any(), name
        expected = exact_confidence(np.where(finite, scores, 0.0), KNOTS)
        np.testing.assert_allclose(found[finite], expected[finite], atol=CLOSE, err_msg=name)
    assert 20 < int((~np.isfinite(score)).sum()) < len(rows)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_higher_score_is_never_surer(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = int(random.integers(2, 33))
    scores = np.unique(random.normal(0, 10 ** random.uniform(-3, 3), count).astype(np.float32))
    values = np.sort(random.random(len(scores)).astype(np.float32))[::-1]
    knots = ConfidenceMap(tuple(map(float, scores)), tuple(map(float, values)), 9)
    around = np.nextafter(scores[:, None], np.array([-np.inf, np.inf], np.float32)).reshape(-1)
    tried: npt.NDArray[np.float32] = np.sort(
        np.concatenate([scores, around, random.normal(0, 5, 500).astype(np.float32)])
    )
    found = confidence(tried, np.isfinite(tried), knots)
    assert (np.diff(found) <= 0).all()
    assert 0.0 <= found.min() <= found.max() <= 1.0


def test_the_score_of_a_confidence_is_where_the_line_crosses_it() -> None:
    assert score_at(0.859375, KNOTS) == pytest.approx(-2.75)
    assert score_at(0.75, KNOTS) == -1.5
    assert score_at(0.1, KNOTS) == math.inf
    flat = ConfidenceMap((-2.0, -1.0, 0.0), (0.5, 0.5, 0.25), 9)
    assert score_at(0.5, flat) == -1.0
    with pytest.raises(LogitconfError, match=r"no score is as sure as 0.97: .* 0.9688"):
        score_at(0.97, KNOTS)


def test_a_confidence_needs_a_map_and_opset_9() -> None:
    plain = ScoreCard("margin", "multiclass", 1.0, -1.0)
    with pytest.raises(LogitconfError, match="fitted on rows with labels"):
        Head.of_card(plain, HeadForm(5, outputs=("confidence",)))
    with pytest.raises(LogitconfError, match=r"confidence needs opset 9 or newer, .* got 8"):
        to_onnx(head(), opset=8)
