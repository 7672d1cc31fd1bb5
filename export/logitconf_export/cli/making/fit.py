"""The command ``fit``: labelled rows in, a score card out."""

from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from logitconf.errors import LogitconfError
from logitconf.files import write_atomically
from logitconf_export.cli.common.fit_options import (
    AUTO,
    FitSource,
    PolicyOptions,
    RowMeaning,
    ScoreOptions,
)
from logitconf_export.cli.common.options import (
    LogitsLocation,
    Names,
    OutputFile,
    RowSource,
    in_panel,
)
from logitconf_export.cli.common.output import show
from logitconf_export.cli.common.pages import PageFile, as_typed, check_page_file, with_page
from logitconf_export.cli.common.streams import write_bytes
from logitconf_export.cli.common.view import View
from logitconf_export.cli.common.waiting import working
from logitconf_export.cli.results.result import quoted

if TYPE_CHECKING:
    from logitconf.fitting.choosing import ChosenScore
    from logitconf.fitting.logit_score import LogitScore
    from logitconf_export.cli.rows.npz import LabelledRows
    from logitconf_export.display.judged import JudgedRows
    from logitconf_export.display.page.reporting import Page


def fit(
    source: FitSource,
    *,
    output: OutputFile,
    asked: ScoreOptions,
    meaning: RowMeaning,
    threshold: PolicyOptions,
    where: LogitsLocation,
    holdout: Annotated[
        float | None,
        in_panel(
            None,
            "--holdout",
            "Share of the rows kept for the threshold, not fitted on.",
            default="none: all rows for both",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="With --holdout: of the draw.")] = 0,
    names: Names = None,
    page: PageFile = None,
    view: View,
    context: typer.Context,
) -> None:
    """Fit temperature and threshold on labelled rows; write a score card.

    The rows are logits (VAL.npz holds 'logits' and 'labels'), or the inputs of --model. For the
    score learned, VAL.npz also holds 'confidence', the confidence logits. Parquet files that do not
    fit into memory are read by --dataset, some three to six times.
    """
    if asked.score == AUTO and (meaning.per_member or asked.per_label):
        raise LogitconfError(
            "--score auto needs rows of one model, judged as a whole, got --per-member or "
            "--per-label; name a score with these"
        )
    output.check(source.rows, source.data, source.model, view=view)
    check_page_file(page, (source.rows, source.data, source.model), force=output.force)
    policy = threshold.arguments()
    from logitconf.thresholds.lookup import policy_asked

    # what cannot be asked for is refused before the rows are read and fitted
    policy_asked(outliers=threshold.ood is not None, per_label=asked.per_label, **policy)
    if source.dataset is not None or source.engine is not None or source.state is not None:
        given = {
            "VAL.npz": source.rows,
            "--model": source.model,
            "--data": source.data,
            "--ignore-label": source.ignore_label,
            "--score auto": asked.score == AUTO,
            "--per-member": meaning.per_member,
            "--class-logits": meaning.class_logits,
            "--logits": where.logits,
            "--class-axis": where.class_axis is not None,
            "--ood": threshold.ood,
            "--names": names,
            "--report": page,
        }
        _check_dataset(source, [name for name, value in given.items() if value])
        _fit_dataset(
            source,
            {
                "score": asked.score,
                "task": meaning.task,
                "kind": where.kind,
                "calibration": asked.calibration,
                "per_label": asked.per_label,
                "holdout": holdout,
                "seed": seed,
                **policy,
            },
            output,
            view,
        )
        return
    from logitconf_export.cli.results.fits import figures_of, fit_result
    from logitconf_export.cli.rows.class_names import given_names
    from logitconf_export.cli.rows.given import given_rows
    from logitconf_export.display.judged import judge

    if threshold.ood is not None:
        from logitconf_export.runtimes.stored_arrays import named_array, read_arrays

        stored = read_arrays(threshold.ood, single="logits")
        policy["ood_logits"] = named_array(stored, "logits", threshold.ood)
        policy["kind"] = where.kind if source.model is None else None
    rows, task = given_rows(source, where, meaning, asked.score, given_names(names))
    chosen = _chosen(rows, task, seed, view) if asked.score == AUTO else None
    if chosen is not None:
        asked = replace(asked, score=chosen.score)
        rows = replace(rows, logits=chosen.logits, labels=chosen.labels)
    with working("Fitting", view):
        fitted = _unfitted(asked, task, per_member=meaning.per_member)
        fitted.fit(
            rows.logits,
            rows.labels,
            kind=rows.kind,
            holdout=holdout,
            seed=seed,
            class_names=rows.class_names,
        )
        fitted.set_threshold(**policy)
        if chosen is not None:
            fitted.card = replace(fitted.card, score_choice=chosen.choice)
    if holdout is not None:
        rows = _held_out(rows, holdout, seed)
    judged = judge(fitted.card, rows.logits, rows.labels, kind=rows.kind or "logits")
    figures = figures_of(judged)
    if output.file is None:
        write_bytes(fitted.card.to_json().encode())
    else:
        fitted.save(output.file, force=output.force)
    following = (
        []
        if output.file is None
        else _next_commands(output.file, source, where, per_member=meaning.per_member)
    )
    result = fit_result(fitted.card, figures, output.path, following, rows.class_names)
    if page is not None:
        drawn = _page(fitted, judged, output, source, as_typed(context))
        result = with_page(result, drawn, page, force=output.force)
    show(result, view, output=output)


def _check_dataset(source: FitSource, others: list[str]) -> None:
    """Refuses options of datasets without one, and with one what needs all rows in memory."""
    if source.dataset is None:
        raise LogitconfError("--engine and --state belong to --dataset, got no --dataset")
    if others:
        raise LogitconfError(
            f"--dataset takes what adds up over rows, got {' and '.join(others)} besides; leave "
            "that out, or fit a sample of the rows in one file"
        )


def _fit_dataset(
    source: FitSource, arguments: dict[str, Any], output: OutputFile, view: View
) -> None:
    from logitconf.distributed.plan import FitPlan
    from logitconf_export.cli.results.fits import figures_on_card, fit_result
    from logitconf_export.cli.rows.datasets import fit_dataset

    columns = {
        "logits": source.logits_columns or "logits",
        "labels": source.labels_column or "labels",
    }
    with working("Fitting", view):
        card = fit_dataset(
            f"{source.dataset}",
            FitPlan(**arguments),
            source.engine or "local",
            columns,
            source.state,
        )
    content = card.to_json().encode()
    if output.file is None:
        write_bytes(content)
        following = []
    else:
        write_atomically(output.file, content, force=output.force)
        following = _export_command(output.file)
    show(fit_result(card, figures_on_card(card), output.path, following), view, output=output)


def _page(
    fitted: "LogitScore",
    judged: "JudgedRows",
    output: OutputFile,
    source: RowSource,
    command: str,
) -> "Page":
    """The page of the card, on the rows that its threshold was chosen on."""
    from logitconf_export.display.page.evidence import Evidence, HeadEvidence, NamedFile
    from logitconf_export.display.page.reporting import page_of

    card = None if output.file is None else NamedFile.at(output.file)
    head = HeadEvidence("", fitted.card, None, judged, names=fitted.class_names)
    evidence = Evidence((head,), None, None, card, NamedFile.at(source.file))
    return page_of(evidence, [("this page and its card", command)])


def _next_commands(
    card: Path, source: RowSource, where: LogitsLocation, *, per_member: bool
) -> list[str]:
    """How to ship the card: on the model that it was fitted on, or as a model of its own."""
    if source.model is None:
        return _export_command(card)
    from logitconf_export.cli.common.suggestions import attach_commands

    return attach_commands(source.model, card, source.file, where, per_member=per_member)


def _export_command(card: Path) -> list[str]:
    return [f"export with: logitconf export {quoted(card)} -o {quoted(card.with_suffix('.onnx'))}"]


def _chosen(rows: "LabelledRows", task: str, seed: int, view: View) -> "ChosenScore":
    """The score that ranks the rows best, and the rows that took no part in its choice."""
    from logitconf.fitting.choosing import choose_score

    with working("Comparing the scores", view):
        return choose_score(rows.logits, rows.labels, task=task, kind=rows.kind, seed=seed)


def _unfitted(asked: ScoreOptions, task: str, *, per_member: bool) -> "LogitScore":
    from logitconf.calibration.names import TEMPERATURE
    from logitconf.fitting.calibrated_rows import asked_calibration
    from logitconf.fitting.score_classes import score_class
    from logitconf.scores.table import SCORES, check_defined
    from logitconf.tasks import Layout, check_task

    made = score_class(asked.score)
    parameters: dict[str, Any] = {}
    if per_member and not SCORES[asked.score].over_members:
        parameters["per_member"] = True
    if asked.per_label:
        check_defined(asked.score, Layout(check_task(task), None, per_label=True))
        parameters["per_label"] = True
    if asked_calibration(asked.calibration, asked.score, members=per_member) != TEMPERATURE:
        parameters["calibration"] = asked.calibration
    known = signature(made).parameters
    return made(task=task, **{name: value for name, value in parameters.items() if name in known})


def _held_out(rows: "LabelledRows", holdout: float, seed: int) -> "LabelledRows":
    from logitconf.rows import split_rows

    _, held = split_rows(len(rows.logits), holdout, seed)
    return replace(rows, logits=rows.logits[held], labels=rows.labels[held])
