"""Labelled logits in `.npz` files."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from logitconf.fitting.class_names import numbered_labels
from logitconf.notebook.brief import brief
from logitconf.tasks import check_logits, check_task
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.stored_arrays import LABELS, named_array, read_arrays, rows_kept


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Logits, as the task shapes them, and their labels.

    Attributes:
        logits: the rows.
        labels: theirs.
        kind: what ``logits`` holds, where it is known or said, as ``LogitScore.fit`` takes it.
        class_names: of the columns, if they are known.
    """

    logits: Array
    labels: Array
    kind: str | None = None
    class_names: tuple[str, ...] | None = None

    __repr__ = brief

    def kept(self, ignored: Sequence[int]) -> Array:
        """(N,) which rows have no label among those that are to be ignored.

        Raises:
            LogitconfError: if none is left, or the labels are not one or several a row.
        """
        return rows_kept(np.asarray(self.labels), ignored, rows=len(self.logits))

    def without(self, ignored: Sequence[int]) -> "LabelledRows":
        """The rows that `kept` keeps, themselves if none is ignored."""
        if not ignored:
            return self
        kept = self.kept(ignored)
        return replace(self, logits=self.logits[kept], labels=self.labels[kept])

    def named(self, names: tuple[str, ...] | None) -> "LabelledRows":
        """The rows with other names of their columns, where any are given."""
        return self if names is None else replace(self, class_names=names)

    def numbered(self, task: str) -> "LabelledRows":
        """The rows with labels that are numbers, whatever names they had.

        Raises:
            LogitconfError: if the names do not fit the columns.
        """
        if self.class_names is None and self.labels.dtype.kind not in "UO":
            return self
        members = self.logits.ndim == 3
        _, layout = check_logits(self.logits, check_task(task), per_member=members)
        labels, names = numbered_labels(self.labels, self.class_names, layout)
        return replace(self, labels=np.asarray(labels), class_names=names)


def rows_from_file(path: Path, kind: str | None = None) -> LabelledRows:
    """The arrays ``logits`` and ``labels`` of a file; ``kind`` is what the user says of them.

    Raises:
        LogitconfError: if either is missing.
    """
    arrays = read_arrays(path)
    logits, labels = (named_array(arrays, name, path) for name in ("logits", LABELS))
    return LabelledRows(logits, labels, kind)
