"""Which class or labels a head decides for, without ArgMax or TopK.

ArgMax of a row of −inf is out of range on CUDA (onnxruntime 1.31), of a NaN row in two runtimes;
TopK stops some runtimes at an empty batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from logitconf.arrays import Array, as_type, counted, looked_up, namespace
from logitconf.card.modes import LabelMap
from logitconf.tasks import InputKind, Layout

NO_LABEL = -1
"""Stands wherever there is no finite score."""

EVEN = {"logits": 0.0, "probabilities": 0.5, "log-probabilities": math.log(0.5)}
"""By what they are: where a label is as likely as not."""


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """Which label stands for each class, and where.

    Attributes:
        labels: by class.
        accepted: bool, in the shape of the scores: whether the row is.
    """

    labels: LabelMap
    accepted: Array


def labels(
    values: Array,
    has_score: Array,
    layout: Layout,
    kind: InputKind,
    mapped: Mapped | None = None,
) -> Array:
    """The class of each row, the first of those that tie; or 0 or 1 for each label, int64.

    Args:
        values: one model's logits, or what else is larger where z is: nothing is rounded, so that
            runtimes differ in no row.
        has_score: bool, in the shape of the scores.
        layout: of the values, without members.
        kind: what they are.
        mapped: labels that stand for the classes; None where they are their own.

    Returns:
        In the shape of the scores; for several labels in that of the values. −1 where a row, or a
        label that is judged by itself, has no finite score.
    """
    xp = namespace(values)
    if layout.family == "categorical":
        n_classes = int(layout.n_classes or 0)
        chosen = first_largest(values, layout.class_axis, n_classes)
        if mapped is None:
            table, last = [*range(n_classes)], float(n_classes)
        else:
            table, last = [*mapped.labels.rejected, *mapped.labels.accepted], 2.0 * n_classes
            chosen = chosen + as_type(mapped.accepted, xp.float32) * float(n_classes)
        return looked_up([*table, NO_LABEL], xp.where(has_score, chosen, last))
    chosen = as_type(values > EVEN[kind], xp.float32)
    if layout.one_logit and values.ndim > layout.class_axis:
        chosen = xp.squeeze(chosen, axis=layout.class_axis)
    elif not layout.one_logit and not layout.per_label:
        # below opset 9 there is no choice between arrays of different shapes
        known = as_type(xp.expand_dims(has_score, axis=layout.class_axis), xp.float32)
        return looked_up([NO_LABEL, 0, 1], (chosen + 1.0) * known)
    return looked_up([0, 1, NO_LABEL], xp.where(has_score, chosen, 2.0))


def first_largest(values: Array, axis: int, n_classes: int) -> Array:
    """The position of the largest value along an axis, the first of several; float32.

    ``n_classes`` where none is equal to the largest, as in a row of NaN.

    >>> import numpy as np
    >>> first_largest(np.array([[1.0, 3.0, 3.0]]), 1, 3).tolist()
    [1.0]
    """
    xp = namespace(values)
    largest = xp.max(values, axis=axis, keepdims=True)
    shape = [1] * values.ndim
    shape[axis] = -1
    positions = xp.reshape(counted(n_classes, values), tuple(shape))
    return xp.min(xp.where(values == largest, positions, float(n_classes)), axis=axis)
