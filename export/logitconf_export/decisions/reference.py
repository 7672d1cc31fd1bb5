"""The reference of verification: the head by its own formula, in torch or NumPy, and in double.

Eager torch where it is installed, as the checkpoint computes; NumPy elsewhere, by the same lines.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from logitconf.arrays import to_numpy
from logitconf.card.score_card import HeadForm
from logitconf.fitting.fit import rounding_of
from logitconf.head_spec import Head, added_apart, decide, divided_first, value_at_largest
from logitconf.scores.reductions import Form
from logitconf.tasks import canonical
from logitconf_export.decisions.comparison import Decisions
from logitconf_export.decisions.hard_rows import arranged, flattened
from logitconf_export.heads.sources import HeadSource, head_of
from logitconf_export.onnx_files.types import Array

try:
    import torch
except ImportError:
    torch = None  # type: ignore[assignment]

LIBRARY = "NumPy" if torch is None else "eager torch"
"""What the reference is computed in."""


class Reference:
    """What a head says, and what it says in float64.

    Attributes:
        head: as it ships.
    """

    def __init__(self, head: HeadSource) -> None:
        self.head = head_of(head)
        self._exact = _like(self.head, precision="float64")
        self._rows = _like(self.head, **_flat(self.head.form))

    def decisions(self, logits: Array) -> Decisions:
        """The head's decisions on logits in its own layout."""
        return _decisions(self.head, logits)

    def truth(self, logits: Array) -> Decisions:
        """The decisions of the same head computed in double and rounded once."""
        return _decisions(self._exact, logits)

    def accepts(self, rows: Array) -> Array:
        """Whether each row (N, K) is accepted, (N,) bool; with all its labels where each counts."""
        mask = _decisions(self._rows, arranged(rows, self._rows.form)).mask
        return np.asarray(mask.reshape(len(rows), -1).all(axis=1) if len(rows) else mask)

    def thresholds(self, logits: Array) -> Array:
        """Each decision's threshold, (N,) float32: one for all, its predicted class' or label's."""
        form, threshold = self.head.form, self.head.threshold
        if self.head.card.per_label:
            shape = logits.shape if form.members is None else logits.shape[:-1]
            own = threshold.reshape([-1] + [1] * (len(shape) - 1 - form.class_axis))
            return np.broadcast_to(own, shape).reshape(-1)
        rows = flattened(logits, form)
        if threshold.ndim == 0:
            return np.full(len(rows), threshold, dtype=np.float32)
        values = canonical(np.asarray(rows, dtype=np.float32), self._rows.layout)
        return np.asarray(value_at_largest(values, threshold, Form(n_classes=rows.shape[1])))

    def sizes(self, logits: Array) -> Array | None:
        """Each row's largest finite abs logit, (N,), for :meth:`allowed`; None for each label."""
        if self.head.card.per_label:
            return None
        rows = np.asarray(flattened(logits, self.head.form), dtype=np.float64)
        if self.head.form.kind == "probabilities":
            with np.errstate(all="ignore"):
                rows = np.log(rows)
        largest: Array = np.where(np.isfinite(rows), np.abs(rows), 0.0).max(axis=1, initial=0.0)
        return largest

    def allowed(
        self, values: Array, n_classes: int | None = None, sizes: Array | None = None
    ) -> Array:
        """The rounding band at each finite score: the largest difference that it explains.

        Args:
            values: scores or thresholds.
            n_classes: columns of the rows, where the head leaves them free.
            sizes: of the rows, from :meth:`sizes`.
        """
        head = self.head
        if head.form.n_classes is not None:
            n_classes = head.form.n_classes
        elif n_classes is not None:
            n_classes //= head.form.members or 1
        card = replace(head.card, n_classes=n_classes, temperature=float(head.temperature))
        rounding = rounding_of(card, head.form.precision, head.form.kind)
        rounding = replace(
            rounding,
            divided_first=divided_first(head.card, head.form),
            apart=added_apart(head.card, head.form),
        )
        bands: Array = rounding.bands(values, sizes)
        return bands


def _flat(form: HeadForm) -> dict[str, int | None]:
    """What lays the rows of a form out one after the other."""
    if form.members is not None and form.class_axis == form.input_rank:
        return {"rank": 2, "class_axis": 2}
    return {"rank": 1 if form.input_rank == 1 else None, "class_axis": 1}


def _like(head: Head, **changes: Any) -> Head:
    """A head with the same numbers, written another way."""
    return head.with_form(replace(head.form, **changes))


def _decisions(head: Head, logits: Array) -> Decisions:
    if torch is None:
        score, mask = head(np.ascontiguousarray(logits))[:2]
        return Decisions.of(score, mask)
    temperature, threshold = (torch.tensor(v) for v in (head.temperature, head.threshold))
    with torch.no_grad():
        score, mask = decide(_tensor(logits), temperature, threshold, head.card, head.form)[:2]
    return Decisions.of(to_numpy(score), to_numpy(mask))


def _tensor(values: Array) -> Any:
    if values.dtype.name == "bfloat16":
        return torch.from_numpy(np.ascontiguousarray(values).view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(np.ascontiguousarray(values))


def same_head(one: HeadSource, other: HeadSource) -> tuple[str, ...]:
    """In words, where two heads do not decide alike; empty if they do."""
    left, right = head_of(one), head_of(other)
    differences = []
    for name in ("score", "task"):
        ours, theirs = getattr(left.card, name), getattr(right.card, name)
        if ours != theirs:
            differences.append(f"{name} is {theirs!r} where {ours!r} was expected")
    for name in ("temperature", "threshold"):
        ours, theirs = getattr(left, name), getattr(right, name)
        if not np.array_equal(ours, theirs):
            differences.append(f"{name} is {theirs.tolist()} where {ours.tolist()} was expected")
    return tuple(differences)
