"""A head as plain values, and what it decides: the forward that torch, NumPy and graphs share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import numpy.typing as npt

from logitconf.arrays import Array, as_type, namespace, silent
from logitconf.calibration.maps.calibration_map import check_map
from logitconf.calibration.maps.mapping import mapped
from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError, not_among
from logitconf.notebook.brief import brief
from logitconf.outputs.confidence import confidence
from logitconf.outputs.labels import Mapped, labels
from logitconf.scores.evaluation import evaluate, only_finite_or_nan
from logitconf.scores.of_members import member_mean
from logitconf.scores.reductions import Form, Runtime, adds_apart, divides_first
from logitconf.scores.table import SCORE_SYNONYMS, SCORES, check_defined, check_parameters
from logitconf.tasks import InputKind, Layout, canonical, check_task, logits_of
from logitconf.thresholds.reach import range_of


def accept(score: Array, threshold: Array, floor: float | None) -> Array:
    """Whether a float32 score is accepted: finite and strictly below the threshold.

    A NaN fails both comparisons, and nothing computable lies at or below the floor, if there is
    need of one.
    """
    below = score < threshold
    return below if floor is None else below & (score > floor)


@silent
def probabilities(logits: Array, temperature: Array, layout: Layout) -> Array:
    """Calibrated probabilities: softmax of z over the classes, or sigmoid of z for labels.

    Those of an ensemble are the mean over its members, without their axis. A categorical row
    without a score is NaN throughout; for labels, a NaN stays a NaN.
    """
    xp = namespace(logits)
    if layout.family == "bernoulli":
        shares = xp.reciprocal(1.0 + xp.exp(-(logits * xp.reciprocal(temperature))))
    else:
        largest = xp.max(logits, axis=layout.class_axis, keepdims=True)
        exponentials = xp.exp((logits - largest) * xp.reciprocal(temperature))
        total = xp.sum(exponentials, axis=layout.class_axis, keepdims=True)
        shares = exponentials * xp.reciprocal(total)
    return shares if layout.members is None else member_mean(shares, Form(members=layout.members))


def threshold_of(threshold: Array, logits: Array, layout: Layout, form: Form) -> Array:
    """What each score is compared with: one for all, its predicted class' or its label's own.

    Args:
        threshold: (), or (K,) or (L,), float32.
        logits: canonical, of any shape.
        layout: where classes or labels lie.
        form: the same, of the canonical logits.
    """
    if not threshold.ndim:
        return threshold
    xp = namespace(logits)
    if not layout.per_label:
        return value_at_largest(as_type(logits, xp.float32), threshold, form)
    behind = (logits.ndim - (layout.members is not None)) - layout.class_axis - 1
    return xp.reshape(threshold, (-1,) + (1,) * behind) if behind else threshold


def value_at_largest(x: Array, values: Array, form: Form) -> Array:
    """``values[k]`` (K,) at the largest class k of each row; the smallest of them for a tie."""
    xp = namespace(x)
    largest = xp.max(x, axis=form.class_axis, keepdims=True)
    shape = [1] * x.ndim
    shape[form.class_axis] = -1
    return xp.min(
        xp.where(x == largest, xp.reshape(values, tuple(shape)), math.inf), axis=form.class_axis
    )


@silent
def decide(
    logits: Array,
    temperature: Array,
    threshold: Array,
    card: ScoreCard,
    form: HeadForm,
    *,
    calibration: Mapping[str, Array] | None = None,
) -> tuple[Array, ...]:
    """The score and whether it is accepted, and what else the form asks for, in its order.

    Args:
        logits: (N, K), or with further axes as the form says; any floating dtype and any kind of
            array: torch, NumPy and what else follows the array API standard.
        temperature: () float32; divides the logits.
        threshold: () float32, or (K,) or (L,) with one for each predicted class or label.
        card: the score.
        form: how it is computed.
        calibration: the numbers of the card's calibration map, if it has one, by name.

    Returns:
        As :meth:`logitconf.ConfidenceHead.forward`.
    """
    xp = namespace(logits)
    values = as_type(logits, xp.float64 if form.precision == "float64" else xp.float32)
    layout = layout_of(card, form)
    row = SCORES[card.score]
    kind = cast(InputKind, form.kind)
    if calibration:
        values = mapped(logits_of(values, layout, kind), calibration, form.class_axis)
        kind = "logits"
    rows = canonical(values, layout, kind, signed=row.keeps_sign)
    reduced = _reduced(card, form, layout, rows.ndim)
    divisor = as_type(temperature, values.dtype)
    score = as_type(evaluate(card.score, rows, divisor, layout, reduced), xp.float32)
    limit = threshold_of(threshold, rows, layout, reduced)
    floor = row.floor if _needs_floor(card, form, layout, reduced) else None
    accepted = accept(score, limit, floor)
    mask = accepted
    if form.mask_type != "bool":
        mask = as_type(mask, getattr(xp, form.mask_type))
    results = {"score": score, "mask": mask}
    of_members = form.members is not None
    if "probabilities" in form.outputs or ("label" in form.outputs and of_members):
        shares = probabilities(logits_of(values, layout, kind), divisor, layout)
        results["probabilities"] = as_type(shares, xp.float32)
    has_score = accept(score, _ceiling(card, form), floor)
    if "confidence" in form.outputs and card.confidence is not None:
        results["confidence"] = confidence(score, has_score, card.confidence)
    if "label" in form.outputs:
        # an ensemble predicts by the mean of its members' probabilities
        compared, what = (shares, "probabilities") if of_members else (values, kind)
        single = replace(layout, members=None)
        stands = None if card.label_map is None else Mapped(card.label_map, accepted)
        results["label"] = labels(compared, has_score, single, cast(InputKind, what), stands)
    return tuple(results[name] for name in form.outputs)


def _reduced(card: ScoreCard, form: HeadForm, layout: Layout, rank: int) -> Form:
    return Form(
        axis=layout.axis,
        rank=rank,
        n_classes=layout.n_classes,
        runtime=cast(Runtime, form.runtime),
        parameters=card.parameters,
        members=layout.members,
    )


def divided_first(card: ScoreCard, form: HeadForm) -> bool:
    """Whether the head divides the logits by T before it takes their maximum off.

    Then the rounding of its score grows with the size of the logits.
    """
    layout, reduced = _reduced_of(card, form)
    probability = card.score == "softmax" or (
        card.score == "max_logit_norm" and card.parameters["p"] == 0
    )
    if not probability or layout.family != "categorical":
        return False
    return divides_first(reduced)


def added_apart(card: ScoreCard, form: HeadForm) -> bool:
    """Whether the head adds up classes along an axis that is not the last."""
    layout, reduced = _reduced_of(card, form)
    # those of members it lays side by side, but with further axes
    last = layout.axis is None or (SCORES[card.score].over_members and form.input_rank == 3)
    return not last and adds_apart(reduced)


def _reduced_of(card: ScoreCard, form: HeadForm) -> tuple[Layout, Form]:
    layout = layout_of(card, form)
    return layout, _reduced(card, form, layout, form.input_rank)


def _needs_floor(card: ScoreCard, form: HeadForm, layout: Layout, reduced: Form) -> bool:
    """Whether a row without a score may end as −inf, or a runtime may lose its NaN."""
    single = layout.axis is None and form.members is None
    if form.runtime == "any" and not single:
        return True
    finite = single or only_finite_or_nan(card.score, layout.family, reduced)
    # double may hold what the float32 score cannot
    exact = finite and form.precision == "float32"
    return not exact and SCORES[card.score].floor == -math.inf


def dropped_axes(card: ScoreCard, form: HeadForm, output: str) -> tuple[int, ...]:
    """The axes of the input that an output lacks: that of members, and most often of the classes.

    Args:
        card: of the score.
        form: how the head is written.
        output: one of those that the form names.
    """
    labels_stay = output == "label" and card.task == "multilabel"
    per_class = card.per_label or labels_stay or output == "probabilities"
    return form.dropped_axes(per_label=per_class)


def _ceiling(card: ScoreCard, form: HeadForm) -> float:
    """Every score lies below: 0 where none reaches it, as OpenVINO 2026.4 gives for rows of NaN."""
    _, high = range_of(replace(card, n_classes=card.n_classes or form.n_classes, class_names=None))
    return 0.0 if high < 0.0 else math.inf


def layout_of(card: ScoreCard, form: HeadForm) -> Layout:
    """Where the classes of a head's logits lie."""
    task = check_task(card.task)
    return Layout(task, form.n_classes, form.class_axis, form.members, card.per_label)


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A head as plain values: what is exported, attached and verified; needs no torch.

    Attributes:
        card: the score card that it was made from.
        form: how it is written.
        temperature: () float32; divides the logits. The card's, unless somebody changed it.
        threshold: () float32, or (K,) or (L,) with one for each predicted class or label.
        calibration: the numbers of the card's calibration map, float32 by name; none without one.
    """

    card: ScoreCard
    form: HeadForm
    temperature: npt.NDArray[np.float32]
    threshold: npt.NDArray[np.float32]
    calibration: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)

    __repr__ = brief

    @classmethod
    def of_card(cls, card: ScoreCard, form: HeadForm) -> Head:
        """The head of a card.

        Raises:
            LogitconfError: if the card has no threshold, or the form does not fit it.
        """
        check_fits(card, form)
        temperature = np.asarray(card.temperature, dtype=np.float32)
        threshold = np.asarray(card.threshold, dtype=np.float32)
        return cls(card, form, temperature, threshold, map_buffers(card))

    @property
    def layout(self) -> Layout:
        """Where the classes lie."""
        return layout_of(self.card, self.form)

    @property
    def buffers(self) -> dict[str, npt.NDArray[np.float32]]:
        """All numbers that a graph holds in an initializer each, by name."""
        own = {"temperature": self.temperature, "threshold": self.threshold}
        return {**own, **self.calibration}

    def with_form(self, form: HeadForm) -> Head:
        """The same numbers, written another way.

        Raises:
            LogitconfError: if the form does not fit the card.
        """
        check_fits(self.card, form)
        return replace(self, form=form)

    def with_numbers(self, numbers: Mapping[str, npt.NDArray[np.float32]]) -> Head:
        """The same head with other numbers, all of them, by the names of :attr:`buffers`."""
        calibration = {name: numbers[name] for name in self.calibration}
        return replace(
            self,
            temperature=numbers["temperature"],
            threshold=numbers["threshold"],
            calibration=calibration,
        )

    def __call__(self, logits: Array) -> tuple[Array, ...]:
        """Scores, masks and what else the form asks for, as :func:`decide`, of NumPy logits."""
        return decide(
            logits,
            self.temperature,
            self.threshold,
            self.card,
            self.form,
            calibration=self.calibration,
        )


def map_buffers(card: ScoreCard) -> dict[str, npt.NDArray[np.float32]]:
    """The numbers of a card's calibration map by name; none without one."""
    return {} if card.calibration_map is None else card.calibration_map.buffers


def check_fits(card: ScoreCard, form: HeadForm) -> None:
    """Checks that a head of this form can be made from the card.

    Raises:
        LogitconfError: if it cannot, with the reason.
    """
    if card.score not in SCORES:
        raise not_among("score", card.score, SCORES, SCORE_SYNONYMS)
    task = check_task(card.task)
    if card.threshold is None:
        raise LogitconfError(
            "a head needs a threshold, got a score without one; call set_threshold(...) first"
        )
    if task == "binary" and form.n_classes not in (1, 2):
        raise LogitconfError(
            "a binary head must know whether it gets one or two logits: "
            f"n_classes must be 1 or 2, got {form.n_classes}; fit the score or pass n_classes="
        )
    if task == "multiclass" and form.n_classes == 1:
        raise LogitconfError("a multiclass head needs n_classes of at least 2, got 1")
    _check_members(card, form)
    _check_outputs(card, form)
    layout = Layout(task, form.n_classes, members=form.members, per_label=card.per_label)
    _check_mapped(card, form, layout)
    check_defined(card.score, layout)
    if check_parameters(card.score, card.parameters) != dict(card.parameters):
        raise LogitconfError(
            f"a card of {card.score} must have the parameters {list(SCORES[card.score].parameters)}"
            f", got {list(card.parameters)}"
        )
    if card.n_classes is not None and form.n_classes not in (None, card.n_classes):
        raise LogitconfError(
            f"n_classes must be {card.n_classes}, as the score was fitted, got {form.n_classes}"
        )
    if isinstance(card.threshold, tuple):
        if layout.family == "bernoulli" and not card.per_label:
            raise LogitconfError(
                "a threshold for each label needs a score with per_label=True, got one whose rows "
                "are judged as a whole"
            )
        if form.n_classes != len(card.threshold):
            raise LogitconfError(
                f"{len(card.threshold)} thresholds need n_classes={len(card.threshold)}, "
                f"got {form.n_classes}"
            )
    if SCORES[card.score].needs_logits and form.kind != "logits":
        raise LogitconfError(
            f"{card.score} needs logits, got {form.kind}: a probability has lost the logits' offset"
        )


def _check_outputs(card: ScoreCard, form: HeadForm) -> None:
    if "confidence" in form.outputs and card.confidence is None:
        raise LogitconfError(
            "a confidence needs a card that was fitted on rows with labels; fit with them, or "
            "leave it out of outputs"
        )
    if "label" not in form.outputs:
        return
    if SCORES[card.score].learned:
        raise LogitconfError(
            "a learned confidence reads no classes, so its head has no label; leave it out of "
            "outputs"
        )
    if card.label_map is not None and layout_of(card, form).family != "categorical":
        raise LogitconfError("a label map is of classes that compete, got labels or one logit")
    if form.n_classes is None and card.task == "multiclass":
        raise LogitconfError("the label needs to know how many classes there are; pass n_classes=")


def _check_mapped(card: ScoreCard, form: HeadForm, layout: Layout) -> None:
    calibration_map = card.calibration_map
    if calibration_map is None:
        return
    check_map(calibration_map, form.n_classes)
    if form.members is not None:
        raise LogitconfError("a calibration map is for the logits of one model, got members")
    alike = layout.family == "bernoulli" or calibration_map.keeps_differences
    if not alike and (form.kind == "logits") != (calibration_map.inputs == "logits"):
        raise LogitconfError(
            f"a calibration map that was fitted on {calibration_map.inputs} must get them, since "
            f"the logits' offset counts, got {form.kind}; fit on what the head will get"
        )


def _check_members(card: ScoreCard, form: HeadForm) -> None:
    if card.members == 0 and form.members is None:
        raise LogitconfError("a head of an ensemble must know how many members; pass members=")
    if card.members not in {0, form.members}:
        raise LogitconfError(
            f"members must be {card.members}, as the score was made, got {form.members}"
        )
    if form.members is not None and isinstance(card.threshold, tuple) and not card.per_label:
        raise LogitconfError("a threshold for each class needs one model, got members")
