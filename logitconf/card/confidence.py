"""What a card says of how sure a score is: the map to a probability of being right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from logitconf.errors import LogitconfError
from logitconf.notebook.brief import brief
from logitconf.typed_json import check_count, check_number, shown

MOST_KNOTS = 32


@dataclass(frozen=True, slots=True)
class ConfidenceMap:
    """The probability that the label is right by the score: straight lines between knots.

    Before the first knot it is the first value, behind the last the last one.

    Attributes:
        scores: of the knots, ascending; float32 values, at most 32.
        values: the probability at each, never ascending; float32 values in [0, 1].
        rows: how many rows, or decisions on labels, it was fitted on.
        error: expected calibration error on rows that it was not fitted on, in [0, 1]: five fits,
            each on four fifths of the rows; None for too few rows, or where they were only counted.
    """

    scores: tuple[float, ...]
    values: tuple[float, ...]
    rows: int
    error: float | None = None

    __repr__ = brief

    def __post_init__(self) -> None:
        knots = len(self.scores)
        if not 1 <= knots <= MOST_KNOTS or len(self.values) != knots:
            raise LogitconfError(
                f"a confidence must have 1 to {MOST_KNOTS} knots, each with a score and a value, "
                f"got {knots} scores and {len(self.values)} values"
            )
        largest = float(np.finfo(np.float32).max)
        for score, value in zip(self.scores, self.values, strict=True):
            check_number(score, "score of a confidence", -largest, largest)
            check_number(value, "value of a confidence", 0.0, 1.0)
            if float(np.float32(score)) != score or float(np.float32(value)) != value:
                raise LogitconfError(
                    f"the knots of a confidence must be float32 values, got {score!r}: {value!r}"
                )
        if any(b <= a for a, b in zip(self.scores, self.scores[1:], strict=False)):
            raise LogitconfError(
                f"the scores of a confidence must ascend, got {shown(list(self.scores))}"
            )
        if any(b > a for a, b in zip(self.values, self.values[1:], strict=False)):
            raise LogitconfError(
                f"the values of a confidence must not ascend, got {shown(list(self.values))}"
            )
        check_count(self.rows, "rows", least=1)
        if self.error is not None:
            check_number(self.error, "error", 0.0, 1.0)
