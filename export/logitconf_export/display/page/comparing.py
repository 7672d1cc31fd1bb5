"""The page of a comparison: which score to take, and which differences are noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from logitconf.fitting.comparison import ScoreComparison, ScoreStanding
from logitconf.wording.numbers import counted, percent, short
from logitconf_export.display.comparison_plot import (
    MOST_NAMED,
    curve_groups,
    draw_all,
    draw_window,
    widest_window,
)
from logitconf_export.display.drawing import axes_to_draw_on, dress, svg_of
from logitconf_export.display.page.evidence import NamedFile
from logitconf_export.display.page.reporting import Page, check_page, filled
from logitconf_export.display.page.sections import Drawing

HEADER = ("score", "AURC", "interval", "behind the best", "interval", "AUROC", "FPR95")
"""Column names of the table."""

# names stand to the right of the axes
_SIZE, _BOX = (4.7, 3.4), (0.13, 0.14, 0.49, 0.83)


def comparison_page(
    comparison: ScoreComparison,
    lines: Sequence[tuple[str, str]],
    *,
    data: str | Path | None = None,
) -> Page:
    """The page of a comparison.

    Args:
        comparison: of the scores.
        lines: commands, each with what it is for.
        data: the file of the rows, if they came from one.

    Raises:
        MissingExtraError: without matplotlib or jinja2.
    """
    check_page()
    files = [] if data is None else [NamedFile.at(data)]
    rate = percent(comparison.errors / comparison.rows)
    rows = counted(comparison.rows, "row")
    return filled(
        "comparison.html.j2",
        title=files[0].name if files else "A comparison of scores",
        kind="Which confidence score to take",
        passed=None,
        verdict=[
            f"{comparison.verdict[0].upper()}{comparison.verdict[1:]}.",
            f"Compared on {rows}, {rate} of them wrong; fitted on "
            f"{counted(comparison.fitted_rows, 'other')}.",
        ],
        failures=(),
        drawings=_drawings(comparison),
        header=HEADER,
        rows=[_row(standing) for standing in comparison.standings],
        confidence=percent(comparison.confidence),
        left_out=comparison.left_out,
        commands=lines,
        files=files,
    )


def _row(standing: ScoreStanding) -> tuple[str, ...]:
    own, behind = standing.aurc, standing.behind
    return (
        standing.name,
        short(own.estimate),
        f"{short(own.lower)} to {short(own.upper)}",
        short(behind.estimate) if behind.estimate else "",
        f"{short(behind.lower)} to {short(behind.upper)}" if behind.estimate else "",
        short(standing.auroc),
        percent(standing.fpr95),
    )


def _drawings(comparison: ScoreComparison) -> list[Drawing]:
    groups = curve_groups(comparison)
    window = widest_window(groups)
    whole = axes_to_draw_on(None)
    draw_all(whole, comparison, groups)
    from matplotlib.figure import Figure

    closer = Figure(figsize=_SIZE).add_axes(_BOX)
    dress(closer)
    draw_window(closer, groups, window)
    thin = len(groups) - MOST_NAMED
    others = f" Thin lines are {thin} more, which rank worse." if thin > 0 else ""
    words = (
        (whole, "all", "At every coverage", "The thick line is the best score, with its band."),
        (
            closer,
            "closer",
            "Where they differ most",
            f"From {percent(window[0])} to {percent(window[1])} of the rows accepted. Scores on "
            "one line coincide, to within one error; bands hold the true rate at each point with "
            "95 % confidence (exact binomial)." + others,
        ),
    )
    return [
        Drawing(title, svg_of(ax, f"curves-{name}", f"{title}. {caption}"), caption)
        for ax, name, title, caption in words
    ]
