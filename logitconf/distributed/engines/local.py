"""One machine: blocks of arrays, mapped by threads, with scores kept in a temporary file."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, Generic, TypeVar

from logitconf.card.score_card import ScoreCard
from logitconf.distributed.engines.arrow_blocks import (
    gathered,
    packed_scores,
    scores_of_tables,
    total_of_tables,
    unpacked_scores,
)
from logitconf.distributed.engines.columns import Columns
from logitconf.distributed.engines.driver import AfterPass, fitted_by
from logitconf.telling.progress import work

if TYPE_CHECKING:
    import pyarrow

    from logitconf.distributed.plan import FitPlan
    from logitconf.distributed.request import Request
    from logitconf.distributed.total import Total
    from logitconf.tasks import ArrayLike

Block = TypeVar("Block")
Item = TypeVar("Item")
Result = TypeVar("Result")


def fit_blocks(
    blocks: Callable[[], Iterable[tuple[ArrayLike, ArrayLike | None]]],
    plan: FitPlan,
    *,
    threads: int | None = None,
    after_pass: AfterPass | None = None,
) -> ScoreCard:
    """The card of rows that come in blocks: memory for a few blocks, whatever their number.

    Args:
        blocks: starts a pass: each call gives the same logits and labels again, in any blocks and
            any order; labels are None for rows without.
        plan: what is asked for; a plan that was stopped goes on.
        threads: that work at a time; as many as there are processors unless given.
        after_pass: is called with the plan after each pass.

    Raises:
        LogitconfError: for rows that cannot be fitted, or that changed between passes.

    >>> import numpy as np
    >>> from logitconf.distributed.plan import FitPlan
    >>> def blocks():
    ...     for number in range(4):
    ...         rng = np.random.default_rng(number)
    ...         logits = rng.normal(0, 3, (1000, 10)).astype(np.float32)
    ...         yield logits, (logits / 2 + rng.gumbel(size=logits.shape)).argmax(axis=1)
    >>> card = fit_blocks(blocks, FitPlan(coverage=0.9))
    >>> card.rows.rows, round(card.temperature, 1)
    (4000, 2.0)
    """
    engine = LocalEngine(blocks, _total_of_arrays, _scores_of_arrays, threads=threads)
    return fitted_by(plan, engine, after_pass)


def _total_of_arrays(block: tuple[ArrayLike, ArrayLike | None], request: Request) -> Total:
    return request.total_of(*block)


def _scores_of_arrays(block: tuple[ArrayLike, ArrayLike | None], request: Request) -> list[bytes]:
    return [packed_scores(*request.scores_of(*block))]


def fit_tables(
    batches: Callable[[], Iterable[pyarrow.Table]],
    plan: FitPlan,
    columns: Columns,
    *,
    threads: int | None,
    after_pass: AfterPass | None,
) -> ScoreCard:
    """The card of the rows of tables of Arrow, on the threads of this machine.

    Args:
        batches: starts a pass; small ones are gathered.
        plan: what is asked for; a plan that was stopped goes on.
        columns: of the tables.
        threads: that work at a time; as many as there are processors for None.
        after_pass: is called with the plan after each pass.
    """
    engine = LocalEngine(
        lambda: gathered(batches(), columns),
        lambda table, request: total_of_tables([table], columns, request),
        lambda table, request: scores_of_tables([table], columns, request),
        threads=threads,
    )
    return fitted_by(plan, engine, after_pass)


class LocalEngine(Generic[Block]):
    """Blocks of whatever kind, on threads of this process."""

    def __init__(
        self,
        blocks: Callable[[], Iterable[Block]],
        total_of: Callable[[Block, Request], Total],
        scores_of: Callable[[Block, Request], Iterable[bytes]],
        *,
        threads: int | None = None,
        rows: int | None = None,
    ) -> None:
        """An engine.

        Args:
            blocks: starts a pass.
            total_of: the answer for one block.
            scores_of: the packed scores of one block.
            threads: that work at a time; None: as many as there are processors.
            rows: how many there are, if that is known before the first pass.
        """
        self._blocks, self._total_of, self._scores_of = blocks, total_of, scores_of
        self._threads = threads or os.cpu_count() or 1
        self._rows = rows
        self._kept: IO[bytes] | None = None
        self._sizes: list[int] = []

    def total(self, request: Request) -> Total:
        """The sum over all blocks of rows."""

        def total(block: Block) -> Total:
            return self._total_of(block, request)

        return self._summed(total, self._blocks(), request)

    def keep_scores(self, request: Request) -> None:
        """Writes the scores of all blocks to a temporary file."""

        def scores(block: Block) -> Iterable[bytes]:
            return [*self._scores_of(block, request)]

        self.release()
        self._kept = tempfile.TemporaryFile()  # noqa: SIM115 (release closes it)
        with work("Rows", self._rows) as advance:
            for packed in _mapped(scores, self._blocks(), self._threads):
                for data in packed:
                    self._sizes.append(self._kept.write(data))
                    advance(len(unpacked_scores(data)[0]))

    def total_of_kept(self, request: Request) -> Total:
        """The sum over the scores in the file."""

        def total(data: bytes) -> Total:
            return request.total_of_scores(*unpacked_scores(data))

        return self._summed(total, self._read(), request)

    def release(self) -> None:
        """Deletes the file."""
        if self._kept is not None:
            self._kept.close()
        self._kept, self._sizes = None, []

    def _read(self) -> Iterator[bytes]:
        if self._kept is None:
            raise RuntimeError("no scores are kept")
        self._kept.seek(0)
        for size in self._sizes:
            yield self._kept.read(size)

    def _summed(
        self, function: Callable[[Item], Total], items: Iterable[Item], request: Request
    ) -> Total:
        sum_of_all = request.empty()
        with work("Rows", self._rows) as advance:
            for total in _mapped(function, items, self._threads):
                sum_of_all = sum_of_all.plus(total)
                advance(total.rows)
        self._rows = sum_of_all.rows
        return sum_of_all


def _mapped(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result]:
    """The results in the order of the items, of which only a few are held at a time."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
