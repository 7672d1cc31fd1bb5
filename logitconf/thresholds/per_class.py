"""One threshold for each predicted class, or for each label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from logitconf.errors import LogitconfError
from logitconf.thresholds.policies import ThresholdChoice

Choose: TypeAlias = Callable[..., ThresholdChoice]
PARTS = {"per class": ("classes", "class"), "per label": ("labels", "label")}
"""By the name of a policy: where it keeps its parts, and what one of them is called."""
# Below every score, so that a class without a threshold of its own accepts nothing.
NEVER = float(np.finfo(np.float32).min)


def choose_per_class(
    scores: npt.ArrayLike,
    predicted: npt.ArrayLike,
    choose: Choose,
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
    >>> from logitconf.thresholds.policies import choose_quantile
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
    of_class = [np.flatnonzero(classes == k) for k in range(n_classes)]
    parts = ((values[rows], None if flags is None else flags[rows]) for rows in of_class)
    return _joined("per class", parts, [choose] * n_classes, rows=len(values))


def choose_per_label(
    scores: npt.ArrayLike, choose: Sequence[Choose], *, wrong: npt.ArrayLike | None = None
) -> ThresholdChoice:
    """One threshold for each label, each by a policy on that label's scores of all rows.

    What is accepted or not is a decision: one label of one row. A promise of risk is about the
    accepted decisions of each label by itself, since those of one row are not independent: among
    them at most the promised share is wrong. For all L labels together, ask for
    1 - (1 - confidence) / L. A label whose scores cannot carry the policy accepts nothing, with a
    note.

    Args:
        scores: (N, L).
        choose: L policies, each called as ``choose(scores, wrong=wrong)`` with (N,) of each.
        wrong: (N, L) booleans.

    Returns:
        The choice; it counts N rows, and decisions where it counts what is accepted.

    Raises:
        LogitconfError: for other shapes, or where no label can carry its policy (its own error).

    >>> from functools import partial
    >>> from logitconf.thresholds.policies import choose_quantile
    >>> half = partial(choose_quantile, q=0.5)
    >>> choice = choose_per_label(np.float32([[-3, -1], [-2, 0]]), [half, half])
    >>> choice.threshold, choice.accepted
    ((-2.5, -0.5), 2)
    """
    values = np.asarray(scores)
    flags = None if wrong is None else np.asarray(wrong)
    shapes = [values.shape] if flags is None else [values.shape, flags.shape]
    if any(len(shape) != 2 or shape != (len(values), len(choose)) for shape in shapes):
        raise LogitconfError(
            f"scores and wrong must be (N, L) beside {len(choose)} policies, got shapes {shapes}"
        )
    parts = (
        (values[:, label], None if flags is None else flags[:, label])
        for label in range(len(choose))
    )
    return _joined("per label", parts, choose, rows=len(values))


def _joined(
    policy: str,
    parts: Iterable[tuple[npt.NDArray[Any], npt.NDArray[Any] | None]],
    choose: Sequence[Choose],
    *,
    rows: int,
) -> ThresholdChoice:
    """The choices of all parts, given the scores and errors of each, as one."""
    key, word = PARTS[policy]
    choices: list[ThresholdChoice | None] = []
    notes: list[str] = []
    failure: LogitconfError | None = None
    for k, (own, (scores, wrong)) in enumerate(zip(choose, parts, strict=True)):
        try:
            choice = own(scores, wrong=wrong)
        except LogitconfError as error:
            failure = error
            choices.append(None)
            notes.append(f"{word} {k} accepts nothing: {error}")
        else:
            choices.append(choice)
            notes.extend(f"{word} {k}: {note}" for note in choice.notes)
    made = [choice for choice in choices if choice is not None]
    if not made:
        raise failure or LogitconfError(f"there must be at least one {word}, got none")
    errors = [choice.errors for choice in made if choice.errors is not None]
    return ThresholdChoice(
        threshold=tuple(NEVER if c is None else _single(c) for c in choices),
        policy={"name": policy, key: [None if c is None else _own(c) for c in choices]},
        rows=rows,
        accepted=sum(choice.accepted for choice in made),
        errors=sum(errors) if len(errors) == len(made) else None,
        notes=tuple(notes),
    )


def _own(choice: ThresholdChoice) -> dict[str, Any]:
    """The policy of one part with the counts of its rows."""
    counts = {"rows": choice.rows, "accepted": choice.accepted, "errors": choice.errors}
    return {**choice.policy, **counts}


def _single(choice: ThresholdChoice) -> float:
    if isinstance(choice.threshold, tuple):
        raise LogitconfError("the policy of each part must give one threshold, got several")
    return choice.threshold
