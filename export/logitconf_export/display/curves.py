"""The numbers behind the pictures: risk against coverage, reliability, and where the scores lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from logitconf.errors import LogitconfError
from logitconf.metrics.calibration import ReliabilityBins, reliability_bins
from logitconf.metrics.intervals import clopper_pearson_lower, clopper_pearson_upper
from logitconf.metrics.selective import area_under_risk_coverage
from logitconf.notebook.brief import brief
from logitconf_export.display.judged import Floats, JudgedRows

MOST_POINTS = 300
"""Of a curve that is drawn; more cannot be told apart on a page."""
_CONFIDENCE = 0.95
_BINS = 40


@dataclass(frozen=True, slots=True, eq=False)
class RiskCurve:
    """Risk against coverage at thresholds that there are, with a band at each point.

    Attributes:
        coverage: (P,) share of the rows that is accepted, ascending.
        risk: (P,) share of the accepted that is wrong.
        lower: (P,) ends of the exact binomial interval of each risk, point by point.
        upper: (P,).
        confidence: of these intervals, two-sided.
        area: under the curve of all rows, AURC; low is good.
        rows: how many, N.
        errors: how many are wrong.
        point: coverage and risk at the card's own threshold; None if it has none or accepts none.
        promised: the risk that a certificate promises; None without one.
        bound: the upper bound that it proves; None without one, or where parts have their own.
        noun: what a row is called.
    """

    coverage: Floats
    risk: Floats
    lower: Floats
    upper: Floats
    confidence: float
    area: float
    rows: int
    errors: int
    point: tuple[float, float] | None
    promised: float | None
    bound: float | None
    noun: str

    __repr__ = brief

    @classmethod
    def of(cls, judged: JudgedRows) -> RiskCurve:
        """The curve of labelled rows.

        Raises:
            LogitconfError: without labels.
        """
        wrong = _needed(judged)
        scores = judged.score[judged.eligible]
        order = np.argsort(scores, kind="stable")
        errors = np.cumsum(wrong[judged.eligible][order])
        # a threshold takes rows of one score together, so the curve has a point at each end of them
        sizes = np.unique(scores, return_counts=True)[1]
        ends = np.cumsum(sizes)
        places = np.arange(len(ends))
        if len(ends) > MOST_POINTS:
            wanted = np.linspace(1, ends[-1], MOST_POINTS)
            places = np.unique(np.searchsorted(ends, wanted))
        accepted = ends[places]
        let_through = errors[accepted - 1] if len(places) else accepted
        one_sided = (1.0 + _CONFIDENCE) / 2.0
        pairs = [(int(bad), int(all_)) for bad, all_ in zip(let_through, accepted, strict=True)]
        certificate = judged.card.certificate
        point = None
        if judged.n_accepted:
            point = judged.n_accepted / len(judged), judged.n_let_through / judged.n_accepted
        return cls(
            coverage=accepted / len(judged),
            risk=let_through / accepted,
            lower=np.array([clopper_pearson_lower(*pair, one_sided) for pair in pairs]),
            upper=np.array([clopper_pearson_upper(*pair, one_sided) for pair in pairs]),
            confidence=_CONFIDENCE,
            area=area_under_risk_coverage(judged.score, wrong),
            rows=len(judged),
            errors=int(wrong.sum()),
            point=point,
            promised=None if certificate is None else certificate.risk,
            bound=None if certificate is None else certificate.bound,
            noun=judged.noun,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """How often predictions of one confidence are right, before and after calibration.

    Attributes:
        before: as the model says, at temperature 1, in 15 bins (lo, hi].
        after: as the card says.
        temperature: the card's.
        mapped: whether a calibration map comes before it.
        rows: how many predictions, those of labels by themselves.
        left_out: predictions without a probability.
    """

    before: ReliabilityBins
    after: ReliabilityBins
    temperature: float
    mapped: bool
    rows: int
    left_out: int

    __repr__ = brief

    @classmethod
    def of(cls, judged: JudgedRows) -> Reliability:
        """The bins of labelled rows.

        Raises:
            LogitconfError: without labels, or without a row that has a probability.
        """
        _needed(judged)
        values = judged.calibration
        if values is None or not values.right.size:
            raise LogitconfError("a reliability diagram needs rows that have probabilities, got 0")
        return cls(
            before=reliability_bins(values.before, values.right_before),
            after=reliability_bins(values.after, values.right),
            temperature=judged.card.temperature,
            mapped=judged.card.calibration_map is not None,
            rows=values.right.size,
            left_out=values.left_out,
        )


@dataclass(frozen=True, slots=True, eq=False)
class ScoreHistogram:
    """Where the scores of right and of wrong rows lie.

    Attributes:
        edges: (B + 1,) ascending, over all finite scores.
        right: (B,) how many rows; without labels, all of them.
        wrong: (B,), None without labels.
        threshold: the card's; None without one, or if there are several.
        not_finite: rows without a finite score, which no threshold accepts.
        noun: what a row is called.
    """

    edges: Floats
    right: npt.NDArray[np.int64]
    wrong: npt.NDArray[np.int64] | None
    threshold: float | None
    not_finite: int
    noun: str

    __repr__ = brief

    @classmethod
    def of(cls, judged: JudgedRows) -> ScoreHistogram:
        """The counts; one bin of width one where all scores are the same."""
        finite = np.isfinite(judged.score)
        values = judged.score[finite].astype(np.float64)
        threshold = judged.card.threshold
        limit = None if isinstance(threshold, tuple) else threshold
        span = [*([values.min(), values.max()] if values.size else [0.0, 1.0])]
        if limit is not None and values.size:
            # a threshold far off would squeeze all scores into one bin
            room = 0.25 * (span[1] - span[0])
            near = span[0] - room <= limit <= span[1] + room
            span = [min(*span, limit), max(*span, limit)] if near else span
        edges = np.histogram_bin_edges(values, _BINS, (span[0], span[1]))
        kinds = [np.ones(values.size, bool)]
        if judged.wrong is not None:
            wrong = judged.wrong[finite]
            kinds = [~wrong, wrong]
        counts = [np.histogram(values[kind], edges)[0] for kind in kinds]
        return cls(
            edges=edges,
            right=counts[0],
            wrong=counts[1] if len(counts) > 1 else None,
            threshold=limit,
            not_finite=int(finite.size - finite.sum()),
            noun=judged.noun,
        )


def _needed(judged: JudgedRows) -> npt.NDArray[np.bool_]:
    if judged.wrong is None:
        raise LogitconfError("this plot shows errors, so it needs labels, got none")
    return judged.wrong
