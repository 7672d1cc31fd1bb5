"""What ``compare`` shows of a ranking: which score to take, and which differences are noise."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from logitconf.fitting.comparison import ScoreComparison, ScoreStanding
from logitconf.metrics.intervals import Interval
from logitconf.metrics.probability_quality import ProbabilityQuality
from logitconf.wording.numbers import counted, percent
from logitconf_export.cli.results.blocks import Facts, Sentence, Table
from logitconf_export.cli.results.result import Result, commands, headed, written

HEADER = (
    "score", "AURC", "interval", "behind", "interval", "E-AURC", "AUGRC", "AUROC", "FPR95",
    "log loss", "Brier", "ECE", "classwise ECE", "debiased ECE",
)  # fmt: skip
"""Columns of `table`."""


def comparison_result(
    ranking: ScoreComparison, plot: Path | None, following: Sequence[str]
) -> Result:
    """A ranking of scores.

    Args:
        ranking: of them.
        plot: that was drawn.
        following: what to run next.
    """
    best, *others = ranking.standings
    tied = sum(one.tied for one in others)
    verdict = (
        f"Take {best.name}: AURC {best.aurc.estimate:.4f}, the least of "
        f"{counted(len(ranking.standings), 'score')} on {counted(ranking.rows, 'row')}"
    )
    if others:
        verdict += f"; {tied} of {len(others)} others cannot be told apart from it"
    rows = [
        (
            one.name,
            f"{one.aurc.estimate:.4f}",
            f"{one.aurc.lower:.4f} to {one.aurc.upper:.4f}",
            "best" if one is best else "tied" if one.tied else "worse",
            f"{one.auroc:.3f}",
        )
        for one in ranking.standings
    ]
    level = percent(ranking.confidence)
    title = (
        f"{counted(ranking.rows, 'row')}, {counted(ranking.errors, 'error')}; fitted on "
        f"{ranking.fitted_rows:,} others"
    )
    return Result(
        verdict,
        lambda: headed("comparison", comparison_values(ranking, plot, following), verdict=verdict),
        style="good",
        blocks=(
            *([] if plot is None else [Facts([written(plot)])]),
            Table(("score", "AURC", f"{level} interval", "", "AUROC"), rows, title),
            *_calibrations(ranking),
            Sentence(
                "AURC: mean error rate of the accepted over all coverages, lower is better; tied: "
                "the difference from the best may be noise; AUROC: how often a wrong row scores "
                "above a right one"
            ),
        ),
        details=(
            Table(
                HEADER,
                table(ranking),
                f"All figures; {level} intervals, of the differences for all pairs at once",
            ),
            Table(("left out", "why"), list(ranking.left_out.items()), flowing=("why",)),
        ),
        following=following,
    )


def _calibrations(ranking: ScoreComparison) -> list[Table]:
    """How good the probabilities of each calibration are, where there are several."""
    by_name = {one.calibration: one.quality for one in ranking.standings}
    rows = [
        (name, percent(quality.accuracy), *_figures(quality))
        for name, quality in by_name.items()
        if quality is not None
    ]
    if len(rows) < 2:
        return []
    header = ("calibration", "accuracy", *HEADER[-5:])
    return [Table(header, rows, "Probabilities by what calibrated them")]


def table(ranking: ScoreComparison) -> list[tuple[str, ...]]:
    """One row of text a score, in the columns of `HEADER`."""
    return [
        (
            each.name,
            f"{each.aurc.estimate:.6f}",
            f"{each.aurc.lower:.6f} to {each.aurc.upper:.6f}",
            f"{each.behind.estimate:.6f}",
            f"{each.behind.lower:.6f} to {each.behind.upper:.6f}" if each.behind.estimate else "",
            f"{each.e_aurc:.6f}",
            f"{each.augrc:.6f}",
            f"{each.auroc:.4f}",
            f"{each.fpr95:.4f}",
            *_figures(each.quality),
        )
        for each in ranking.standings
    ]


def _figures(quality: ProbabilityQuality | None) -> tuple[str, ...]:
    """Log loss, Brier score and calibration errors of the calibrated probabilities."""
    if quality is None:
        return ("",) * 5
    errors = (quality.ece, quality.classwise_ece, quality.debiased_ece)
    return tuple(f"{value:.6f}" for value in (quality.log_loss, quality.brier, *errors))


def comparison_values(
    ranking: ScoreComparison, plot: Path | None, following: Sequence[str]
) -> dict[str, Any]:
    """The ranking as JSON values, without the curves."""
    return {
        "rows": ranking.rows,
        "errors": ranking.errors,
        "fitted_rows": ranking.fitted_rows,
        "confidence": ranking.confidence,
        "best": ranking.best,
        "standings": [_standing(one) for one in ranking.standings],
        "left_out": dict(ranking.left_out),
        "plot": None if plot is None else f"{plot}",
        "next": commands(following),
    }


def _standing(one: ScoreStanding) -> dict[str, Any]:
    return {
        "score": one.score,
        "aurc": _interval(one.aurc),
        "behind": _interval(one.behind),
        "tied": one.tied,
        "e_aurc": one.e_aurc,
        "augrc": one.augrc,
        "auroc": one.auroc,
        "fpr95": one.fpr95,
        "calibration": one.calibration,
        "quality": None if one.quality is None else _quality(one.quality),
    }


def _quality(quality: ProbabilityQuality) -> dict[str, float | None]:
    # JSON has no infinity, which a label of probability 0 costs
    return {
        name: value if math.isfinite(value) else None for name, value in asdict(quality).items()
    }


def _interval(interval: Interval) -> dict[str, float]:
    return {"value": interval.estimate, "low": interval.lower, "high": interval.upper}
