"""Which confidence score ranks a user's own rows best, and which differences are noise."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from logitconf.errors import LogitconfError, LogitconfWarning
from logitconf.fitting.calibrated_rows import with_fitted_temperature
from logitconf.fitting.class_names import numbered_labels
from logitconf.fitting.fit import score_rows, with_fitted_parameters
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.metrics.areas import area_interval, area_parts, differences
from logitconf.metrics.intervals import Interval, check_share
from logitconf.metrics.selective import (
    RiskCoverage,
    Vector,
    area_under_generalized_risk,
    area_under_roc,
    excess_area_under_risk_coverage,
    false_positive_rate,
    risk_coverage,
)
from logitconf.notebook.brief import brief
from logitconf.notebook.html import table
from logitconf.rows import Rows, check_holdout, check_order, split_rows
from logitconf.scores.table import SCORES, check_defined
from logitconf.tasks import ArrayLike, check_logits, check_task
from logitconf.telling.progress import steps
from logitconf.wording.lists import joined
from logitconf.wording.numbers import counted, percent, short


@dataclass(frozen=True, slots=True, eq=False)
class ScoreStanding:
    """How one score ranks the rows; low is good, but for the AUROC.

    Attributes:
        score: its name.
        aurc: area under the risk-coverage curve, with its own interval.
        behind: the AURC less that of the best score, with the interval of their paired difference,
            wide enough to hold for all pairs of scores at once.
        e_aurc: the AURC less that of a perfect ranking.
        augrc: area under the generalised risk.
        auroc: of telling errors from right rows.
        fpr95: share of the errors that pass where 95 % of the right rows do.
        curve: risk against coverage.
    """

    score: str
    aurc: Interval
    behind: Interval
    e_aurc: float
    augrc: float
    auroc: float
    fpr95: float
    curve: RiskCoverage

    __repr__ = brief

    @property
    def tied(self) -> bool:
        """Whether its distance from the best score may be noise."""
        return self.behind.lower <= 0.0


@dataclass(frozen=True, slots=True, eq=False)
class ScoreComparison:
    """All scores on the same rows.

    Attributes:
        standings: the best first, by AURC.
        left_out: why a score was not compared, by name.
        fitted_rows: rows that temperature and parameters were fitted on.
        rows: other rows, that the scores were compared on.
        errors: wrong predictions among those.
        confidence: of the intervals.
    """

    standings: tuple[ScoreStanding, ...]
    left_out: Mapping[str, str]
    fitted_rows: int
    rows: int
    errors: int
    confidence: float

    __repr__ = brief

    @property
    def best(self) -> str:
        """The score of least AURC."""
        return self.standings[0].score

    @property
    def verdict(self) -> str:
        """Which score to take, and what cannot be told apart from it, in words."""
        tied = [standing.score for standing in self.standings[1:] if standing.tied]
        worse = [standing.score for standing in self.standings if not standing.tied]
        text = f"take {self.best}"
        if tied:
            text += f"; {joined(tied)} cannot be told apart from it on these rows"
        if worse:
            text += f"; {joined(worse)} {'is' if len(worse) == 1 else 'are'} worse"
        return text

    def _repr_html_(self) -> str:
        """The verdict and the standings, as a table."""
        rows = [
            (
                one.score,
                _with_ends(one.aurc),
                "best" if one.score == self.best else _with_ends(one.behind),
                "cannot be told apart" if one.tied and one.score != self.best else "",
                short(one.auroc),
                percent(one.fpr95),
            )
            for one in self.standings
        ]
        caption = (
            f"{self.verdict} ({counted(self.rows, 'row')}, {counted(self.errors, 'error')}, "
            f"intervals of {percent(self.confidence)})"
        )
        return table(
            rows, caption, ("score", "AURC", "behind the best", "", "AUROC", "FPR at 95 %")
        )


def _with_ends(interval: Interval) -> str:
    ends = f"{short(interval.lower, 3)} to {short(interval.upper, 3)}"
    return f"{short(interval.estimate, 3)} ({ends})"


def compare_scores(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    task: str = "multiclass",
    kind: str | None = None,
    class_names: Sequence[str] | None = None,
    holdout: float = 0.5,
    seed: int = 0,
    draws: int = 2000,
    confidence: float = 0.95,
) -> ScoreComparison:
    """Every score, fitted on one part of the rows and ranked on the other.

    A difference between two scores is measured on the same errors, and its interval holds for all
    pairs of scores at once, since the score that comes out best is chosen by the same rows: a score
    as good as it is called worse with probability (1 - confidence) / 2 at most.

    The rows that ``fit(holdout=...)`` with the same seed keeps for a threshold are not compared on,
    as long as both shares sum to at most 1, so that what is chosen here can be certified on them.

    Args:
        logits: (N, ...) as the task says.
        labels: as the task says, or names of classes; a multilabel row is an error if any label is.
        task: what the columns mean.
        kind: what ``logits`` holds, as in :meth:`~logitconf.LogitScore.fit`.
        class_names: of the columns, as in :meth:`~logitconf.LogitScore.fit`.
        holdout: share of the rows to compare on, in (0, 1).
        seed: of the split and of the random signs.
        draws: of random signs for the differences, at least 100.
        confidence: of the intervals, in (0, 1).

    Raises:
        LogitconfError: if rows do not fit the task or the kind, or the held-out rows are all right
            or all wrong, so that no ranking is better than another.

    Source: see `logitconf.metrics.areas`.
    """
    check_share("confidence", confidence)
    if draws < 100:
        raise LogitconfError(f"draws must be at least 100, got {draws}")
    check_order(logits, labels)
    _, layout = check_logits(logits, check_task(task))
    labels, _ = numbered_labels(labels, class_names, layout)
    rows = Rows.checked(logits, labels, layout.task, kind=kind)
    # the rows that `fit` with this seed and holdout keeps for a certificate are not compared on
    check_holdout(holdout)
    held, fitted = (rows.at(part) for part in split_rows(len(rows), 1.0 - holdout, seed))
    wrong = ~held.right
    errors = int(wrong.sum())
    if errors in (0, len(wrong)):
        raise LogitconfError(
            f"scores can only be compared on right and wrong rows, got {errors} errors of "
            f"{len(wrong)} held-out rows; bring more rows, or take softmax"
        )
    held_scores: dict[str, Vector] = {}
    left_out: dict[str, str] = {}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", LogitconfWarning)
        # the temperature is that of the rows, whatever the score
        warm = with_fitted_temperature(SCORE_CLASSES["softmax"](task=task).card, fitted)
        for name, row in steps(SCORES.items(), "Computing scores"):
            if row.learned:
                left_out[name] = "it is computed on confidence logits of its own"
                continue
            if row.over_members:
                left_out[name] = "it compares the members of an ensemble, and this is one model"
                continue
            try:
                check_defined(name, rows.layout, rows.kind)
                card = SCORE_CLASSES[name](warm.temperature, task).card
                card, _ = with_fitted_parameters(card, fitted)
                held_scores[name] = score_rows(card, held).astype(np.float64)
            except LogitconfError as error:
                left_out[name] = str(error)
    for message in dict.fromkeys(str(warning.message) for warning in warned):
        warnings.warn(message, LogitconfWarning, stacklevel=2)
    areas = {name: area_parts(scores, wrong) for name, scores in held_scores.items()}
    order = sorted(areas, key=lambda name: areas[name].estimate)
    noise = differences([areas[name] for name in order], confidence, draws=draws, seed=seed)
    standings = []
    for place, name in enumerate(order):
        scores = held_scores[name]
        behind = areas[name].estimate - areas[order[0]].estimate
        within = noise.factor * float(noise.errors[0, place])
        standings.append(
            ScoreStanding(
                score=name,
                aurc=area_interval(areas[name], confidence),
                behind=Interval(behind, behind - within, behind + within, confidence),
                e_aurc=excess_area_under_risk_coverage(scores, wrong),
                augrc=area_under_generalized_risk(scores, wrong),
                auroc=area_under_roc(scores[~wrong], scores[wrong]),
                fpr95=false_positive_rate(scores[~wrong], scores[wrong]),
                curve=risk_coverage(scores, wrong),
            )
        )
    return ScoreComparison(tuple(standings), left_out, len(fitted), len(wrong), errors, confidence)
