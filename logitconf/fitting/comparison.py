"""Which confidence score ranks a user's own rows best, and which differences are noise."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from logitconf.arrays import to_numpy
from logitconf.calibration.maps.choice import check_calibration
from logitconf.calibration.names import TEMPERATURE
from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError, LogitconfWarning
from logitconf.fitting.calibrated_rows import (
    calibrated_probabilities,
    rows_mapped,
    scores_of_cards,
    with_fitted_calibration,
)
from logitconf.fitting.class_names import numbered_labels
from logitconf.fitting.fit import with_fitted_parameters
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.metrics.areas import area_interval, area_parts, differences
from logitconf.metrics.intervals import Interval, check_share
from logitconf.metrics.probability_quality import ProbabilityQuality, probability_quality
from logitconf.metrics.selective import (
    RiskCoverage,
    Vector,
    area_under_risk_coverage,
    area_under_roc,
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
        calibration: what the logits were calibrated with.
        quality: of the calibrated probabilities, the same for all scores; None where labels are
            shares.
    """

    score: str
    aurc: Interval
    behind: Interval
    e_aurc: float
    augrc: float
    auroc: float
    fpr95: float
    curve: RiskCoverage
    calibration: str = TEMPERATURE
    quality: ProbabilityQuality | None = None

    __repr__ = brief

    @property
    def name(self) -> str:
        """The score, and what calibrated it if that is no temperature."""
        plain = self.calibration == TEMPERATURE
        return self.score if plain else f"{self.score} ({self.calibration})"

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
    def calibration(self) -> str:
        """What calibrated the logits of the best."""
        return self.standings[0].calibration

    @property
    def verdict(self) -> str:
        """Which score to take, and what cannot be told apart from it, in words."""
        tied = [standing.name for standing in self.standings[1:] if standing.tied]
        worse = [standing.name for standing in self.standings if not standing.tied]
        text = f"take {self.standings[0].name}"
        if tied:
            text += f"; {joined(tied)} cannot be told apart from it on these rows"
        if worse:
            text += f"; {joined(worse)} {'is' if len(worse) == 1 else 'are'} worse"
        return text

    def _repr_html_(self) -> str:
        """The verdict and the standings, as a table."""
        rows = [
            (
                one.name,
                _with_ends(one.aurc),
                "best" if one is self.standings[0] else _with_ends(one.behind),
                "cannot be told apart" if one.tied and one is not self.standings[0] else "",
                short(one.auroc),
                percent(one.fpr95),
                *(_quality(one.quality)),
            )
            for one in self.standings
        ]
        caption = (
            f"{self.verdict} ({counted(self.rows, 'row')}, {counted(self.errors, 'error')}, "
            f"intervals of {percent(self.confidence)})"
        )
        header = ("score", "AURC", "behind the best", "", "AUROC", "FPR at 95 %", *_FIGURES)
        return table(rows, caption, header)


_FIGURES = ("log loss", "Brier", "ECE", "classwise", "debiased")


def _quality(quality: ProbabilityQuality | None) -> tuple[str, ...]:
    """The figures of calibrated probabilities, in the columns of `_FIGURES`."""
    if quality is None:
        return ("",) * len(_FIGURES)
    figures = (quality.log_loss, quality.brier, quality.ece)
    return tuple(short(each) for each in (*figures, quality.classwise_ece, quality.debiased_ece))


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
    calibrations: Sequence[str] = (TEMPERATURE,),
    holdout: float = 0.5,
    seed: int = 0,
    draws: int = 2000,
    confidence: float = 0.95,
) -> ScoreComparison:
    """Every score, fitted on one part of the rows and ranked on the other.

    A difference between two scores is measured on the same rows, and its interval holds for all
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
        calibrations: each of which all scores are compared with: ``"temperature"``, ``"vector"``,
            ``"matrix"``, ``"platt"``, ``"auto"``; predictions, and so errors, are those of the
            calibrated logits.
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
    made: list[_Calibrated] = []
    left_out: dict[str, str] = {}
    held_scores: dict[tuple[str, str], Vector] = {}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", LogitconfWarning)
        for calibration in dict.fromkeys(map(check_calibration, calibrations)):
            # the calibration is that of the rows, whatever the score
            one = _calibrated(calibration, fitted, held, left_out)
            if one is not None:
                made.append(one)
                of_scores = _scores(one, fitted, held, left_out)
                held_scores |= {(name, calibration): of_scores[name] for name in of_scores}
    for message in dict.fromkeys(str(warning.message) for warning in warned):
        warnings.warn(message, LogitconfWarning, stacklevel=2)
    if not made:
        raise LogitconfError(
            f"calibrations must hold one that these rows can be fitted with, got {left_out}"
        )
    by_name = {one.name: one for one in made}
    wrong_by = {key: by_name[key[1]].wrong for key in held_scores}
    areas = {key: area_parts(held_scores[key], wrong_by[key]) for key in held_scores}
    order = sorted(areas, key=lambda key: areas[key].estimate)
    noise = differences([areas[key] for key in order], confidence, draws=draws, seed=seed)
    standings = []
    # that of the same errors, all of them ranked last
    perfect = {one.name: area_under_risk_coverage(one.wrong, one.wrong) for one in made}
    for place, key in enumerate(order):
        scores, wrong = held_scores[key], wrong_by[key]
        curve = risk_coverage(scores, wrong)
        behind = areas[key].estimate - areas[order[0]].estimate
        within = noise.factor * float(noise.errors[0, place])
        standings.append(
            ScoreStanding(
                score=key[0],
                aurc=area_interval(areas[key], confidence),
                behind=Interval(behind, behind - within, behind + within, confidence),
                e_aurc=curve.area - perfect[key[1]],
                augrc=curve.generalized_area,
                auroc=area_under_roc(scores[~wrong], scores[wrong]),
                fpr95=false_positive_rate(scores[~wrong], scores[wrong]),
                curve=curve,
                calibration=key[1],
                quality=by_name[key[1]].quality,
            )
        )
    errors = int(made[0].wrong.sum())
    return ScoreComparison(tuple(standings), left_out, len(fitted), len(held), errors, confidence)


@dataclass(frozen=True, slots=True, eq=False)
class _Calibrated:
    """Rows as one calibration leaves them.

    Attributes:
        name: of the calibration.
        card: with its temperature and map.
        wrong: (N,) whether each row is predicted wrong.
        quality: of the probabilities.
    """

    name: str
    card: ScoreCard
    wrong: npt.NDArray[np.bool_]
    quality: ProbabilityQuality | None


def _calibrated(
    calibration: str, fitted: Rows, held: Rows, left_out: dict[str, str]
) -> _Calibrated | None:
    """A calibration fitted on some rows, and the others calibrated; None, with why, if it is not.

    Raises:
        LogitconfError: if the temperature leaves no row wrong, or none right.
    """
    card = SCORE_CLASSES["softmax"](task=held.layout.task).card
    try:
        card = with_fitted_calibration(card, fitted, calibration)
    except LogitconfError as error:
        left_out[calibration] = str(error)
        return None
    if calibration != TEMPERATURE and card.calibration_map is None:
        left_out[calibration] = "it is the temperature on these rows"
        return None
    mapped = rows_mapped(card, held)
    wrong = ~mapped.right
    errors = int(wrong.sum())
    if errors in (0, len(wrong)):
        reason = (
            f"scores can only be compared on right and wrong rows, got {errors} errors of "
            f"{len(wrong)} held-out rows; bring more rows, or take softmax"
        )
        if calibration == TEMPERATURE:
            raise LogitconfError(reason)
        left_out[calibration] = reason
        return None
    (shares,) = mapped.collected(
        lambda block: (to_numpy(calibrated_probabilities(block, card.temperature)),), "Calibrating"
    )
    labels = to_numpy(held.labels)
    if held.layout.family == "bernoulli":
        labels = labels.reshape(shares.shape)
    return _Calibrated(calibration, card, wrong, probability_quality(shares, labels))


def _scores(
    calibrated: _Calibrated, fitted: Rows, held: Rows, left_out: dict[str, str]
) -> dict[str, Vector]:
    """The scores of the rows by name, of all that are defined for them."""
    cards: dict[str, ScoreCard] = {}
    plain = calibrated.name == TEMPERATURE
    for name, row in steps(SCORES.items(), "Computing scores"):
        shown = name if plain else f"{name} ({calibrated.name})"
        if row.learned:
            left_out[name] = "it is computed on confidence logits of its own"
            continue
        if row.over_members:
            left_out[name] = "it compares the members of an ensemble, and this is one model"
            continue
        try:
            check_defined(name, held.layout, held.kind)
            card = SCORE_CLASSES[name](calibrated.card.temperature, held.layout.task).card
            if not plain:
                card = replace(
                    card,
                    n_classes=held.layout.n_classes,
                    calibration_map=calibrated.card.calibration_map,
                )
            cards[name], _ = with_fitted_parameters(card, fitted)
        except LogitconfError as error:
            left_out[shown] = str(error)
    scores = scores_of_cards(list(cards.values()), held)
    return {name: own.astype(np.float64) for name, own in zip(cards, scores, strict=True)}
