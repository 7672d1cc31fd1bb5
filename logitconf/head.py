"""The compiled score: a module with temperature and threshold as buffers."""

import math
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from logitconf.card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.scores.of_members import member_mean
from logitconf.scores.reductions import Form, Runtime, value_at_largest
from logitconf.scores.table import SCORES, check_defined, check_parameters, evaluate
from logitconf.tasks import InputKind, Layout, canonical, check_task, logits_of

_MASK_TYPES = {"bool": torch.bool, "uint8": torch.uint8, "float32": torch.float32}


def accept(score: Tensor, threshold: Tensor, floor: float | None) -> Tensor:
    """Whether a float32 score is accepted: finite and strictly below the threshold.

    A NaN fails both comparisons, and nothing computable lies at or below the floor, if there is
    need of one.
    """
    below = score < threshold
    return below if floor is None else below & (score > floor)


def probabilities(logits: Tensor, temperature: Tensor, layout: Layout) -> Tensor:
    """Calibrated probabilities: softmax of z over the classes, or sigmoid of z for labels.

    Those of an ensemble are the mean over its members, without their axis. A categorical row
    without a score is NaN throughout; for labels, a NaN stays a NaN.
    """
    if layout.family == "bernoulli":
        shares = torch.reciprocal(1.0 + torch.exp(-(logits * torch.reciprocal(temperature))))
    else:
        largest = torch.amax(logits, dim=layout.class_axis, keepdim=True)
        exponentials = torch.exp((logits - largest) * torch.reciprocal(temperature))
        total = torch.sum(exponentials, dim=layout.class_axis, keepdim=True)
        shares = exponentials * torch.reciprocal(total)
    return shares if layout.members is None else member_mean(shares, Form(members=layout.members))


def threshold_of(threshold: Tensor, logits: Tensor, layout: Layout, form: Form) -> Tensor:
    """What each score is compared with: one for all, its predicted class' or its label's own.

    Args:
        threshold: (), or (K,) or (L,), float32.
        logits: canonical, of any shape.
        layout: where classes or labels lie.
        form: the same, of the canonical logits.
    """
    if not threshold.ndim:
        return threshold
    if not layout.per_label:
        return value_at_largest(logits.to(torch.float32), threshold, form)
    behind = (logits.ndim - (layout.members is not None)) - layout.class_axis - 1
    return threshold.reshape([-1] + [1] * behind) if behind else threshold


class ConfidenceHead(nn.Module):
    """Logits in, score and mask out, the same in PyTorch and in ONNX.

    Attributes:
        temperature: () float32 buffer; divides the logits.
        threshold: () float32 buffer, or (K,) with one for each predicted class, or (L,) with one
            for each label of a score that judges them one by one.
        card: the score card that the head was made from.
        form: how it is written.
    """

    temperature: Tensor
    threshold: Tensor

    def __init__(self, card: ScoreCard, form: HeadForm) -> None:
        """Makes the head of a card.

        Raises:
            LogitconfError: if the card has no threshold, or the form does not fit it.
        """
        super().__init__()
        check_fits(card, form)
        self.card = card
        self.form = form
        self.register_buffer("temperature", torch.tensor(card.temperature, dtype=torch.float32))
        self.register_buffer("threshold", torch.tensor(card.threshold, dtype=torch.float32))

    @property
    def layout(self) -> Layout:
        """Where the classes lie."""
        form, card = self.form, self.card
        task = check_task(card.task)
        return Layout(task, form.n_classes, form.class_axis, form.members, card.per_label)

    def forward(self, logits: Tensor) -> tuple[Tensor, ...]:
        """The score and whether it is accepted.

        Args:
            logits: (N, K), or with further axes as the form says; any floating dtype.

        Returns:
            The score, float32, lower is more confident, and the mask, one of each for every
            position: the shape of the logits without the class axis, which stays where labels are
            judged one by one. If the form asks for them, the calibrated probabilities too,
            float32, in the shape of the logits.
        """
        double = self.form.precision == "float64"
        values = logits.to(torch.float64 if double else torch.float32)
        layout = self.layout
        row = SCORES[self.card.score]
        kind = cast(InputKind, self.form.kind)
        canonical_logits = canonical(values, layout, kind, signed=row.keeps_sign)
        form = Form(
            axis=layout.axis,
            rank=canonical_logits.ndim,
            n_classes=layout.n_classes,
            runtime=cast(Runtime, self.form.runtime),
            parameters=self.card.parameters,
            members=layout.members,
        )
        temperature = self.temperature.to(values.dtype)
        found = evaluate(self.card.score, canonical_logits, temperature, layout, form)
        score = found.to(torch.float32)
        threshold = threshold_of(self.threshold, canonical_logits, layout, form)
        mask = accept(score, threshold, row.floor if self._needs_floor else None)
        mask = mask.to(_MASK_TYPES[self.form.mask_type])
        if not self.form.probabilities:
            return score, mask
        z = logits_of(values, layout, kind)
        return score, mask, probabilities(z, temperature, layout).to(torch.float32)

    @property
    def _needs_floor(self) -> bool:
        """Whether a row without a score may end as −inf, or a runtime may lose its NaN."""
        if self.form.runtime != "onnxruntime":
            return True
        single = self.layout.axis is None and self.form.members is None
        exact = single and self.form.precision == "float32"
        return not exact and SCORES[self.card.score].floor == -math.inf

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "ConfidenceHead":
        """Moves the buffers to another device, but never rounds them (``.half()``)."""
        exact = dict(self.named_buffers(recurse=False))
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, buffer in exact.items():
            moved = getattr(self, name)
            if moved.dtype != buffer.dtype:
                setattr(self, name, buffer.to(moved.device))
        return self

    def extra_repr(self) -> str:
        """What is printed between the brackets."""
        return f"score={self.card.score!r}, task={self.card.task!r}, {self.form}"


def check_fits(card: ScoreCard, form: HeadForm) -> None:
    """Checks that a head of this form can be made from the card.

    Raises:
        LogitconfError: if it cannot, with the reason.
    """
    if card.score not in SCORES:
        raise LogitconfError(f"score must be one of {list(SCORES)}, got {card.score!r}")
    task = check_task(card.task)
    if card.threshold is None:
        raise LogitconfError("a head needs a threshold; call set_threshold(...) before compile()")
    if task == "binary" and form.n_classes not in (1, 2):
        raise LogitconfError(
            "a binary head must know whether it gets one or two logits: "
            f"n_classes must be 1 or 2, got {form.n_classes}; fit the score or pass n_classes="
        )
    if task == "multiclass" and form.n_classes == 1:
        raise LogitconfError("a multiclass head needs n_classes of at least 2, got 1")
    _check_members(card, form)
    layout = Layout(task, form.n_classes, members=form.members, per_label=card.per_label)
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


def _check_members(card: ScoreCard, form: HeadForm) -> None:
    if card.members == 0 and form.members is None:
        raise LogitconfError("a head of an ensemble must know how many members; pass members=")
    if card.members not in {0, form.members}:
        raise LogitconfError(
            f"members must be {card.members}, as the score was made, got {form.members}"
        )
    if form.members is not None and isinstance(card.threshold, tuple) and not card.per_label:
        raise LogitconfError("a threshold for each class needs one model, got members")
