"""The compiled score: a module with temperature and threshold as buffers."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.head_spec import check_fits, decide, layout_of, map_buffers
from logitconf.tasks import Layout


class ConfidenceHead(nn.Module):
    """Logits in, score and mask out, the same in PyTorch and in ONNX.

    Attributes:
        temperature: () float32 buffer; divides the logits.
        threshold: () float32 buffer, or (K,) with one for each predicted class, or (L,) with one
            for each label of a score that judges them one by one.
        scale, matrix, bias: float32 buffers of the calibration map, if the card has one: what it
            has of (K,), (K, K) and (K,).
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
        mapping = map_buffers(card)
        self._map_names = tuple(mapping)
        for name, values in mapping.items():
            self.register_buffer(name, torch.from_numpy(values))

    @property
    def layout(self) -> Layout:
        """Where the classes lie."""
        return layout_of(self.card, self.form)

    def forward(self, logits: Tensor) -> tuple[Tensor, ...]:
        """The score and whether it is accepted.

        Args:
            logits: (N, K), or with further axes as the form says; any floating dtype.

        Returns:
            The score, float32, lower is more confident, and the mask, one of each for every
            position: the shape of the logits without the class axis, which stays where labels are
            judged one by one. What else the form asks for follows, in the order of its outputs:
            the label, int64, in the shape of the mask or, of several labels, of the logits (−1
            where there is no finite score), and the calibrated probabilities, float32, in the
            shape of the logits.
        """
        calibration = {name: getattr(self, name) for name in self._map_names}
        return decide(
            logits,
            self.temperature,
            self.threshold,
            self.card,
            self.form,
            calibration=calibration,
        )

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
