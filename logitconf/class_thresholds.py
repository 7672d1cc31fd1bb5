"""One threshold for each predicted class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from logitconf.errors import LogitconfError
from logitconf.thresholds import ThresholdChoice

# Below every score, so that a class without a threshold of its own accepts nothing.
NEVER = float(np.finfo(np.float32).min)


def choose_per_class(
    scores: npt.ArrayLike,
    predicted: npt.ArrayLike,
    choose: Callable[..., ThresholdChoice],
    *,
    n_classes: int,
    wrong: npt.ArrayLike | None = None,
) -> ThresholdChoice:
    """One threshold for each predicted class, each by the same policy on that class's rows.

    A class whose rows cannot carry the policy accepts nothing, with a note. A promise with a
    confidence holds for each class by itself; for all K together, ask for 1 - (1 - confidence) / K.

    Args:
        scores: (N,).
        predicted: (N,) integers in [0, n_classes).
        choose: a policy, called as ``choose(scores, wrong=wrong)``.
        n_classes: K >= 1.
        wrong: (N,) booleans.

    Raises:
        LogitconfError: for other shapes, or where no class can carry the policy (its own error).

    >>> from functools import partial
    >>> from logitconf.thresholds import choose_quantile
    >>> half = partial(choose_quantile, q=0.5)
    >>> scores, predicted = np.float32([-3, -2, -1, 0]), np.array([0, 0, 1, 1])
    >>> choose_per_class(scores, predicted, half, n_classes=2).threshold
    (-2.5, -0.5)
    """
    values, classes = np.asarray(scores), np.asarray(predicted)
    flags = None if wrong is None else np.asarray(wrong)
    if classes.shape != values.shape or not np.isin(classes, np.arange(n_classes)).all():
        raise LogitconfError(
            f"predicted must be integers of shape {values.shape} in [0, {n_classes}), got shape "
            f"{classes.shape}"
        )
    choices: list[ThresholdChoice | None] = []
    notes: list[str] = []
    failure: LogitconfError | None = None
    for k in range(n_classes):
        rows = classes == k
        try:
            choice = choose(values[rows], wrong=None if flags is None else flags[rows])
        except LogitconfError as error:
            failure = error
            choices.append(None)
            notes.append(f"class {k} accepts nothing: {error}")
        else:
            choices.append(choice)
            notes.extend(f"class {k}: {note}" for note in choice.notes)
    made = [choice for choice in choices if choice is not None]
    if not made:
        raise failure or LogitconfError(f"n_classes must be at least 1, got {n_classes}")
    return ThresholdChoice(
        threshold=tuple(NEVER if c is None else _single(c) for c in choices),
        policy={"name": "per class", "classes": [None if c is None else _own(c) for c in choices]},
        rows=values.size,
        accepted=sum(choice.accepted for choice in made),
        errors=None if flags is None else sum(choice.errors or 0 for choice in made),
        notes=tuple(notes),
    )


def _own(choice: ThresholdChoice) -> dict[str, Any]:
    """The policy of one class with the counts of its rows."""
    counts = {"rows": choice.rows, "accepted": choice.accepted, "errors": choice.errors}
    return {**choice.policy, **counts}


def _single(choice: ThresholdChoice) -> float:
    if isinstance(choice.threshold, tuple):
        raise LogitconfError("the policy of each class must give one threshold, got several")
    return choice.threshold
