"""Which confidence score ranks a user's own rows best, and which differences are noise."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from logitconf.errors import LogitconfError, LogitconfWarning
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.metrics.intervals import Interval, check_share
from logitconf.metrics.selective import (
    RiskCoverage,
    Vector,
    area_under_generalized_risk,
    area_under_risk_coverage,
    area_under_roc,
    excess_area_under_risk_coverage,
    false_positive_rate,
    risk_coverage,
)
from logitconf.rows import check_holdout, split_rows
from logitconf.scores.table import SCORES
from logitconf.tasks import (
    ArrayLike,
    check_labels,
    check_logits,
    check_task,
    predicted_correctly,
)


@dataclass(frozen=True, slots=True, eq=False)
class ScoreStanding:
    """How one score ranks the rows; low is good, but for the AUROC.

    Attributes:
        score: its name.
        aurc: area under the risk-coverage curve, with its own bootstrap interval.
        behind: the AURC less that of the best score, with the interval of their paired difference,
            wide enough to hold for all scores at once.
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
            text += f"; {_listed(tied)} cannot be told apart from it on these rows"
        if worse:
            text += f"; {_listed(worse)} {'is' if len(worse) == 1 else 'are'} worse"
        return text


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def compare_scores(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    task: str = "multiclass",
    holdout: float = 0.5,
    seed: int = 0,
    draws: int = 2000,
    confidence: float = 0.95,
) -> ScoreComparison:
    """Every score, fitted on one part of the rows and ranked on the other.

    Rows are drawn with replacement, the same for all scores, so that a difference between two
    scores is measured on the same errors. Its interval is widened for their number (Bonferroni).

    Args:
        logits: (N, ...) as the task says.
        labels: as the task says; a multilabel row is an error if any label is.
        task: what the columns mean.
        holdout: share of the rows to compare on, in (0, 1).
        seed: of the split and of the bootstrap.
        draws: of the bootstrap, at least 100.
        confidence: of the intervals, in (0, 1).

    Raises:
        LogitconfError: if rows do not fit the task, or the held-out rows are all right or all
            wrong, so that no ranking is better than another.

    Source: Efron 1979, percentile intervals of paired differences.
    """
    check_share("confidence", confidence)
    if draws < 100:
        raise LogitconfError(f"draws must be at least 100, got {draws}")
    values, layout = check_logits(logits, check_task(task))
    checked = check_labels(labels, values, layout)
    # the rows that `fit` with this seed and holdout keeps for a certificate are not compared on
    check_holdout(holdout)
    held, fitted = (torch.from_numpy(part) for part in split_rows(len(values), 1.0 - holdout, seed))
    wrong = ~predicted_correctly(values[held], checked[held], layout).cpu().numpy()
    errors = int(wrong.sum())
    if errors in (0, len(wrong)):
        raise LogitconfError(
            f"scores can only be compared on right and wrong rows, got {errors} errors of "
            f"{len(wrong)} held-out rows"
        )
    found: dict[str, Vector] = {}
    left_out: dict[str, str] = {}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", LogitconfWarning)
        for name, row in SCORES.items():
            if row.learned:
                left_out[name] = "it is computed on confidence logits of its own"
                continue
            if row.over_members:
                left_out[name] = "it compares the members of an ensemble, and this is one model"
                continue
            try:
                score = SCORE_CLASSES[name](task=task).fit(values[fitted], checked[fitted])
                found[name] = score.score(values[held]).to(torch.float32).double().cpu().numpy()
            except LogitconfError as error:
                left_out[name] = str(error)
    for message in dict.fromkeys(str(warning.message) for warning in told):
        warnings.warn(message, LogitconfWarning, stacklevel=2)
    areas = {name: area_under_risk_coverage(scores, wrong) for name, scores in found.items()}
    order = sorted(areas, key=areas.__getitem__)
    resampled = resampled_areas([found[name] for name in order], wrong, draws=draws, seed=seed)
    several = 1.0 - (1.0 - confidence) / max(1, len(order) - 1)
    standings = []
    for place, name in enumerate(order):
        scores, drawn = found[name], resampled[:, place]
        behind = areas[name] - areas[order[0]]
        standings.append(
            ScoreStanding(
                score=name,
                aurc=_interval(areas[name], drawn, confidence),
                behind=_interval(behind, drawn - resampled[:, 0], several),
                e_aurc=excess_area_under_risk_coverage(scores, wrong),
                augrc=area_under_generalized_risk(scores, wrong),
                auroc=area_under_roc(scores[~wrong], scores[wrong]),
                fpr95=false_positive_rate(scores[~wrong], scores[wrong]),
                curve=risk_coverage(scores, wrong),
            )
        )
    return ScoreComparison(tuple(standings), left_out, len(fitted), len(wrong), errors, confidence)


def _interval(estimate: float, values: Vector, confidence: float) -> Interval:
    tail = (1.0 - confidence) / 2.0
    lower, upper = np.quantile(values, [tail, 1.0 - tail])
    return Interval(estimate, float(lower), float(upper), confidence)


def resampled_areas(
    columns: list[Vector], wrong: npt.NDArray[np.bool_], *, draws: int, seed: int
) -> Vector:
    """The AURC of each column of scores on rows drawn with replacement, (draws, columns).

    Scores are sorted once; a draw only changes how often each row counts. Equal scores, among them
    copies of one row, share their errors evenly: with E errors in W rows before a group of s rows
    with a share r of errors, the risks within it sum to r s + (E - r W)(H(W + s) - H(W)), H being
    the harmonic numbers.
    """
    rows = wrong.size
    losses = wrong.astype(np.float64)
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, rows + 1))])
    groups = []
    for scores in columns:
        placed = np.where(np.isfinite(scores), scores, np.inf)
        values, group = np.unique(placed, return_inverse=True)
        groups.append((group, values.size))
    generator = np.random.default_rng(seed)
    areas = np.empty((draws, len(columns)))
    for draw in range(draws):
        counts = np.bincount(generator.integers(0, rows, rows), minlength=rows)
        for place, (group, size) in enumerate(groups):
            sizes = np.bincount(group, weights=counts, minlength=size).astype(np.int64)
            errors = np.bincount(group, weights=counts * losses, minlength=size)
            after, errors_before = np.cumsum(sizes), np.cumsum(errors) - errors
            before = after - sizes
            share = errors / np.maximum(sizes, 1)
            spread = harmonic[after] - harmonic[before]
            areas[draw, place] = (errors + (errors_before - share * before) * spread).sum() / rows
    return areas
