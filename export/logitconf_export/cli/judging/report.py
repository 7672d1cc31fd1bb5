"""The command ``report``: one page that shows what a model with a head does."""

from pathlib import Path
from typing import Annotated

import typer

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.options import (
    ROWS,
    IgnoreLabel,
    KindOfCard,
    ModelOrCard,
    OutputFile,
    Providers,
    Runtimes,
    check_kind_of_card,
    in_panel,
)
from logitconf_export.cli.common.output import show
from logitconf_export.cli.common.pages import check_page_file
from logitconf_export.cli.common.view import View
from logitconf_export.cli.common.waiting import working


def report(
    model: ModelOrCard,
    *,
    data: Annotated[
        Path,
        typer.Option(
            "--data", help="Rows: .npz, inputs by name or 'logits', and 'labels' if known."
        ),
    ],
    output: OutputFile,
    runtime: Runtimes = None,
    provider: Providers = None,
    ignore_label: IgnoreLabel = None,
    kind: KindOfCard = None,
    names: Annotated[
        str | None,
        in_panel(
            ROWS,
            "--names",
            "Of the classes in their order: a,b,c or a text file, a name a line.",
            default="what the card says",
        ),
    ] = None,
    view: View,
) -> None:
    """Write a page that shows what a model with a head does on rows; exit code 1 if it fails.

    The page is one file: verdict, rule, promise, plots, a slider over thresholds, the classes, and
    the check of its decisions, as verify makes it.
    """
    view.check(model, data, force=output.force, output=output.path)
    check_page_file(output.path, (model, data), force=output.force)
    from logitconf_export.cli.results.pages import page_result
    from logitconf_export.cli.rows.class_names import given_names
    from logitconf_export.display.page.reporting import report as make_page
    from logitconf_export.onnx_files.loading import is_model

    if not is_model(model) and (runtime or provider):
        raise LogitconfError(f"--on and --provider run a model, got the card {model}")
    check_kind_of_card(kind, of_model=is_model(model))
    with working("Verifying and drawing", view):
        page = make_page(
            model,
            data,
            output.path,
            providers=tuple(provider or ("cpu",)),
            runtimes=tuple(runtime or ("onnxruntime",)),
            ignore_labels=tuple(ignore_label or ()),
            kind=kind or "logits",
            names=given_names(names),
            force=output.force,
        )
    show(page_result(page, output.path), view, output=output)
    if page.passed is False:
        raise typer.Exit(1)
