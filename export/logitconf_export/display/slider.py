"""What the slider of a page counts: at each of many thresholds, what ``select`` would accept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from logitconf.card.score_card import ScoreCard
from logitconf.notebook.brief import brief
from logitconf.thresholds.per_class import NEVER
from logitconf_export.display.judged import JudgedRows

MOST_POSITIONS = 1000
"""Of a slider; each is a threshold that there is, none is rounded."""
_MOST_COMPARISONS = 200_000_000

Singles = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SliderCounts:
    """Counts at ascending positions, exactly those of ``select``.

    Attributes:
        values: (P,) the threshold at each; where there is one for each class or label, what is
            added to all of them, each sum rounded to float32.
        accepted: (P,) how many scores lie below.
        errors: (P,) how many of those are wrong; None without labels.
        shipped: the position of the card's own threshold; None without one.
        modes: names of the card's further thresholds, and their positions; none where it has one
            for each class or label.
        moves_all: whether the positions move several thresholds together.
        rows: how many rows there are.
        wrong: how many of them are wrong; None without labels.
        noun: what a row is called.
    """

    values: Singles
    accepted: Counts
    errors: Counts | None
    shipped: int | None
    modes: tuple[tuple[str, int], ...]
    moves_all: bool
    rows: int
    wrong: int | None
    noun: str

    __repr__ = brief

    @classmethod
    def of(cls, judged: JudgedRows, positions: int = MOST_POSITIONS) -> SliderCounts | None:
        """The counts of rows; None where no threshold accepts any.

        Args:
            judged: the rows.
            positions: at most so many, evenly spread over the rows, besides the card's own.
        """
        eligible = judged.eligible
        if not eligible.any():
            return None
        card, scores = judged.card, judged.score[eligible]
        wrong = None if judged.wrong is None else judged.wrong[eligible]
        own = None if card.threshold is None else np.asarray(card.threshold, np.float32)
        moves_all, modes = own is not None and own.ndim > 0, _modes(card)
        if not moves_all or judged.limit is None:
            values = _spread(np.sort(scores), positions)
            marked = [*([] if own is None else [own]), *modes.values()]
            values = np.union1d(values, np.array(marked, np.float32)) if marked else values
            counts = _below(scores, values, wrong)
        else:
            own, limits = np.zeros((), np.float32), judged.limit[eligible]
            modes = {}
            # one that accepts nothing stays as it is
            open_ = limits != np.float32(NEVER)
            scores, limits = scores[open_], limits[open_]
            wrong = wrong if wrong is None else wrong[open_]
            most = max(20, min(positions, _MOST_COMPARISONS // max(1, scores.size)))
            values = np.union1d(_spread(np.sort(scores - limits), most), own)
            if scores.size:
                # the sums are rounded, so the last must lie above by more than that
                room = 2.0 * np.spacing(np.maximum(np.abs(scores), np.abs(limits)).max())
                values[-1] = np.maximum(values[-1], (scores - limits).max() + room)
            counts = _below_moved(scores, limits, values, wrong)
        shipped = None if own is None else int(np.searchsorted(values, own))
        return cls(
            values=values,
            accepted=counts[0],
            errors=None if wrong is None else counts[1],
            shipped=shipped,
            modes=tuple((name, int(np.searchsorted(values, at))) for name, at in modes.items()),
            moves_all=moves_all,
            rows=len(judged),
            wrong=None if judged.wrong is None else judged.n_wrong,
            noun=judged.noun,
        )


def _modes(card: ScoreCard) -> dict[str, np.float32]:
    """The one threshold of each mode; none where there is one for each class or label."""
    if card.modes is None:
        return {}
    pairs = zip(card.modes.names, card.modes.thresholds, strict=True)
    return {name: np.float32(at) for name, at in pairs if not isinstance(at, tuple)}


def _spread(ordered: Singles, most: int) -> Singles:
    """Values that occur, evenly spread over the rows, and one just above the last."""
    if not ordered.size:
        return ordered
    values = np.unique(ordered)
    if values.size >= most:
        ranks = np.linspace(0, ordered.size - 1, most - 1).astype(np.int64)
        values = np.unique(ordered[ranks])
    return np.append(values, np.nextafter(values[-1], np.float32(np.inf)))


def _below(scores: Singles, values: Singles, wrong: npt.NDArray[np.bool_] | None) -> list[Counts]:
    """How many scores lie strictly below each value, and how many wrong ones."""
    kinds = [scores] if wrong is None else [scores, scores[wrong]]
    return [np.searchsorted(np.sort(kind), values, side="left") for kind in kinds]


def _below_moved(
    scores: Singles, limits: Singles, values: Singles, wrong: npt.NDArray[np.bool_] | None
) -> list[Counts]:
    accepted, errors = np.zeros((2, values.size), np.int64)
    for place, moved in enumerate(values):
        below = scores < limits + moved
        accepted[place] = below.sum()
        errors[place] = 0 if wrong is None else (below & wrong).sum()
    return [accepted, errors]
