"""The labelled rows that a command is given: logits in a file, or what a model says of its data."""

from pathlib import Path

from logitconf.errors import LogitconfError
from logitconf.scores.table import SCORES
from logitconf_export.cli.rows import learned as cli_learned
from logitconf_export.cli.rows.host import rows_from_host
from logitconf_export.cli.rows.npz import LabelledRows, rows_from_file


def given_rows(
    rows: Path | None,
    data: Path | None,
    model: Path | None,
    *,
    task: str,
    logits: str | None,
    kind: str | None,
    score: str | None = None,
    class_logits: str | None = None,
    per_member: bool = False,
) -> tuple[LabelledRows, str]:
    """Labelled logits and their task.

    Args:
        rows: file of logits.
        data: file of inputs, with ``model``.
        model: to run.
        task: what the columns mean.
        logits: with ``model``: the tensor to take.
        kind: with ``logits``: what it holds.
        score: the score that they are for, where that matters.
        class_logits: with ``model`` and a learned confidence: the tensor of the classes.
        per_member: whether the logits have the members of an ensemble last.

    Raises:
        LogitconfError: if the options do not fit together, or the rows do not fit the model.
    """
    source = _one_source(rows, data)
    if model is None and (logits is not None or kind is not None):
        raise LogitconfError("--logits and --kind say where a --model has its logits, got no model")
    if class_logits is not None and (model is None or score != "learned"):
        raise LogitconfError("--class-logits belongs to --model and --score learned")
    if score == "learned":
        if model is None:
            return cli_learned.learned_rows_from_file(source)
        return cli_learned.learned_rows_from_host(
            model, source, task=task, class_logits=class_logits, logits=logits, kind=kind
        )
    if model is None:
        return rows_from_file(source), task
    members = per_member or (score is not None and score in SCORES and SCORES[score].over_members)
    found = rows_from_host(model, source, task=task, logits=logits, kind=kind, per_member=members)
    return found, task


def _one_source(rows: Path | None, data: Path | None) -> Path:
    if rows is not None and data is None:
        return rows
    if data is not None and rows is None:
        return data
    came = "both" if rows is not None else "neither"
    raise LogitconfError(f"one .npz file must be given, as VAL.npz or after --data, got {came}")
