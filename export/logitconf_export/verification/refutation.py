"""Rows that a host computes refute a reading of it; they never decide one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from logitconf_export.heads.metadata import HeadMetadata
from logitconf_export.hosts.candidates import KINDS, Candidate, Family

_SUM_TOLERANCE = 1e-3
"""float16 probabilities of thousands of classes sum to 1 within this."""


def contradiction_of(head: HeadMetadata, values: NDArray[Any]) -> str:
    """In words, how the values that a head read contradict what its card says they are."""
    form, card = head.form, head.card
    kind = next(word for word in KINDS if word == form.kind)
    alone = card.task == "multilabel" or form.n_classes == 1
    family: Family = "bernoulli" if alone else "categorical"
    candidate = Candidate(
        tensor="", kind=kind, task=None, n_classes=form.n_classes, class_axis=form.class_axis,
        rank=form.input_rank, dtype="float32", output="", certain=False, reason="", family=family,
    )  # fmt: skip
    return contradicted(candidate, values) or ""


def contradicted(candidate: Candidate, values: NDArray[Any]) -> str | None:
    """How the values of the candidate's tensor contradict it, None if they do not."""
    axis = candidate.class_axis
    if candidate.rank not in (None, values.ndim) or not -values.ndim <= axis <= values.ndim:
        return f"its tensor has {values.ndim} axes"
    rows = values.astype(np.float64)
    rows = rows[..., None] if axis == values.ndim else np.moveaxis(rows, axis, -1)
    n_classes = rows.shape[-1]
    if candidate.n_classes not in (None, n_classes):
        return f"its tensor has {n_classes} columns and not {candidate.n_classes}"
    rows = rows.reshape(-1, n_classes)
    rows = rows[np.isfinite(rows).all(axis=1)]
    return _KIND_CHECKS[candidate.kind](candidate, rows) if rows.size else None


def _as_logits(candidate: Candidate, rows: NDArray[Any]) -> str | None:  # noqa: ARG001
    """Logits look like probabilities only if they are some."""
    if rows.shape[1] > 1 and _in_unit_interval(rows) and _sum_to_one(rows):
        return "all its values are in [0, 1] and every row sums to 1, as with probabilities"
    return None


def _as_probabilities(candidate: Candidate, rows: NDArray[Any]) -> str | None:
    """Probabilities lie in [0, 1]; those of classes that compete sum to 1."""
    if not _in_unit_interval(rows):
        return f"its values reach from {rows.min():.4g} to {rows.max():.4g}"
    if candidate.family == "categorical" and not _sum_to_one(rows):
        return "its rows do not sum to 1"
    return None


def _as_log_probabilities(candidate: Candidate, rows: NDArray[Any]) -> str | None:
    """Log-probabilities are 0 at most; those of classes that compete are the logs of a sum of 1."""
    if rows.max() > _SUM_TOLERANCE:
        return f"its values reach {rows.max():.4g}, above 0"
    if candidate.family == "categorical" and not _sum_to_one(np.exp(rows)):
        return "the exponentials of its rows do not sum to 1"
    return None


_KIND_CHECKS = {
    "logits": _as_logits,
    "probabilities": _as_probabilities,
    "log-probabilities": _as_log_probabilities,
}


def _in_unit_interval(rows: NDArray[Any]) -> bool:
    return bool(((rows >= -_SUM_TOLERANCE) & (rows <= 1 + _SUM_TOLERANCE)).all())


def _sum_to_one(rows: NDArray[Any]) -> bool:
    return bool(np.all(np.abs(rows.sum(axis=1) - 1) <= _SUM_TOLERANCE))
