"""The rows that ``fit --score learned`` takes: confidence logits, and where predictions were right.

``--task`` says what the class logits mean; one confidence a row is a binary score, several columns
are one a label.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from logitconf.errors import LogitconfError
from logitconf.fitting.learned_score import predictions_right
from logitconf_export.cli.common.options import LogitsLocation
from logitconf_export.cli.rows.host import HostRows, rows_from_host
from logitconf_export.cli.rows.npz import LabelledRows, rows_from_file
from logitconf_export.runtimes.stored_arrays import named_array, read_arrays

CONFIDENCE = "confidence"


def learned_rows_from_file(
    path: Path, kind: str | None = None, ignored: Sequence[int] = ()
) -> tuple[LabelledRows, str]:
    """Confidence rows and their task, from the arrays confidence, logits and labels of a file.

    Args:
        path: of the file.
        kind: what the confidence holds, as the user says.
        ignored: labels whose rows are left out.

    Raises:
        LogitconfError: if one is missing, or they do not fit each other.
    """
    classes = rows_from_file(path)
    confidence = named_array(read_arrays(path), CONFIDENCE, path)
    if ignored:
        confidence = confidence[classes.kept(ignored)]
    return _joined(LabelledRows(confidence, confidence, kind), classes.without(ignored))


def learned_rows_from_host(ask: HostRows, class_logits: str | None) -> tuple[LabelledRows, str]:
    """Confidence rows and their task, from what a host says of labelled rows.

    Args:
        ask: the host and its rows; ``where`` is the confidence, ``task`` is of the class logits.
        class_logits: their tensor; found in the graph unless given.

    Raises:
        LogitconfError: unless the confidence is named, or if either tensor is not certain.
    """
    if ask.where.logits is None:
        raise LogitconfError(
            "the graph does not tell a learned confidence from other logits; name its tensor "
            "with --logits"
        )
    classes = rows_from_host(replace(ask, where=LogitsLocation(class_logits)))
    family = "multilabel" if ask.task == "multilabel" else "binary"
    confidence = rows_from_host(replace(ask, task=family))
    return _joined(confidence, classes)


def _joined(rows: LabelledRows, classes: LabelledRows) -> tuple[LabelledRows, str]:
    right = predictions_right(classes.logits, classes.labels)
    confidence = rows.logits
    task = "multilabel" if confidence.ndim == 2 and confidence.shape[1] > 1 else "binary"
    if task == "binary" and right.ndim == 2:
        right = right.all(axis=1)
    return LabelledRows(confidence, right, rows.kind), task
