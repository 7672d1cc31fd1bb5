"""The command ``compare``: which score to take for the user's rows."""

from pathlib import Path
from typing import Annotated

import typer

from logitconf.calibration.names import CALIBRATIONS, TEMPERATURE
from logitconf_export.cli.common.fit_options import RowMeaning
from logitconf_export.cli.common.options import LogitsLocation, RowSource, Task, in_panel
from logitconf_export.cli.common.output import show
from logitconf_export.cli.common.pages import PageFile, as_typed, check_page_file, with_page
from logitconf_export.cli.common.view import Force, View
from logitconf_export.cli.common.waiting import working
from logitconf_export.cli.results.result import quoted


def compare(
    source: RowSource,
    where: LogitsLocation,
    *,
    task: Task = None,
    calibration: Annotated[
        list[str] | None,
        in_panel(
            None,
            "--calibration",
            f"Compare all scores with it: {', '.join(CALIBRATIONS)}; may be repeated.",
            default=TEMPERATURE,
            words=CALIBRATIONS,
        ),
    ] = None,
    holdout: Annotated[
        float, typer.Option("--holdout", help="Share of the rows to compare on, not fitted on.")
    ] = 0.5,
    seed: Annotated[int, typer.Option("--seed", help="Of the random draws.")] = 0,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the risk-coverage curves: .png or .svg.")
    ] = None,
    page: PageFile = None,
    force: Force = False,
    view: View,
    context: typer.Context,
) -> None:
    """Rank all scores on labelled rows, and say which differences are noise."""
    from logitconf.fitting.comparison import compare_scores
    from logitconf_export.cli.rows.given import given_rows
    from logitconf_export.display.comparison_plot import check_plot, draw_comparison

    rows, meaning = given_rows(source, where, RowMeaning(task))
    if plot is not None:
        check_plot(plot, force=force)
    check_page_file(page, (source.rows, source.model, source.data), force=force)
    with working("Comparing", view):
        ranking = compare_scores(
            rows.logits,
            rows.labels,
            task=meaning,
            kind=rows.kind,
            calibrations=calibration or [TEMPERATURE],
            holdout=holdout,
            seed=seed,
        )
    if plot is not None:
        draw_comparison(ranking, plot, force=force)
    from logitconf_export.cli.results.comparisons import comparison_result

    score = ranking.best
    if ranking.calibration != TEMPERATURE:
        score += f" --calibration {ranking.calibration}"
    following = [_fit_command(score, source, where, task, kept=1.0 - holdout, seed=seed)]
    result = comparison_result(ranking, plot, following)
    if page is not None:
        from logitconf_export.display.page.comparing import comparison_page

        lines = [("this page", as_typed(context))]
        drawn = comparison_page(ranking, lines, data=source.file)
        result = with_page(result, drawn, page, force=force)
    show(result, view, force=force)


def _fit_command(
    score: str,
    source: RowSource,
    where: LogitsLocation,
    task: str | None,
    *,
    kept: float,
    seed: int,
) -> str:
    """How the score is fitted so that what certifies it was not compared on."""
    from logitconf_export.cli.common.suggestions import location_options

    rows = quoted(source.file)
    if source.model is not None:
        rows = f"--model {quoted(source.model)} --data {rows}"
    options = location_options(where) + ("" if task is None else f" --task {task}")
    options += "".join(f" --ignore-label={label}" for label in source.ignore_label or ())
    draw = f" --holdout {kept:g}" + (f" --seed {seed}" if seed else "")
    return f"fit with: logitconf fit {rows}{options} --score {score}{draw} -o card.json"
