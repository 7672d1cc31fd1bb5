"""The torch side of verification: the head rebuilt from its card, run eagerly and in double."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from logitconf.card import HeadForm
from logitconf.fitting.fit import rounding_of
from logitconf.head import ConfidenceHead
from logitconf.scores.reductions import Form, value_at_largest
from logitconf.tasks import canonical
from logitconf_export.decisions.comparison import Decisions
from logitconf_export.decisions.hard_rows import arranged, flattened
from logitconf_export.onnx_files.types import Array


class Reference:
    """What a head says in eager torch, and in float64.

    Attributes:
        head: as it ships, on its device.
    """

    def __init__(self, head: ConfidenceHead) -> None:
        self.head = head
        self._exact = _like(head, precision="float64")
        self._rows = _like(head, **_flat(head.form))

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
        form, threshold = self.head.form, self.head.threshold.cpu()
        if self.head.card.per_label:
            shape = logits.shape if form.members is None else logits.shape[:-1]
            own = threshold.reshape([-1] + [1] * (len(shape) - 1 - form.class_axis))
            return np.broadcast_to(own.numpy(), shape).reshape(-1)
        rows = flattened(logits, form)
        if threshold.ndim == 0:
            return np.full(len(rows), threshold.numpy(), dtype=np.float32)
        values = canonical(_tensor(rows).to(torch.float32), self._rows.layout)
        found: Array = value_at_largest(values, threshold, Form(n_classes=rows.shape[1])).numpy()
        return found

    def allowed(self, values: Array, n_classes: int | None = None) -> Array:
        """The rounding band at each finite score: the largest difference that it explains.

        Args:
            values: scores or thresholds.
            n_classes: columns of the rows, where the head leaves them free.
        """
        head = self.head
        if head.form.n_classes is not None:
            n_classes = head.form.n_classes
        elif n_classes is not None:
            n_classes //= head.form.members or 1
        card = replace(head.card, n_classes=n_classes, temperature=float(head.temperature))
        rounding = rounding_of(card, head.form.precision, head.form.kind)
        bands: Array = rounding.bands(values)
        return bands


def _flat(form: HeadForm) -> dict[str, int | None]:
    """What lays the rows of a form out one after the other."""
    if form.members is not None and form.class_axis == form.input_rank:
        return {"rank": 2, "class_axis": 2}
    return {"rank": 1 if form.input_rank == 1 else None, "class_axis": 1}


def _like(head: ConfidenceHead, **changes: Any) -> ConfidenceHead:
    """A head with the same buffers, written another way."""
    other = ConfidenceHead(head.card, replace(head.form, **changes))
    other.load_state_dict(head.state_dict())
    return other


def _tensor(values: Array) -> torch.Tensor:
    if values.dtype.name == "bfloat16":
        return torch.from_numpy(np.ascontiguousarray(values).view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(np.ascontiguousarray(values))


def _decisions(head: ConfidenceHead, logits: Array) -> Decisions:
    with torch.no_grad():
        score, mask = head(_tensor(logits).to(head.temperature.device))[:2]
    return Decisions.of(score.cpu().numpy(), mask.cpu().numpy())


def same_head(left: ConfidenceHead, right: ConfidenceHead) -> tuple[str, ...]:
    """In words, where two heads do not decide alike; empty if they do."""
    differences = []
    for name in ("score", "task"):
        ours, theirs = getattr(left.card, name), getattr(right.card, name)
        if ours != theirs:
            differences.append(f"{name} is {theirs!r} where {ours!r} was expected")
    for name in ("temperature", "threshold"):
        ours, theirs = left.get_buffer(name).cpu(), right.get_buffer(name).cpu()
        if not torch.equal(ours, theirs):
            differences.append(f"{name} is {theirs.tolist()} where {ours.tolist()} was expected")
    return tuple(differences)
