"""The reference of verification: the head by its own formula, in torch or NumPy, and in double.

Eager torch where it is installed, as the checkpoint computes; NumPy elsewhere, by the same lines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np

from logitconf.arrays import to_numpy
from logitconf.calibration.maps.mapping import mapped
from logitconf.card.score_card import HeadForm
from logitconf.errors import LogitconfError
from logitconf.fitting.fit import rounding_of
from logitconf.head_spec import Head, added_apart, decide, divided_first, value_at_largest
from logitconf.outputs.confidence import exact_confidence
from logitconf.outputs.labels import EVEN
from logitconf.scores.bands import Sums
from logitconf.scores.reductions import Form
from logitconf.scores.rounding import MapRounding, Rounding
from logitconf.tasks import InputKind, canonical, logits_of
from logitconf_export.decisions.comparison import Decisions
from logitconf_export.decisions.further import RightValues
from logitconf_export.decisions.hard_rows import arranged, flattened
from logitconf_export.heads.sources import HeadSource, head_of
from logitconf_export.onnx_files.types import Array

# of what double leaves of an error, beside float32
_DOUBLE_TO_SINGLE = 2.0**-29
# float32 numbers below it are subnormal
_SMALLEST = float(np.finfo(np.float32).smallest_normal)

# of the sum of at most 32 terms in [0, 1]
_CONFIDENCE_STEP = 2e-6

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
        self._exact = _like(self.head, precision="float64", outputs=())
        self._rows = _like(self.head, **_flat(self.head.form), outputs=())

    def decisions(self, logits: Array) -> Decisions:
        """The head's decisions on logits in its own layout."""
        return _decisions(self.head, logits)

    def truth(self, logits: Array) -> Decisions:
        """The decisions of the same head computed in double and rounded once."""
        return _decisions(self._exact, logits)

    def right(
        self, logits: Array, decided: Decisions, sums: Sums = "pinned"
    ) -> dict[str, RightValues]:
        """Which values of what else the head gives are right.

        Args:
            logits: in the head's own layout.
            decided: the head's own decisions on them, from :meth:`decisions`.
            sums: how the runtime adds up that is judged.
        """
        right = {}
        for name, value in decided.further.items():
            if name == "confidence":
                right[name] = self._right_confidence(logits, decided, value, sums)
            else:
                right[name] = _RIGHT[name](self.head, logits, value, sums)
        return right

    def _right_confidence(
        self, logits: Array, decided: Decisions, value: Array, sums: Sums
    ) -> RightValues:
        """What the map makes of each score that lies within the band of the right one."""
        knots = self.head.card.confidence
        if knots is None:
            raise LogitconfError("a head with a confidence must have a card with its map")
        finite = np.isfinite(decided.score)
        scores = np.where(finite, decided.score, 0.0).astype(np.float64)
        columns = flattened(logits, self.head.form).shape[1]
        band = self.allowed(scores, columns, self.sizes(logits), sums) + _SMALLEST
        low = exact_confidence(scores + band, knots) - _CONFIDENCE_STEP
        high = exact_confidence(scores - band, knots) + _CONFIDENCE_STEP
        ends = (np.where(finite, end, 0.0).reshape(value.shape) for end in (low, high))
        return RightValues(value, *ends)

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
        values = np.asarray(rows, dtype=np.float32)
        if self.head.calibration:
            values = logits_of(values, self._rows.layout, cast(InputKind, form.kind))
            values = mapped(values, self.head.calibration, 1)
        values = canonical(values, self._rows.layout)
        return np.asarray(value_at_largest(values, threshold, Form(n_classes=rows.shape[1])))

    def sizes(self, logits: Array) -> Array | None:
        """Each row's largest finite abs logit, (N,), for :meth:`allowed`.

        Where each label is judged, that of each label behind a calibration map, else None.
        """
        head, per_label = self.head, self.head.card.per_label
        if per_label and not head.calibration:
            return None
        rows = np.asarray(logits if per_label else flattened(logits, head.form), dtype=np.float64)
        if head.calibration:
            rows = logits_of(rows, head.layout, cast(InputKind, head.form.kind))
        elif head.form.kind == "probabilities":
            with np.errstate(all="ignore"):
                rows = np.log(rows)
        finite: Array = np.where(np.isfinite(rows), np.abs(rows), 0.0)
        return finite.reshape(-1) if per_label else finite.max(axis=1, initial=0.0)

    def allowed(
        self,
        values: Array,
        n_classes: int | None = None,
        sizes: Array | None = None,
        sums: Sums = "pinned",
    ) -> Array:
        """The rounding band at each finite score: the largest difference that it explains.

        Args:
            values: scores or thresholds.
            n_classes: columns of the rows, where the head leaves them free.
            sizes: of the rows, from :meth:`sizes`.
            sums: how the runtime adds up that is judged.
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
            sums=sums,
            mapping=_map_rounding(head),
        )
        bands: Array = rounding.bands(values, sizes)
        return bands


def _map_rounding(head: Head) -> MapRounding | None:
    """How the head's calibration map rounds, None without one."""
    made = head.card.calibration_map
    return None if made is None else made.rounding


def _shifts(head: Head, logits: Array) -> Array:
    """How far two runtimes' mapped logits differ, with an axis of one for the classes; 0 or ()."""
    mapping, form = _map_rounding(head), head.form
    if mapping is None:
        return np.zeros(())
    values = np.asarray(logits).astype(np.float64)
    sizes: Array = np.abs(logits_of(values, head.layout, cast(InputKind, form.kind)))
    sizes = np.where(np.isfinite(sizes), sizes, 0.0)
    if form.class_axis < sizes.ndim:
        sizes = sizes.max(axis=form.class_axis, keepdims=True)
    return mapping.shift(sizes) * (1.0 if form.precision == "float32" else _DOUBLE_TO_SINGLE)


def _flat(form: HeadForm) -> dict[str, Any]:
    """What lays the rows of a form out one after the other."""
    if form.members is not None and form.class_axis == form.input_rank:
        return {"rank": 2, "class_axis": 2}
    return {"rank": 1 if form.input_rank == 1 else None, "class_axis": 1}


def _like(head: Head, **changes: Any) -> Head:
    """A head with the same numbers, written another way."""
    return head.with_form(replace(head.form, **changes))


def _decisions(head: Head, logits: Array) -> Decisions:
    if torch is None:
        outputs = head(np.ascontiguousarray(logits))
    else:
        numbers = {name: torch.tensor(value) for name, value in head.buffers.items()}
        temperature, threshold = numbers.pop("temperature"), numbers.pop("threshold")
        with torch.no_grad():
            tensors = decide(
                _tensor(logits), temperature, threshold, head.card, head.form, calibration=numbers
            )
        outputs = tuple(to_numpy(tensor) for tensor in tensors)
    score, mask, *others = outputs
    return Decisions.of(score, mask, dict(zip(head.form.outputs[2:], others, strict=True)))


def _right_probabilities(head: Head, logits: Array, value: Array, sums: Sums) -> RightValues:
    wide = value.astype(np.float64)
    wide[~np.isfinite(wide)] = np.nan
    # odds move by a factor within exp(±2ε), so that p (1 − p) <= 1/4 of that is the most
    exponent = np.minimum(2.0 * _shifts(head, logits) / float(head.temperature), 2.0)
    off = _off_by_rounding(head, sums) + np.minimum(np.expm1(exponent) / 4.0, 1.0)
    return RightValues(value, wide - off, wide + off)


def _right_label(head: Head, logits: Array, value: Array, sums: Sums) -> RightValues:
    """One model's logits are compared as they are; mapped logits, and members' means, round.

    Some runtimes take subnormal numbers for zero, so that what lies closer may go either way.
    """
    # whether the values that are compared are there, and not computed first
    single = head.form.members is None and not head.calibration
    off: Any
    if single:
        even = EVEN[cast(InputKind, head.form.kind)]
        given, off = np.asarray(logits).astype(np.float64), _SMALLEST
    elif head.calibration:
        wide = np.asarray(logits).astype(np.float64)
        wide = logits_of(wide, head.layout, cast(InputKind, head.form.kind))
        given, even = mapped(wide, head.calibration, head.form.class_axis), 0.0
        off = np.maximum(2.0 * _shifts(head, logits), _SMALLEST)
    else:
        form = replace(head.form, outputs=("probabilities",), precision="float64")
        given = head.with_form(form)(np.asarray(logits))[2].astype(np.float64)
        even, off = 0.5, 2.0 * _off_by_rounding(head, sums)
    if head.layout.family == "categorical":
        classes = np.moveaxis(given, head.form.class_axis, -1)
        if np.ndim(off):
            off = np.moveaxis(off, head.form.class_axis, -1)
        largest = classes.max(axis=-1, keepdims=True)
        with np.errstate(invalid="ignore"):
            gaps = largest - classes
        # a tie of one model's logits is one everywhere, but of subnormal ones
        may_tie = gaps <= off
        near = (may_tie & (gaps > 0.0)).any(axis=-1) if single else may_tie.sum(axis=-1) > 1
        near |= (np.abs(largest[..., 0]) < _SMALLEST) & (largest[..., 0] != 0.0)
    else:
        gaps = np.abs(given - even)
        near = (gaps <= off) & ((gaps > 0.0) | (not single))
    wide = value.astype(np.float64)
    wide = np.where(near.reshape(wide.shape) & (value >= 0), np.nan, wide)
    return RightValues(value, wide, wide)


def _off_by_rounding(head: Head, sums: Sums) -> float:
    """How far two runtimes' probabilities may differ: as softmax scores near −1."""
    columns = head.form.n_classes if head.layout.family == "categorical" else 1
    scored = ("softmax", columns, head.form.precision, float(head.temperature))
    rounding = Rounding(*scored, members=head.form.members or 1, kind=head.form.kind, sums=sums)
    return float(rounding.bands(1.0))


_RIGHT: Mapping[str, Callable[[Head, Array, Array, Sums], RightValues]] = {
    "label": _right_label,
    "probabilities": _right_probabilities,
}


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
    if left.buffers.keys() != right.buffers.keys():
        parts = [sorted(head.buffers) for head in (left, right)]
        differences.append(f"its numbers are {parts[1]} where {parts[0]} were expected")
    for name in left.buffers.keys() & right.buffers.keys():
        ours, theirs = left.buffers[name], right.buffers[name]
        if not np.array_equal(ours, theirs):
            differences.append(f"{name} is {theirs.tolist()} where {ours.tolist()} was expected")
    return tuple(differences)
