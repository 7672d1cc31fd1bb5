"""Whether a score ranks errors behind right rows."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from logitconf.metrics.selective import area_under_roc

_FEWEST_TO_SEPARATE, _MOST_TO_SEPARATE = 10, 1 << 18
# the 95 % quantile of the normal distribution
_ONE_SIDED = 1.645


class Judged(Protocol):
    """Rows with their scores, and which of them are wrong, if that is known."""

    @property
    def scores(self) -> npt.NDArray[Any]:
        """Of any shape; those that are not finite do not count."""

    @property
    def wrong(self) -> npt.NDArray[np.bool_] | None:
        """Of that shape; None without labels."""


def separation_notes(rows: Judged | None) -> tuple[str, ...]:
    """What to tell a user whose score does not rank errors behind right rows; empty if it does.

    It does if its AUROC exceeds 1/2 by more than chance explains in 19 of 20 cases. Fewer than ten
    rows of a kind show nothing.

    Source: Mann & Whitney 1947, the variance of the statistic where there is no difference.
    """
    if rows is None or rows.wrong is None:
        return ()
    scores, wrong = rows.scores.reshape(-1), rows.wrong.reshape(-1)
    # as many as show any difference that matters
    step = -(-scores.size // _MOST_TO_SEPARATE) or 1
    scores, wrong = scores[::step], wrong[::step]
    finite = np.isfinite(scores)
    right, errors = scores[finite & ~wrong], scores[finite & wrong]
    if min(right.size, errors.size) < _FEWEST_TO_SEPARATE:
        return ()
    return separation_of(area_under_roc(right, errors), right.size, errors.size)


def separation_of(area: float, right: int, errors: int) -> tuple[str, ...]:
    """`separation_notes` where the AUROC is known, of so many right rows and errors."""
    if min(right, errors) < _FEWEST_TO_SEPARATE:
        return ()
    spread = math.sqrt((right + errors + 1) / (12.0 * right * errors))
    if area > 0.5 + _ONE_SIDED * spread:
        return ()
    return (
        f"the score does not tell wrong rows from right ones (AUROC {area:.3f} on {errors} "
        f"errors of {right + errors} rows), so accepted rows are no better than all; "
        "compare the scores, or check the labels",
    )
