"""The numbers behind the pictures, against counts made one by one."""

from typing import Any

import numpy as np
import pytest
from scipy import stats
from support.display_rows import labelled

import logitconf
from logitconf import LogitconfError
from logitconf_export.display.curves import MOST_POINTS, Reliability, RiskCurve, ScoreHistogram
from logitconf_export.display.judged import JudgedRows, judge

RANDOM = np.random.default_rng(11)
LOGITS, LABELS = labelled(400, 3, whole=True)


def judged(**policy: Any) -> JudgedRows:
    return judge(
        logitconf.SoftmaxScore().fit(LOGITS, LABELS).set_threshold(**policy).card, LOGITS, LABELS
    )


def test_every_point_of_the_curve_is_what_a_threshold_accepts() -> None:
    rows = judged(value=-0.7)
    curve = RiskCurve.of(rows)
    wrong = LOGITS.argmax(1) != LABELS
    values = np.unique(rows.score)
    assert len(curve.coverage) == len(values)
    for place, value in enumerate(values):
        taken = rows.score <= value
        errors, accepted = int((taken & wrong).sum()), int(taken.sum())
        assert curve.coverage[place] == accepted / 400
        assert curve.risk[place] == errors / accepted
        # Clopper and Pearson's interval, from scipy.stats
        interval = stats.binomtest(errors, accepted).proportion_ci(0.95, "exact")
        assert curve.lower[place] == pytest.approx(interval.low, abs=1e-9)
        assert curve.upper[place] == pytest.approx(interval.high, abs=1e-9)
    assert (curve.rows, curve.errors) == (400, int(wrong.sum()))


def test_the_chosen_point_lies_on_the_curve_and_a_certificate_is_shown() -> None:
    rows = judged(value=-0.7)
    curve = RiskCurve.of(rows)
    assert curve.point is not None
    place = int(np.searchsorted(curve.coverage, curve.point[0]))
    assert (curve.coverage[place], curve.risk[place]) == curve.point
    assert (curve.promised, curve.bound) == (None, None)
    with pytest.warns(logitconf.LogitconfWarning, match="used to fit too"):
        certified = judged(risk=0.3)
    certificate = certified.card.certificate
    assert certificate is not None
    curve = RiskCurve.of(certified)
    assert (curve.promised, curve.bound) == (0.3, certificate.bound)


def test_a_long_curve_is_thinned_to_points_that_it_has() -> None:
    logits = RANDOM.normal(size=(5000, 3)).astype(np.float32)
    rows = judge(logitconf.SoftmaxScore().card, logits, RANDOM.integers(0, 3, 5000))
    curve = RiskCurve.of(rows)
    assert 250 < len(curve.coverage) <= MOST_POINTS
    assert curve.coverage[-1] == 1.0
    assert np.diff(curve.coverage).max() < 2.5 / MOST_POINTS
    order = np.argsort(rows.score)
    assert rows.wrong is not None
    for coverage, risk in zip(curve.coverage, curve.risk, strict=True):
        accepted = round(coverage * 5000)
        assert risk == rows.wrong[order[:accepted]].mean()


def test_rows_without_a_score_count_as_rejected() -> None:
    logits = LOGITS.copy()
    logits[:40] = np.nan
    curve = RiskCurve.of(judge(logitconf.SoftmaxScore().card, logits, LABELS))
    assert curve.coverage[-1] == 0.9
    shown = ScoreHistogram.of(judge(logitconf.SoftmaxScore().card, logits, LABELS))
    assert shown.not_finite == 40
    assert shown.wrong is not None
    assert shown.right.sum() + shown.wrong.sum() == 360


def test_the_reliability_is_that_of_the_published_error() -> None:
    logits, labels = labelled(400, 3)
    reliability = Reliability.of(
        judge(logitconf.SoftmaxScore().fit(logits, labels).card, logits, labels)
    )
    for bins, temperature in ((reliability.before, 1.0), (reliability.after, None)):
        z = logits.astype(np.float64) / (temperature or reliability.temperature)
        sure = (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)).max(axis=1)
        right = logits.argmax(1) == labels
        error = 0.0
        for low in range(15):
            inside = (sure > low / 15) & (sure <= (low + 1) / 15)
            assert bins.counts[low] == inside.sum()
            if inside.any():
                error += abs(right[inside].mean() - sure[inside].mean()) * inside.mean()
        assert bins.expected_error == pytest.approx(error, abs=1e-6)
    assert reliability.after.expected_error < reliability.before.expected_error


def test_the_histogram_counts_every_row_once() -> None:
    rows = judged(value=-0.7)
    shown = ScoreHistogram.of(rows)
    assert shown.wrong is not None
    assert (int(shown.right.sum()), int(shown.wrong.sum())) == (400 - rows.n_wrong, rows.n_wrong)
    assert shown.edges[0] == rows.score.min()
    assert shown.edges[-1] == rows.score.max()
    assert shown.threshold == rows.card.threshold
    bare = ScoreHistogram.of(judge(rows.card, LOGITS))
    assert bare.wrong is None
    assert bare.right.sum() == 400


def test_scores_that_are_all_the_same_or_none_are_a_histogram_too() -> None:
    card = logitconf.SoftmaxScore().card
    same = ScoreHistogram.of(judge(card, np.zeros((5, 2), np.float32)))
    assert (same.right.sum(), np.diff(same.edges).min() > 0) == (5, True)
    none = ScoreHistogram.of(judge(card, np.full((5, 2), np.nan, np.float32)))
    assert (none.right.sum(), none.not_finite) == (0, 5)


def test_what_shows_errors_needs_labels() -> None:
    rows = judge(logitconf.SoftmaxScore().card, LOGITS)
    for kind in (RiskCurve, Reliability):
        with pytest.raises(LogitconfError, match="needs labels, got none"):
            kind.of(rows)
