"""What the driver asks for, and what it refuses."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.planned_fits import driven, labelled_rows, spread

from logitconf import FitPlan, LogitconfError, UncertifiableError
from logitconf.distributed import counted_rows, score_counts, steps

ROWS = labelled_rows(800)


def asked(plan: FitPlan, *block: Any) -> list[tuple[str, str, bool]]:
    requests: list[tuple[str, str, bool]] = []
    while (request := plan.next()) is not None:
        requests.append((request.reads, request.wants, request.writes))
        plan.send(request.id, request.total_of(*block))
    return requests


def test_three_passes_make_a_fit_of_few_rows() -> None:
    assert asked(FitPlan(risk=0.4, confidence=0.8), *ROWS) == [
        ("logits", "reading the rows", False),
        ("logits", "fitting the temperature", False),
        ("logits", "counting scores", True),
    ]


def test_rows_without_labels_leave_the_temperature_alone() -> None:
    plan = FitPlan("margin", temperature=1.5, q=0.9)
    assert len(asked(plan, ROWS[0], None)) == 2
    card = plan.card()
    assert (card.temperature, card.temperature_fit) == (1.5, None)
    assert card.rows is not None
    assert card.rows.errors is None
    assert card.policy is not None
    top = np.sort(ROWS[0].astype(np.float64), axis=1)[:, -2:]
    margins = (top[:, 0] - top[:, 1]) / 1.5
    assert card.policy["accepted"] == (margins < np.quantile(margins, 0.9)).sum()


@pytest.mark.parametrize(
    ("options", "block", "message"),
    [
        ({"risk": 0.1}, (ROWS[0], None), "risk needs labels, got scores alone"),
        ({"q": 0.9, "holdout": 0.5}, (ROWS[0], None), "a holdout is for rows with labels"),
        ({"q": 0.9}, (ROWS[0][:0], ROWS[1][:0]), "at least one row, got none"),
        (
            {"q": 0.9, "holdout": 0.01},
            (ROWS[0][:3], ROWS[1][:3]),
            "leaves one part of 3 rows empty",
        ),
        ({"value": 0.5}, ROWS, "threshold for softmax must lie in"),
        ({"q": 0.9, "task": "binary"}, ROWS, r"binary logits must be .* got shape \(N, 10\)"),
    ],
    ids=["no labels", "no labels held out", "no rows", "one part empty", "out of range", "task"],
)
def test_what_cannot_be_fitted_is_refused(options: Any, block: Any, message: str) -> None:
    with pytest.raises(LogitconfError, match=message):
        asked(FitPlan(**options), *block)


def test_a_risk_that_rows_cannot_certify_is_refused_in_the_words_of_fit() -> None:
    with pytest.raises(UncertifiableError, match=r"bring more rows|allow a higher risk"):
        asked(FitPlan(risk=0.01), *ROWS)


def test_rows_that_are_copies_are_told_where_they_are_held_out_together() -> None:
    logits, labels = labelled_rows(6000)
    options: dict[str, Any] = {"risk": 0.5, "confidence": 0.7, "holdout": 0.5}
    for copies, told in ((1, False), (2, True)):
        plan = FitPlan(**options)
        asked(plan, np.repeat(logits, copies, axis=0), np.repeat(labels, copies))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            plan.card()
        assert any("are copies of others" in str(each.message) for each in caught) == told


def test_scores_in_limited_memory_cost_passes_that_end(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = driven(FitPlan(coverage=0.9), [ROWS])
    for module in (score_counts, counted_rows):
        monkeypatch.setattr(module, "MOST_BINS", 30)
    plan = FitPlan(coverage=0.9)
    reads = [reads for reads, _, _ in asked(plan, *ROWS)]
    assert reads[:3] == ["logits"] * 3
    assert 1 <= len(reads) - 3 <= 4
    card = plan.card()
    # but for the confidence, in which a bin's scores count as its middle
    assert replace(card, confidence=None) == replace(whole, confidence=None)
    monkeypatch.setattr(steps, "_MOST_PASSES", 1)
    with pytest.raises(LogitconfError, match=r"told apart in 1 passes, .* lie close for risk"):
        asked(FitPlan(risk=0.4, confidence=0.8), *ROWS)


def test_a_holdout_judges_rows_that_were_not_fitted_on() -> None:
    card = driven(FitPlan(risk=0.5, confidence=0.7, holdout=0.5), spread(*ROWS, 5, seed=0))
    fit, counts, certificate = card.temperature_fit, card.rows, card.certificate
    assert fit is not None
    assert counts is not None
    assert certificate is not None
    assert fit.rows + counts.rows == 800
    assert abs(counts.rows - 400) < 3 * np.sqrt(200)
    assert certificate.fitted_rows == 0
    assert counts.split is not None
    assert (counts.split.holdout, counts.split.seed) == (0.5, 0)
    assert fit.sha256 != counts.sha256
    other = driven(FitPlan(risk=0.5, confidence=0.7, holdout=0.5, seed=1), [ROWS])
    assert other.rows is not None
    assert other.rows.sha256 != counts.sha256
