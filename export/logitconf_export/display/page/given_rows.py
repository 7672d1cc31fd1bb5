"""The rows that a page shows: arrays by name, and the labels as a head's predictions have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.fitting.class_names import Names
from logitconf.fitting.learned_score import predictions_right
from logitconf.head_spec import layout_of
from logitconf.tasks import ArrayLike
from logitconf_export.onnx_files.types import Array, Arrays
from logitconf_export.runtimes.stored_arrays import LABELS, ONE_INPUT, read_arrays

LOGITS, CONFIDENCE = "logits", "confidence"


@dataclass(frozen=True, slots=True, eq=False)
class GivenRows:
    """The user's rows, as a file or a mapping has them.

    Attributes:
        arrays: by name; ``labels`` among them where they are known.
        ignored: labels whose rows are left out.
        names: of the classes or labels, where they are known; labels may be these.
    """

    arrays: Arrays
    ignored: tuple[int, ...] = ()
    names: Names | None = None

    @classmethod
    def of(
        cls,
        data: Mapping[str, ArrayLike] | str | Path,
        ignored: Sequence[int] = (),
        names: Sequence[str] | None = None,
    ) -> GivenRows:
        """The rows in a mapping of arrays, or in an ``.npz`` file.

        Raises:
            LogitconfError: if it is neither.
        """
        known = None if names is None else tuple(str(name) for name in names)
        if isinstance(data, str | Path):
            return cls(read_arrays(data, single=ONE_INPUT[0]), tuple(ignored), known)
        if not isinstance(data, Mapping):
            raise LogitconfError(
                "data must be the path of an .npz file or arrays by name, such as "
                f"{{'logits': ..., 'labels': ...}}, got {type(data).__name__}"
            )
        arrays = {str(name): np.asarray(array) for name, array in data.items()}
        return cls(arrays, tuple(ignored), known)

    @property
    def plain(self) -> bool:
        """Whether the labels are numbers, all of which count."""
        named = self.labels is not None and self.labels.dtype.kind in "UO"
        return not named and not self.ignored

    @property
    def labels(self) -> Array | None:
        """One for each row, position or label; None if they are not known."""
        return self.arrays.get(LABELS)


def logits_for(card: ScoreCard, rows: GivenRows) -> Array:
    """The rows that are logits already; a learned confidence has its own."""
    arrays = rows.arrays
    wanted = (CONFIDENCE, LOGITS) if card.score == "learned" else (LOGITS,)
    wanted = (*wanted, *([ONE_INPUT[0]] if len(arrays) == 1 else []))
    name = next((name for name in wanted if name in arrays), None)
    if name is None:
        raise LogitconfError(f"data must hold '{wanted[0]}'; it holds {sorted(arrays)}")
    return arrays[name]


def names_of(card: ScoreCard) -> Names | None:
    """The names of a card's classes; a label map may give one to several of them."""
    if card.class_names is None or card.label_map is None:
        return card.class_names
    return tuple(card.class_names[label] for label in card.label_map.accepted)


def labels_for(
    card: ScoreCard, form: HeadForm | None, count: int, rows: GivenRows
) -> tuple[Array | None, tuple[str, ...]]:
    """The labels of so many rows, and what to say where they are not used."""
    labels = rows.labels
    if labels is None:
        return None, ()
    if card.score == "learned":
        return _right(form, rows, labels)
    return (labels if form is None else _of_positions(labels, card, form, count)), ()


def _right(
    form: HeadForm | None, rows: GivenRows, labels: Array
) -> tuple[Array | None, tuple[str, ...]]:
    """Whether the model, whose classes lie beside a learned confidence, is right."""
    if CONFIDENCE not in rows.arrays or LOGITS not in rows.arrays:
        return None, (
            "a learned confidence predicts nothing itself, so the labels say nothing of its "
            "errors; give 'confidence', 'logits' and 'labels' to show them",
        )
    right = predictions_right(rows.arrays[LOGITS], labels)
    several = form is not None and (form.n_classes or 1) > 1
    return (right if several or right.ndim < 2 else right.all(axis=1)), ()


def _of_positions(labels: Array, card: ScoreCard, form: HeadForm, count: int) -> Array:
    """Labels as so many rows; those of labels have their axis where the head's is, or last."""
    layout = layout_of(card, form)
    if layout.family == "categorical" or layout.one_logit:
        return labels.reshape(-1)
    wide = form.n_classes or 1
    if labels.ndim < 3 or labels.size != count * wide:
        return labels
    last = labels.shape[-1] == wide and labels.shape[form.class_axis] != wide
    moved = labels if last else np.moveaxis(labels, form.class_axis, -1)
    return moved.reshape(count, -1)
