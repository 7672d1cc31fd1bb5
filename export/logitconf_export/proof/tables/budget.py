"""How long a measuring may take, whatever the runtime: as a whole, and part by part."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables.evaluators import Evaluator, Operation, RefusedError

LIMIT = 480.0
"""Seconds that a measuring may take."""


class OutOfTimeError(RefusedError):
    """A part took longer than it may; the message says how to give it more."""


class Budget:
    """Seconds for a whole, of which each part is given its share of what is left.

    What a part does not need is left for those behind it; no sum of parts is more than the whole.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = self._until = self._stop = time.perf_counter() + seconds

    def give(self, share: float, *, kept: float = 0.0, stop: bool = True) -> None:
        """Begins a part, which may take a share of what is left.

        Args:
            share: in (0, 1].
            kept: a share of the whole that is left for later parts, in [0, 1).
            stop: whether it is stopped then; one that looks at what is left by itself is stopped
                only at the end of all.
        """
        if self.seconds < math.inf:
            now = time.perf_counter()
            self._until = now + share * max(0.0, self._end - kept * self.seconds - now)
            self._stop = self._until if stop else self._end

    def left(self) -> float:
        """Seconds of the part's share that are left; at least 0."""
        return max(0.0, self._until - time.perf_counter())

    def check(self) -> None:
        """Does nothing while the part has time.

        Raises:
            OutOfTimeError: else.
        """
        if time.perf_counter() >= self._stop:
            raise OutOfTimeError(
                f"it must be measured within its share of {self.seconds:g} seconds; give "
                "measure-runtime more by --limit"
            )


class Timed:
    """An evaluator that computes nothing more once its part is out of time."""

    def __init__(self, evaluator: Evaluator, budget: Budget) -> None:
        self._evaluator, self._budget = evaluator, budget
        self.name, self.version = evaluator.name, evaluator.version
        self.provider, self.threads = evaluator.provider, evaluator.threads
        self.left = budget.left

    def on_threads(self, count: int) -> Timed | None:
        """See :class:`~logitconf_export.proof.tables.evaluators.Evaluator`."""
        other = self._evaluator.on_threads(count)
        return None if other is None else Timed(other, self._budget)

    def compute(self, operation: Operation, jobs: Sequence[tuple[Array, ...]]) -> list[Array]:
        """See :class:`~logitconf_export.proof.tables.evaluators.Evaluator`."""
        self._budget.check()
        return self._evaluator.compute(operation, jobs)

    def compute_short(self, operation: Operation, operands: tuple[Array, ...], size: int) -> Array:
        """See :class:`~logitconf_export.proof.tables.evaluators.Evaluator`."""
        self._budget.check()
        return self._evaluator.compute_short(operation, operands, size)
