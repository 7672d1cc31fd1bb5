"""Rows with what should come of them, and runs compared on them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from logitconf_export.decisions.comparison import Comparison, Decisions, compare
from logitconf_export.decisions.further import OutputAgreement, RightValues, agreements
from logitconf_export.onnx_files.types import Array


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows with what should come of them.

    Attributes:
        name: what they are.
        logits: in the layout of the head.
        calibration: whether they are the user's own.
        eager: decisions of the head in eager torch.
        truth: decisions of the head in double.
        threshold: (N,) float32, each row's threshold.
        allowed: the rounding band at each score or threshold.
        right: which values of what else the head gives are right.
    """

    name: str
    logits: Array
    calibration: bool
    eager: Decisions
    truth: Decisions
    threshold: Array
    allowed: Callable[[Array], Array]
    right: Mapping[str, RightValues] = field(default_factory=dict)
    _compared: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def compared(
        self, decided: Decisions, *, same_not_finite: bool
    ) -> tuple[Comparison, Comparison, Comparison, tuple[OutputAgreement, ...]]:
        """A run against eager and truth, these two, and what else it gives; each only once.

        Optimisation levels and other batches mostly decide alike to the bit.
        """
        key = same_not_finite, decided.bits()
        if key not in self._compared:
            self._compared[key] = (
                self.against(self.eager, decided, same_not_finite=same_not_finite),
                self.against(self.truth, decided, same_not_finite=same_not_finite),
                agreements(self.right, decided.further),
            )
        if None not in self._compared:
            self._compared[None] = self.against(self.truth, self.eager)
        eager, truth, further = self._compared[key]
        return eager, truth, self._compared[None], further

    def against(
        self, expected: Decisions, decided: Decisions, *, same_not_finite: bool = True
    ) -> Comparison:
        """Compares two runs on these rows."""
        return compare(
            expected,
            decided,
            threshold=self.threshold,
            allowed=self.allowed,
            same_not_finite=same_not_finite,
        )
