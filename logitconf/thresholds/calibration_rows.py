"""What a fitted score keeps of its rows for thresholds, in memory only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from logitconf.notebook.brief import brief

if TYPE_CHECKING:
    from logitconf.blocks.identity import Keys
    from logitconf.card.confidence import ConfidenceMap

FloatArray: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CalibrationRows:
    """Scores of rows, and what policies need besides.

    Attributes:
        scores: (N,) float32; (N, L) where each label is judged by itself.
        wrong: of the same shape, whether the prediction is an error; None without labels.
        predicted: (N,) the predicted class; None for labels and one logit.
        n_classes: number of classes, or of labels.
        keys: (N,) what tells the rows apart; None without labels.
        fitted_keys: the same of the rows that were fitted on; None if they are not known.
        confidence: the probability of being right by the score; None without labels.
        outliers: (M,) or (M, L), scores of out-of-distribution rows; None unless they are given.
    """

    scores: FloatArray
    wrong: npt.NDArray[np.bool_] | None = None
    predicted: npt.NDArray[np.integer[Any]] | None = None
    n_classes: int = 1
    keys: Keys | None = None
    fitted_keys: Keys | None = None
    outliers: FloatArray | None = None
    confidence: ConfidenceMap | None = None

    __repr__ = brief

    def fitted_rows(self) -> int | None:
        """How many of these rows were fitted on too; None if that is not known."""
        if self.keys is None or self.fitted_keys is None:
            return None
        # not at the door, since policies load without what rows need
        from logitconf.blocks.identity import shared_rows

        return shared_rows(self.fitted_keys, self.keys)

    def by_class(self) -> Iterator[CalibrationRows]:
        """The rows that are predicted as each class."""
        for k in range(self.n_classes):
            own = np.flatnonzero(self.predicted == k)
            wrong = None if self.wrong is None else self.wrong[own]
            yield replace(self, scores=self.scores[own], wrong=wrong)

    def by_label(self) -> Iterator[CalibrationRows]:
        """All rows, with the scores and errors of each label (N,)."""
        for k in range(self.scores.shape[1]):
            yield replace(
                self,
                scores=self.scores[:, k],
                wrong=None if self.wrong is None else self.wrong[:, k],
                outliers=None if self.outliers is None else self.outliers[:, k],
            )
