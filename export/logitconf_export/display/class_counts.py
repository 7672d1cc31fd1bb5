"""Accepted and rejected by class: whom the rule turns away, and whose errors it lets through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from logitconf_export.display.judged import JudgedRows


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """What happens to the rows of one class.

    Attributes:
        name: of the class or label.
        rows: how many rows are of it.
        accepted: how many of these are accepted.
        wrong: how many of these are predicted wrong; None without labels.
        let_through: how many of the wrong ones are accepted; None without labels.
    """

    name: str
    rows: int
    accepted: int
    wrong: int | None
    let_through: int | None

    @property
    def rejected(self) -> int:
        """How many are rejected."""
        return self.rows - self.accepted


@dataclass(frozen=True, slots=True)
class ByClass:
    """The rows by class.

    Attributes:
        by: what a row's class is: ``"true class"``, ``"predicted class"`` or ``"label"``.
        classes: those that have rows, in their order.
    """

    by: str
    classes: tuple[ClassCounts, ...]

    @classmethod
    def of(cls, judged: JudgedRows, names: Sequence[str] | None = None) -> ByClass | None:
        """The counts; None where rows have no class, or nothing is accepted or rejected.

        Args:
            judged: the rows.
            names: of the classes or labels, in order; their numbers unless given.
        """
        group = judged.group if judged.truth is None else judged.truth
        if group is None or judged.accepted is None:
            return None
        by = "true class" if judged.truth is not None else "predicted class"
        by = "label" if judged.card.per_label else by
        kinds = [np.ones(len(judged), bool), judged.accepted]
        if judged.wrong is not None:
            kinds += [judged.wrong, judged.wrong & judged.accepted]
        columns = [np.bincount(group[kind], minlength=int(group.max()) + 1) for kind in kinds]
        counts = np.stack(columns, axis=1)
        classes = []
        for place in np.flatnonzero(counts[:, 0]).tolist():
            own = [int(count) for count in counts[place]]
            name = names[place] if names is not None and place < len(names) else str(place)
            classes.append(ClassCounts(name, *own, *[None] * (4 - len(own))))
        return cls(by, tuple(classes))
