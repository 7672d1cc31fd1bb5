"""What a plan asks of an engine: one map over blocks of rows, and how to answer it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from logitconf.calibration.temperature.likelihood import usable_rows
from logitconf.card.score_card import ScoreCard
from logitconf.distributed.exact_sums import ExactSums
from logitconf.distributed.reading import Piece, Reading, checked_piece, pieces_of, words_of
from logitconf.distributed.score_counts import ScoreCounts
from logitconf.distributed.survey import Survey, fitting_rows, survey_of, terms_at
from logitconf.distributed.total import LikelihoodTotal, Part, ScoresTotal, Total
from logitconf.errors import LogitconfError
from logitconf.fitting.calibrated_rows import scored_block
from logitconf.rows import Rows
from logitconf.tasks import ArrayLike
from logitconf.thresholds.order_statistics import keys_of

Scores: TypeAlias = npt.NDArray[np.float32]
Marks: TypeAlias = npt.NDArray[np.int8] | npt.NDArray[np.int32]

# the low bits of a mark; the class or label that it counts for stands above them
_WRONG, _NOT_JUDGED, _GROUP_SHIFT = 1, 2, 2
_KEY_BITS = np.uint64(32)
# scores that are counted at once
_MANY = 1 << 18
_LIKELIHOOD_TERMS = 4
_LARGEST = np.finfo(np.float32).max


@dataclass(frozen=True, slots=True)
class Request:
    """One pass over the rows.

    Small, picklable, and JSON by :func:`~logitconf.typed_json.json_values`.

    Attributes:
        id: 1 for the first pass.
        reads: ``"logits"``; ``"scores"`` where those that an earlier pass has written are enough.
        wants: what the pass is for, in words.
        writes: whether `scores_of` gives what later passes read.
        reading: how the rows are read.
        points: inverse temperatures, if the likelihood is asked for.
        card: whose scores are counted, if they are.
        by_class: whether each predicted class is counted by itself.
        zones: ascending pairs of codes [from, to), the only ones to be counted; all if empty.
    """

    id: int
    reads: Literal["logits", "scores"]
    wants: str
    writes: bool
    reading: Reading
    points: tuple[float, ...] = ()
    card: ScoreCard | None = None
    by_class: bool = False
    zones: tuple[tuple[int, int], ...] = ()

    def empty(self) -> Total:
        """The total of no rows."""
        return Total(self.id, 0, self._none())

    def total_of(self, logits: ArrayLike, labels: ArrayLike | None) -> Total:
        """The total of a block of rows; raises nothing for rows that are wrong, but says it.

        Args:
            logits: (N, ...) as the task says; of any size: it is read in pieces.
            labels: as the task says; None without.
        """
        rows = int(np.shape(logits)[0]) if np.ndim(logits) else 0
        try:
            if self.card is not None:
                return self.total_of_scores(*self.scores_of(logits, labels))
            shape = self.reading.shape_of(logits, labels)
            part = self._part_of(logits, labels)
            return Total(self.id, rows, part, shapes=(shape,) if rows else ())
        except LogitconfError as error:
            return Total(self.id, rows, self._none(), (str(error),))

    def scores_of(self, logits: ArrayLike, labels: ArrayLike | None) -> tuple[Scores, Marks]:
        """Scores (N,) float32 and marks (N,) of a block of rows, to be kept for later passes.

        A mark is 0 for a right row, 1 for a wrong one, 2 for one that is not judged, as int8; where
        classes are counted one by one, four times the class is added, as int32. Labels that are
        judged one by one have scores and marks (N, L).

        Raises:
            LogitconfError: for rows that an earlier pass must have refused.
        """
        if self.card is None:
            raise LogitconfError("scores are known once T is, got a request before that")
        card = self.card
        parts = [self._scored(card, piece) for piece in pieces_of(logits, labels)]
        if not parts:
            return np.empty(0, np.float32), np.empty(0, np.int8)
        scores, marks = (np.concatenate(each) for each in zip(*parts, strict=True))
        return scores, marks

    def total_of_scores(self, scores: ArrayLike, marks: ArrayLike) -> Total:
        """The total of a block of scores and marks that `scores_of` gave."""
        values, flags = np.asarray(scores), np.asarray(marks)
        step = max(1, _MANY // max(1, int(np.prod(values.shape[1:]))))
        part = self._none()
        for start in range(0, len(values), step):
            block = slice(start, start + step)
            part = part.plus(self._counted(values[block], flags[block]))  # type: ignore[arg-type]
        return Total(self.id, len(values), part)

    def _none(self) -> Part:
        """The answer for no rows."""
        if self.card is not None:
            return ScoresTotal(0, 0, 0, ScoreCounts.none(), ScoreCounts.none())
        if self.points:
            return LikelihoodTotal(0, (0,) * (len(self.points) * _LIKELIHOOD_TERMS))
        return Survey()

    def _part_of(self, logits: ArrayLike, labels: ArrayLike | None) -> Part:
        if self.points:
            return self._likelihood_of(logits, labels)
        return survey_of(self.reading, logits, labels)

    def _likelihood_of(self, logits: ArrayLike, labels: ArrayLike | None) -> LikelihoodTotal:
        sums = ExactSums(len(self.points) * _LIKELIHOOD_TERMS)
        count = 0
        for rows in self._fitted(logits, labels):
            x, y = fitting_rows(rows)
            with np.errstate(all="ignore"):
                usable = np.asarray(usable_rows(x, y, rows.layout.family))
            x, y = x[usable], y[usable]
            if len(x):
                terms = terms_at(x, y, rows.layout.family, list(self.points))
                sums.add(terms.reshape(-1, len(x)))
                count += len(x)
        return LikelihoodTotal(count, sums.totals(), sums.beyond)

    def _fitted(self, logits: ArrayLike, labels: ArrayLike | None) -> Iterator[Rows]:
        """The rows that are fitted on."""
        for piece in pieces_of(logits, labels):
            rows, held = self._judged(piece)
            own = np.flatnonzero(~held) if held is not None else np.arange(piece.rows)
            if own.size:
                yield rows if own.size == len(rows) else rows.at(own)

    def _judged(self, piece: Piece) -> tuple[Rows, npt.NDArray[np.bool_] | None]:
        """The rows of a piece, and which of them are held out; None if no rows are."""
        rows, _, _ = checked_piece(self.reading, piece)
        if rows is None:
            raise LogitconfError("labels must be as in the first pass, got some out of range")
        if self.reading.holdout is None:
            return rows, None
        return rows, self.reading.held(words_of(rows)[0, : piece.rows])

    def _scored(self, card: ScoreCard, piece: Piece) -> tuple[Scores, Marks]:
        rows, held = self._judged(piece)
        if rows.layout.n_classes != card.n_classes:
            raise LogitconfError(
                f"logits must have {card.n_classes} columns, as in the first pass, got "
                f"{rows.layout.n_classes}"
            )
        known = {name: each[: piece.rows] for name, each in scored_block(card, rows).items()}
        scores = known["scores"]
        marks: Marks = np.zeros(scores.shape, np.int32 if self.by_class else np.int8)
        if "wrong" in known:
            marks += known["wrong"]
        if self.by_class:
            marks += known["predicted"].astype(np.int32) << _GROUP_SHIFT
        if held is not None:
            marks[~held] = _NOT_JUDGED
        return scores, marks

    def _counted(self, scores: Scores, marks: Marks) -> ScoresTotal:
        """Counts of not too many scores at once."""
        judged = (marks & _NOT_JUDGED) == 0
        rows = int(judged.sum() if judged.ndim == 1 else judged.all(axis=1).sum())
        groups: npt.NDArray[np.signedinteger] = marks >> _GROUP_SHIFT
        if scores.ndim > 1:
            groups = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
        values, groups, wrong = scores[judged], groups[judged], (marks[judged] & _WRONG) == 1
        # no float32 threshold lies above the largest float
        finite = np.isfinite(values) & (values < _LARGEST)
        starts = groups.astype(np.uint64) << _KEY_BITS
        without = ScoreCounts.of(starts[~finite], wrong[~finite])
        codes, flags = starts[finite] | keys_of(values[finite]), wrong[finite]
        if self.zones:
            ends = np.array(self.zones, dtype=np.uint64)
            places = np.searchsorted(ends[:, 0], codes, side="right")
            inside = (places > 0) & (codes < ends[np.maximum(places, 1) - 1, 1])
            codes, flags = codes[inside], flags[inside]
        not_finite, errors = int((~np.isfinite(values)).sum()), int(wrong.sum())
        return ScoresTotal(rows, not_finite, errors, ScoreCounts.of(codes, flags), without)
