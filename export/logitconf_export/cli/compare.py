"""The command ``compare``: which score to take for the user's rows."""

from pathlib import Path

from logitconf.fitting.comparison import ScoreComparison, compare_scores
from logitconf_export.cli.common.output import print_line, print_table, working
from logitconf_export.cli.common.plots import check_plot, draw_risk_coverage
from logitconf_export.cli.rows.npz import LabelledRows

HEADER = ("score", "AURC", "interval", "behind", "interval", "E-AURC", "AUGRC", "AUROC", "FPR95")


def compare_rows(
    rows: LabelledRows, *, task: str, holdout: float, seed: int, plot: Path | None, force: bool
) -> None:
    """Ranks all scores on labelled rows, prints the table and what to take.

    Args:
        rows: labelled logits.
        task: what the columns mean.
        holdout: share of the rows to compare on.
        seed: of the split and of the bootstrap.
        plot: where to draw the risk-coverage curves, ``.png`` or ``.svg``.
        force: whether an existing plot may be replaced.

    Raises:
        LogitconfError: if rows do not fit the task, or cannot rank anything.
        MissingExtraError: for a plot without matplotlib.
    """
    if plot is not None:
        check_plot(plot, force=force)
    with working("Comparing"):
        found = compare_scores(rows.logits, rows.labels, task=task, holdout=holdout, seed=seed)
    if plot is not None:
        draw_risk_coverage(found, plot, force=force)
    title = (
        f"{found.rows} rows, {found.errors} errors; fitted on {found.fitted_rows} others; "
        f"{found.confidence:.0%} intervals, those of the differences for all scores at once"
    )
    print_table(title, HEADER, table(found))
    for name, reason in found.left_out.items():
        print_line(f"left out: {name}: {reason}")
    print_line(found.verdict)


def table(found: ScoreComparison) -> list[tuple[str, ...]]:
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
        for each in found.standings
    ]
