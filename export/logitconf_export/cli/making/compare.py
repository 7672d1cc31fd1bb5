"""The command ``compare``: which score to take for the user's rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from logitconf_export.cli.common.fit_options import RowMeaning
from logitconf_export.cli.common.options import Force, LogitsLocation, RowSource, Task
from logitconf_export.cli.common.output import print_line, print_table, working

if TYPE_CHECKING:
    from logitconf.fitting.comparison import ScoreComparison

HEADER = ("score", "AURC", "interval", "behind", "interval", "E-AURC", "AUGRC", "AUROC", "FPR95")


def compare(
    source: RowSource,
    where: LogitsLocation,
    *,
    task: Task = None,
    holdout: Annotated[
        float, typer.Option("--holdout", help="Share of the rows to compare on, not fitted on.")
    ] = 0.5,
    seed: Annotated[int, typer.Option("--seed", help="Of the random draws.")] = 0,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the risk-coverage curves: .png or .svg.")
    ] = None,
    force: Force = False,
) -> None:
    """Rank all scores on labelled rows, and say which differences are noise."""
    from logitconf.fitting.comparison import compare_scores
    from logitconf_export.cli.rows.given import given_rows
    from logitconf_export.display.comparison_plot import check_plot, draw_comparison

    rows, meaning = given_rows(source, where, RowMeaning(task))
    if plot is not None:
        check_plot(plot, force=force)
    with working("Comparing"):
        ranking = compare_scores(
            rows.logits, rows.labels, task=meaning, kind=rows.kind, holdout=holdout, seed=seed
        )
    if plot is not None:
        draw_comparison(ranking, plot, force=force)
    title = (
        f"{ranking.rows} rows, {ranking.errors} errors; fitted on {ranking.fitted_rows} others; "
        f"{ranking.confidence:.0%} intervals, those of the differences for all pairs at once"
    )
    print_table(title, HEADER, table(ranking))
    for name, reason in ranking.left_out.items():
        print_line(f"left out: {name}: {reason}")
    print_line(ranking.verdict)


def table(ranking: "ScoreComparison") -> list[tuple[str, ...]]:
    """One row of text a score, in the columns of `HEADER`."""
    return [
        (
            each.score,
            f"{each.aurc.estimate:.6f}",
            f"{each.aurc.lower:.6f} to {each.aurc.upper:.6f}",
            f"{each.behind.estimate:.6f}",
            f"{each.behind.lower:.6f} to {each.behind.upper:.6f}" if each.behind.estimate else "",
            f"{each.e_aurc:.6f}",
            f"{each.augrc:.6f}",
            f"{each.auroc:.4f}",
            f"{each.fpr95:.4f}",
        )
        for each in ranking.standings
    ]
