"""The labelled rows that a command is given: logits in a file, or what a model says of its data."""

from dataclasses import replace

from logitconf.errors import LogitconfError
from logitconf.scores.table import SCORES
from logitconf_export.cli.common.fit_options import RowMeaning
from logitconf_export.cli.common.options import LogitsLocation, RowSource
from logitconf_export.cli.rows.host import HostRows, rows_from_host, told_by_host
from logitconf_export.cli.rows.learned import learned_rows_from_file, learned_rows_from_host
from logitconf_export.cli.rows.npz import LabelledRows, rows_from_file
from logitconf_export.cli.rows.tables import TABLES, TableColumns, is_table, rows_from_table


def given_rows(
    source: RowSource,
    where: LogitsLocation,
    meaning: RowMeaning,
    score: str | None = None,
    names: tuple[str, ...] | None = None,
) -> tuple[LabelledRows, str]:
    """Labelled logits and their task.

    Args:
        source: a file of logits, or a model and a file of its inputs.
        where: with a model the tensor to take; without, only what kind the numbers are.
        meaning: what its columns are.
        score: the score that they are for, where that matters.
        names: of the classes, if the user gives them.

    Raises:
        LogitconfError: if the options do not fit together, or the rows do not fit the model.
    """
    file, model, task = source.file, source.model, meaning.task or "multiclass"
    if model is None and where != LogitsLocation(kind=where.kind):
        raise LogitconfError(
            "--logits and --class-axis say where a --model has its logits, got no model"
        )
    if meaning.class_logits is not None and (model is None or score != "learned"):
        raise LogitconfError("--class-logits belongs to --model and --score learned")
    ignored = tuple(source.ignore_label or ())
    columns = TableColumns(source.logits_columns, source.labels_column)
    if model is None and is_table(file) and score != "learned":
        rows = rows_from_table(file, columns, where.kind)
        return rows.without(ignored).named(names).numbered(task), task
    if columns != TableColumns():
        raise LogitconfError(
            f"--logits-columns and --labels-column are for tables ({', '.join(TABLES)}) of logits, "
            f"got {file}"
        )
    if model is None and score == "learned":
        rows, task = learned_rows_from_file(file, where.kind, ignored)
        return rows.named(names), task
    if model is None:
        rows = rows_from_file(file, where.kind).without(ignored)
        return rows.named(names).numbered(task), task
    members = score is not None and score in SCORES and SCORES[score].over_members
    ask = HostRows(
        model, file, where, task, per_member=meaning.per_member or members, ignored=ignored
    )
    if meaning.task is None:
        ask = replace(
            ask,
            task=told_by_host(ask, meaning.class_logits if score == "learned" else where.logits),
        )
    if score == "learned":
        rows, task = learned_rows_from_host(ask, meaning.class_logits)
        return rows.named(names), task
    rows = rows_from_host(ask)
    return (rows if names is None else rows.named(names).numbered(ask.task)), ask.task
