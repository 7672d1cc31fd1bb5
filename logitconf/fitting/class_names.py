"""Names of classes at the door: labels that are names become numbers that fit the columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from logitconf.arrays import is_tensor
from logitconf.errors import LogitconfError, closest
from logitconf.tasks import ArrayLike, Layout
from logitconf.wording.lists import first_few

Names = tuple[str, ...]


def numbered_labels(
    labels: ArrayLike | None, names: Sequence[str] | None, layout: Layout
) -> tuple[ArrayLike | None, Names | None]:
    """Labels as numbers, and the names of the classes in the order of the columns.

    Labels of one text each stand for the classes of that name. Without ``names`` the classes are
    the different labels in sorted order, as everywhere in scikit-learn; that is right only if the
    columns of the logits are in that order too.

    Args:
        labels: as the task says, or (N,) names; None if there are none.
        names: one for each column; of one logit two, of no and of yes.
        layout: of the logits.

    Raises:
        LogitconfError: if there are not as many names as columns, or a label is none of them.

    >>> numbered_labels(["dog", "cat", "dog"], None, Layout("multiclass", 2))
    (array([1, 0, 1]), ('cat', 'dog'))
    """
    known = None if names is None else check_names(names, layout)
    if not _are_names(labels):
        return labels, known
    texts = np.asarray(labels)
    if layout.task == "multilabel":
        raise LogitconfError(
            f"multilabel labels must be 0 or 1 for each of {layout.n_classes} labels, got names; "
            "give the names of the columns as class_names"
        )
    texts = texts.reshape(-1) if texts.ndim == 2 and texts.shape[1] == 1 else texts
    plain = [str(text) for text in texts.reshape(-1) if isinstance(text, str)]
    if len(plain) != texts.size:
        odd = next(text for text in texts.reshape(-1) if not isinstance(text, str))
        raise LogitconfError(
            f"labels must be names or numbers, all of one kind, got {odd!r} among names; leave out "
            "the rows without a label"
        )
    if known is None:
        known = _sorted_names(plain, layout)
    place = {name: number for number, name in enumerate(known)}
    unknown = [(row, text) for row, text in enumerate(plain) if text not in place]
    if unknown:
        row, text = unknown[0]
        meant = closest(text, known)
        hint = "" if meant is None else f"; did you mean {meant!r}?"
        raise LogitconfError(
            f"labels must be names of classes ({first_few([*map(repr, known)], 5)}), got {text!r} "
            f"in row {row}{hint}"
        )
    return np.array([place[text] for text in plain], dtype=np.int64).reshape(texts.shape), known


def check_names(names: Sequence[str], layout: Layout) -> Names:
    """The names of the classes, if there is a different one for each column.

    Raises:
        LogitconfError: if not.
    """
    if isinstance(names, str):
        raise LogitconfError(
            f"class_names (--names) must be a sequence of names, got the text {names!r}"
        )
    known = tuple(str(name) for name in names if isinstance(name, str))
    if len(known) != len(names) or len(set(known)) != len(known):
        given = first_few([*map(repr, names)], 5)
        raise LogitconfError(f"class_names (--names) must be different texts, got {given}")
    wanted = _count(layout)
    if wanted is not None and len(known) != wanted:
        given = first_few([*map(repr, known)], 5)
        raise LogitconfError(
            f"class_names (--names) must name each of {wanted} {_what(layout)} in their order, "
            f"got {len(known)}: {given}"
        )
    return known


def _are_names(labels: Any) -> bool:
    """Whether labels are texts, in whatever holds them."""
    if labels is None or is_tensor(labels) or isinstance(labels, (str, bytes, dict, set)):
        return False
    try:
        values = np.asarray(labels)
    except (TypeError, ValueError):
        return False
    if values.dtype.kind == "O":
        return any(isinstance(value, str) for value in values.reshape(-1))
    return values.dtype.kind in "UT"


def _sorted_names(texts: list[str], layout: Layout) -> Names:
    known = tuple(sorted(set(texts)))
    # as texts, 10 sorts before 2
    if all(text.strip().lstrip("+-").replace(".", "", 1).isdigit() for text in known):
        raise LogitconfError(
            f"labels must be numbers or names of classes, got numbers written as text such as "
            f"{known[0]!r}; convert them with .astype(float)"
        )
    wanted = _count(layout)
    if len(known) != wanted:
        raise LogitconfError(
            f"labels must name {wanted} classes, as many as there are {_what(layout)}, got "
            f"{len(known)} ({first_few([*map(repr, known)], 5)}); give class_names in the order of "
            "the columns"
        )
    return known


def _count(layout: Layout) -> int | None:
    """How many names there must be: of one logit two, no and yes."""
    return 2 if layout.one_logit else layout.n_classes


def _what(layout: Layout) -> str:
    return "sides of one logit, no and yes," if layout.one_logit else "columns"
