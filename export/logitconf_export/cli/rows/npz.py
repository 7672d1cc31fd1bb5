"""Labelled logits in `.npz` files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from logitconf.errors import LogitconfError
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.stored_arrays import LABELS, named_array, read_arrays


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Logits, as the task shapes them, and their labels.

    Attributes:
        logits: the rows.
        labels: theirs.
        kind: what ``logits`` holds, where it is known or said, as ``LogitScore.fit`` takes it.
    """

    logits: Array
    labels: Array
    kind: str | None = None

    def kept(self, ignored: Sequence[int]) -> Array:
        """(N,) which rows have no label among those that are to be ignored.

        Raises:
            LogitconfError: if none is left, or the labels are not one or several a row.
        """
        labels = np.asarray(self.labels)
        if len(labels) != len(self.logits):
            raise LogitconfError(
                f"labels must be one for each of {len(self.logits)} rows, got shape {labels.shape}"
            )
        unknown = np.isin(labels, np.asarray(ignored))
        kept = np.asarray(~unknown.reshape(len(labels), -1).any(axis=1))
        if not kept.any():
            raise LogitconfError(
                f"some row must have a label that is not {list(ignored)}, got none"
            )
        return kept

    def without(self, ignored: Sequence[int]) -> "LabelledRows":
        """The rows that `kept` keeps, themselves if none is ignored."""
        if not ignored:
            return self
        kept = self.kept(ignored)
        return LabelledRows(self.logits[kept], self.labels[kept], self.kind)


def rows_from_file(path: Path, kind: str | None = None) -> LabelledRows:
    """The arrays ``logits`` and ``labels`` of a file; ``kind`` is what the user says of them.

    Raises:
        LogitconfError: if either is missing.
    """
    arrays = read_arrays(path)
    logits, labels = (named_array(arrays, name, path) for name in ("logits", LABELS))
    return LabelledRows(logits, labels, kind)
