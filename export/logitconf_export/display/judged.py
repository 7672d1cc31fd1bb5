"""Rows as a card judges them: score, decision and truth of each, just as ``select`` has them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from logitconf.arrays import to_numpy
from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.fitting.calibrated_rows import calibrated_probabilities, rows_mapped, rows_right
from logitconf.fitting.fit import rows_of
from logitconf.fitting.score_classes import from_card
from logitconf.head_spec import threshold_of
from logitconf.notebook.brief import brief
from logitconf.rows import Rows
from logitconf.scores.reductions import Form
from logitconf.scores.table import SCORES
from logitconf.tasks import ArrayLike
from logitconf_export.onnx_files.types import Array

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """How sure the model was of what it predicted, and whether it was right.

    Attributes:
        before: (R,) in [0, 1], the probability of what the model predicts, as it comes.
        right_before: (R,) whether that is right.
        after: (R,) the same, calibrated as the card says.
        right: (R,) whether what is then predicted is right; a calibration map may change it.
        left_out: predictions without a probability, which are not among the R.
    """

    before: Floats
    right_before: Flags
    after: Floats
    right: Flags
    left_out: int

    __repr__ = brief


@dataclass(frozen=True, slots=True, eq=False)
class JudgedRows:
    """One entry for each decision: a row, a position, or a label of a row that is judged by itself.

    Attributes:
        card: that judges.
        score: (M,) float32; not finite where there is none.
        limit: (M,) float32, the threshold that each is compared with; None if the card has none.
        accepted: (M,), None without a threshold.
        wrong: (M,) whether the prediction is; None without labels.
        group: (M,) the predicted class, or the label that is judged; None where there is none.
        truth: (M,) the true class; None without labels, or where labels are judged.
        calibration: None without labels.
        noun: what one of them is called, such as ``"row"``.
    """

    card: ScoreCard
    score: npt.NDArray[np.float32]
    limit: npt.NDArray[np.float32] | None
    accepted: Flags | None
    wrong: Flags | None
    group: npt.NDArray[np.int64] | None
    truth: npt.NDArray[np.int64] | None
    calibration: Calibration | None
    noun: str = "row"

    __repr__ = brief

    def __len__(self) -> int:
        return len(self.score)

    @property
    def eligible(self) -> Flags:
        """(M,) what some threshold accepts: a finite score above its floor."""
        floor = SCORES[self.card.score].floor
        finite: Flags = np.isfinite(self.score)
        return finite if floor is None else finite & (self.score > floor)

    @property
    def n_accepted(self) -> int:
        """How many are accepted."""
        return 0 if self.accepted is None else int(self.accepted.sum())

    @property
    def n_wrong(self) -> int:
        """How many are wrong, accepted or not."""
        return 0 if self.wrong is None else int(self.wrong.sum())

    @property
    def n_let_through(self) -> int:
        """How many are accepted and wrong."""
        if self.accepted is None or self.wrong is None:
            return 0
        return int((self.accepted & self.wrong).sum())


def judge(
    card: ScoreCard,
    logits: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    kind: str = "logits",
    noun: str | None = None,
) -> JudgedRows:
    """The rows as the card judges them.

    Args:
        card: with a threshold or without.
        logits: (N, ...) as its task says.
        labels: as its task says; for a learned confidence, whether each prediction was right.
        kind: what the logits hold.
        noun: what a decision is called; row, or label where each is judged by itself.

    Raises:
        LogitconfError: if logits or labels do not fit the card, or there are none.
    """
    score = from_card(card)
    rows = rows_of(card, logits, labels, kind=kind)
    plain, rows = rows, rows_mapped(card, rows)
    if not len(rows):
        raise LogitconfError(f"there must be at least one row to show, got {rows.shape}")
    if card.threshold is None:
        values, accepted, limit = to_numpy(score.score(logits, kind=kind)), None, None
    else:
        selected = score.select(logits, kind=kind)
        values, accepted = (to_numpy(selected[name]) for name in ("score", "selected"))
        limit = _limits(card, rows, values.shape)
    wrong = None if labels is None else ~rows_right(card.score, rows, card.temperature)
    return JudgedRows(
        card=card,
        score=values.astype(np.float32).reshape(-1),
        limit=limit,
        accepted=None if accepted is None else accepted.reshape(-1),
        wrong=None if wrong is None else wrong.reshape(-1),
        group=_groups(card, rows),
        truth=_truth(card, rows),
        calibration=None if labels is None else _calibration(card, plain, rows),
        noun=noun or ("label" if card.per_label else "row"),
    )


def as_rows(values: Array, form: HeadForm) -> Array:
    """What a head reads, of any rank, as rows: (N, K), or (N, K, M) of members.

    >>> as_rows(np.zeros((2, 21, 4, 4)), HeadForm(21, 4, 1)).shape
    (32, 21)
    """
    if form.members is not None:
        single = replace(form, members=None, rank=form.input_rank - 1)
        return np.stack(
            [as_rows(values[..., member], single) for member in range(form.members)], axis=-1
        )
    if form.n_classes == 1 and form.class_axis >= values.ndim:
        return values.reshape(-1, 1)
    moved = np.moveaxis(values, form.class_axis, -1)
    return np.ascontiguousarray(moved.reshape(-1, moved.shape[-1]))


def _limits(card: ScoreCard, rows: Rows, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """What each score is compared with, as ``select`` does."""
    threshold = np.asarray(card.threshold, np.float32)
    form = Form(n_classes=rows.layout.n_classes)
    limit: Array = to_numpy(threshold_of(threshold, to_numpy(rows.values), rows.layout, form))
    return np.broadcast_to(limit, shape).reshape(-1).astype(np.float32)


def _probabilities(rows: Rows, temperature: float) -> Array:
    with np.errstate(invalid="ignore"):
        return np.asarray(to_numpy(calibrated_probabilities(rows, temperature)))


def _groups(card: ScoreCard, rows: Rows) -> npt.NDArray[np.int64] | None:
    """The predicted class of each row, or the label of each decision."""
    layout = rows.layout
    if layout.per_label:
        return np.tile(np.arange(layout.n_classes or 1), len(rows))
    if SCORES[card.score].learned or layout.task == "multilabel":
        return None
    if rows.predicted is not None:
        return rows.predicted
    mean = _probabilities(rows, card.temperature).reshape(len(rows), -1)
    largest = mean.argmax(axis=1) if mean.shape[1] > 1 else mean[:, 0] > 0.5
    return np.asarray(largest, np.int64)


def _truth(card: ScoreCard, rows: Rows) -> npt.NDArray[np.int64] | None:
    if rows.labels is None or SCORES[card.score].learned or rows.layout.task == "multilabel":
        return None
    labels = to_numpy(rows.labels).reshape(-1)
    return np.asarray(labels > 0.5 if labels.dtype.kind == "f" else labels, np.int64)


def _calibration(card: ScoreCard, plain: Rows, mapped: Rows) -> Calibration:
    """Each prediction's probability: of the class, or of each label by itself."""
    before, right_before = _sureness(card, plain, 1.0)
    after, right = _sureness(card, mapped, card.temperature)
    has_one = np.isfinite(before) & np.isfinite(after)
    return Calibration(
        before=before[has_one],
        right_before=right_before[has_one],
        after=after[has_one],
        right=right[has_one],
        left_out=int(has_one.size - has_one.sum()),
    )


def _sureness(card: ScoreCard, rows: Rows, temperature: float) -> tuple[Floats, Flags]:
    """The probability of what is predicted, and whether that is right."""
    labels = to_numpy(rows.labels)

    def of_block(block: Rows) -> tuple[Array]:
        own = _probabilities(block, temperature)
        return (own.max(axis=1) if surest else own,)

    learned = SCORES[card.score].learned
    surest = rows.layout.family == "categorical" and not learned
    (shares,) = rows.collected(of_block, "Measuring")
    if learned:
        # a learned confidence is the probability that the model's own prediction is right
        right = np.asarray(labels > 0.5)
    elif rows.layout.family == "categorical":
        right = rows_right(card.score, rows, temperature)
    else:
        right = (shares > 0.5) == (np.asarray(labels) > 0.5).reshape(shares.shape)
        shares = np.maximum(shares, 1.0 - shares)
    return shares.reshape(-1).astype(np.float64), right.reshape(-1)
