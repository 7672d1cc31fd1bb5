"""Certified risks of rows in chunks: those of all rows at once."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.lockstep import in_lockstep

from logitconf import LogitconfError, MarginScore, ScoreCard, UncertifiableError
from logitconf.scores.rounding import Rounding
from logitconf.thresholds.certificate import broken_bindings, wrong_arithmetic
from logitconf.thresholds.chunked import ChunkedCertificate, choose_risk_chunks
from logitconf.thresholds.policies import choose_risk

Rows = tuple[NDArray[np.float32], NDArray[np.bool_]]
ROUNDING = Rounding("softmax", 10)


def rows(count: int, seed: int, decimals: int = 9) -> Rows:
    """Negated probabilities that saturate or, rounded, tie, and errors with those chances."""
    rng = np.random.default_rng(seed)
    scores = -(1.0 - 10.0 ** rng.uniform(-8.0, 0.0, count)).astype(np.float32)
    scores = np.round(scores, decimals).astype(np.float32)
    wrong = rng.random(count) < 0.6 * (1.0 + scores)
    scores[rng.random(count) < 0.02] = rng.choice([np.nan, np.inf, -np.inf])
    return scores, wrong


def outcome(choose: Any) -> Any:
    """The choice, or the error's words and number."""
    try:
        return choose()
    except UncertifiableError as error:
        return str(error), error.needed_rows


@settings(derandomize=True, deadline=None, max_examples=25)
@given(
    count=st.integers(1, 4000),
    decimals=st.sampled_from([1, 2, 3, 9]),
    promised=st.tuples(st.sampled_from([0.02, 0.05, 0.1, 0.3]), st.sampled_from([0.5, 0.9, 0.99])),
    parts=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_chunks_give_the_certificate_of_all_rows(
    count: int, decimals: int, promised: tuple[float, float], parts: int, seed: int
) -> None:
    scores, wrong = rows(count, seed, decimals)
    if not np.isfinite(scores).any():
        return
    chunks = list(zip(np.array_split(scores, parts), np.array_split(wrong, parts), strict=True))
    promise: Any = {"risk": promised[0], "confidence": promised[1], "rounding": ROUNDING}
    whole = outcome(lambda: choose_risk(scores, wrong=wrong, **promise))
    found = outcome(lambda: choose_risk_chunks(lambda: chunks, **promise))
    if isinstance(found, ChunkedCertificate):
        assert found.not_finite == (~np.isfinite(scores)).sum()
        assert found.errors == wrong.sum()
        found = found.choice
    assert found == whole


def test_both_ends_are_reached_by_the_rows_above() -> None:
    found = choose_risk_chunks(lambda: [rows(3000, 0)], 0.1, 0.9, rounding=ROUNDING)
    assert 500 < found.choice.accepted < 3000
    # (1 - 0.0005) ** 4605 is the first power below 0.1
    with pytest.raises(UncertifiableError, match="needs at least 4605 accepted rows") as caught:
        choose_risk_chunks(lambda: [rows(3000, 0)], 0.0005, 0.9, rounding=ROUNDING)
    assert caught.value.needed_rows == 4605


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_find_the_certificate_of_all_rows(processes: int) -> None:
    scores, wrong = rows(5000, 7)
    promise: Any = {"risk": 0.1, "confidence": 0.95, "rounding": ROUNDING}
    whole = choose_risk(scores, wrong=wrong, **promise)
    found = in_lockstep(
        processes,
        lambda place, all_reduce: choose_risk_chunks(
            lambda: [(scores[place::processes], wrong[place::processes])],
            **promise,
            all_reduce=all_reduce,
        ),
    )
    assert [each.choice for each in found] == [whole] * processes


def test_the_certificate_travels_on_a_card_and_is_checked_there() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 4, (4000, 3)).astype(np.float32)
    labels = (logits / 2.0 + rng.gumbel(size=logits.shape)).argmax(axis=1)
    card = ScoreCard("margin", "multiclass", 2.0, n_classes=3)
    score = MarginScore(2.0)
    scores = score.score(logits)
    wrong = logits.argmax(axis=1) != labels
    rounding = Rounding("margin", 3, temperature=2.0)
    chunks = [(scores[::2], wrong[::2]), (scores[1::2], wrong[1::2])]
    made = choose_risk_chunks(lambda: chunks, 0.1, 0.9, rounding=rounding).on_card(card)
    score.calibrate(logits, labels).set_threshold(risk=0.1, confidence=0.9)
    assert made.threshold == score.threshold
    assert made.policy == score.card.policy
    kept = ScoreCard.from_dict(made.to_dict())
    assert broken_bindings(kept) == wrong_arithmetic(kept) == ()
    own, other = made.certificate, score.card.certificate
    assert own is not None
    assert other is not None
    same = ("promise", "risk", "confidence", "bound", "rows", "accepted", "errors", "head")
    assert [getattr(own, name) for name in same] == [getattr(other, name) for name in same]
    assert own.data.sha256 is None
    assert own.fitted_rows is None


def test_bad_chunks_and_passes_that_differ_are_refused() -> None:
    scores, wrong = rows(500, 1)
    numbers: Any = wrong.astype(np.int64)
    with pytest.raises(LogitconfError, match=r"booleans of shape \(500,\), got int64"):
        choose_risk_chunks(lambda: [(scores, numbers)], 0.2, 0.8, rounding=ROUNDING)
    with pytest.raises(LogitconfError, match="risk must lie strictly between 0 and 1, got"):
        choose_risk_chunks(lambda: [(scores, wrong)], 1.5, 0.8, rounding=ROUNDING)
    passes = iter(range(100))

    def changing() -> list[Rows]:
        return [(scores + np.float32(1e-3 * next(passes)), wrong)]

    with pytest.raises(LogitconfError, match=r"each call of chunks\(\) must give the same scores"):
        choose_risk_chunks(changing, 0.2, 0.8, rounding=ROUNDING)


def test_a_certificate_of_scores_that_tie_is_broken_as_rarely_as_it_says() -> None:
    """Scores on a grid of .01, wrong with probability 1 + s: the true risk is a sum over it."""
    generator = np.random.default_rng(1)
    grid = np.round(-np.arange(101) / 100, 2).astype(np.float32)
    share = np.where((grid == 0.0) | (grid == -1.0), 0.5, 1.0)
    certified = broken = 0
    for _ in range(60):
        scores = np.round(-generator.random(1000), 2).astype(np.float32)
        wrong = generator.random(1000) < 1.0 + scores
        chunks = [(scores[i::3], wrong[i::3]) for i in range(3)]
        try:
            found = choose_risk_chunks(chunks.copy, 0.2, 0.8, rounding=ROUNDING)
        except UncertifiableError:
            continue
        accepted = share * (grid < found.choice.threshold)
        certified += 1
        broken += bool((accepted * (1.0 + grid)).sum() > 0.2 * accepted.sum())
    assert certified > 40
    # a fifth of 60 is 12, and three deviations of 3.1 above
    assert broken <= 21
