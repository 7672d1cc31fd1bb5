"""Dask: arrays and DataFrames, on threads here or on the workers of a cluster.

The scheduler of a cluster runs what a dead worker had, also the scores that it kept, elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from logitconf.arrays import Array
from logitconf.distributed.engines.arrow_blocks import (
    added,
    by_a_tree,
    missing_engine,
    packed_scores,
    scores_of_tables,
    total_of_scores,
    total_of_tables,
)
from logitconf.distributed.engines.columns import Columns
from logitconf.distributed.engines.driver import AfterPass, fitted_by
from logitconf.distributed.total import Total
from logitconf.errors import LogitconfError

if TYPE_CHECKING:
    from logitconf.card.score_card import ScoreCard
    from logitconf.distributed.plan import FitPlan
    from logitconf.distributed.request import Request


def fit_dask(
    collection: Any,
    plan: FitPlan,
    *,
    logits: str | Sequence[str] = "logits",
    labels: str | Sequence[str] | None = "labels",
    after_pass: AfterPass | None = None,
) -> ScoreCard:
    """The card of rows in collections of Dask, wherever its scheduler computes.

    Args:
        collection: a ``dask.dataframe.DataFrame``, or a pair of ``dask.array.Array``: logits (N, K)
            or (N,), and labels or None. It is computed once in each pass over logits.
        plan: what is asked for; a plan that was stopped goes on.
        logits: of a DataFrame: a column of lists, a pattern such as ``"logit_*"``, or the names of
            the columns.
        labels: the same; None for rows without labels.
        after_pass: is called with the plan after each pass.

    Raises:
        LogitconfError: for something else, if columns are missing, or for rows that cannot be
            fitted.
        MissingExtraError: without Dask.
    """
    try:
        import dask.array
        import dask.dataframe
    except ModuleNotFoundError as error:
        raise missing_engine("fit_dask", "Dask with arrays and DataFrames", "dask") from error
    if isinstance(collection, dask.dataframe.DataFrame):
        columns = Columns.among([*collection.columns], logits, labels)
        blocks = collection[columns.all].to_delayed()
        return fitted_by(plan, _DaskEngine(blocks, columns), after_pass)
    pair = collection if isinstance(collection, tuple) else (collection, None)
    if not isinstance(pair[0], dask.array.Array):
        raise LogitconfError(
            "collection must be a dask.dataframe.DataFrame or a pair of dask.array.Array, logits "
            f"and labels, got {type(pair[0]).__name__}"
        )
    return fitted_by(plan, _DaskEngine(_pairs(*pair), None), after_pass)


class _DaskEngine:
    def __init__(self, blocks: Sequence[Any], columns: Columns | None) -> None:
        self._blocks, self._columns, self._kept = [*blocks], columns, ()

    def total(self, request: Request) -> Total:
        return _summed(self._blocks, partial(_total, columns=self._columns, request=request))

    def keep_scores(self, request: Request) -> None:
        import dask

        scores = dask.delayed(partial(_scores, columns=self._columns, request=request))
        self._kept = dask.persist(*map(scores, self._blocks))

    def total_of_kept(self, request: Request) -> Total:
        return _summed(self._kept, partial(_total_of_scores, request=request))

    def release(self) -> None:
        self._kept = ()  # the scheduler drops what nobody names


def _pairs(logits: Any, labels: Any) -> list[Any]:
    """Blocks of both arrays that hold the same rows, all columns of them."""
    import dask

    def whole(array: Any) -> Any:
        """Cut along its rows alone."""
        cut = any(blocks > 1 for blocks in array.numblocks[1:])
        return array.rechunk(dict.fromkeys(range(1, array.ndim), -1)) if cut else array

    rows = whole(logits)
    if labels is None:
        return [dask.delayed(_pair)(block, None) for block in rows.to_delayed().ravel()]
    marks = whole(labels)
    # sizes are not known behind a DataFrame; then equally many blocks must do
    if repr(rows.chunks[0]) != repr(marks.chunks[0]):
        marks = marks.rechunk({0: rows.chunks[0]})
    both = zip(rows.to_delayed().ravel(), marks.to_delayed().ravel(), strict=True)
    return [dask.delayed(_pair)(*blocks) for blocks in both]


def _pair(logits: Array, labels: Array | None) -> tuple[Array, Array | None]:
    return logits, labels


def _summed(blocks: Iterable[Any], function: Any) -> Total:
    """The sum of the totals of all blocks, by a tree of tasks."""
    import dask

    parts = [*map(dask.delayed(function), blocks)]
    (total,) = dask.compute(by_a_tree(parts, dask.delayed(added)))
    return Total.from_bytes(total)


def _total(block: Any, *, columns: Columns | None, request: Request) -> bytes:
    if columns is None:
        return request.total_of(*block).to_bytes()
    return total_of_tables([_table(block)], columns, request).to_bytes()


def _scores(block: Any, *, columns: Columns | None, request: Request) -> list[bytes]:
    if columns is None:
        return [packed_scores(*request.scores_of(*block))]
    return [*scores_of_tables([_table(block)], columns, request)]


def _total_of_scores(packed: list[bytes], *, request: Request) -> bytes:
    return total_of_scores(packed, request).to_bytes()


def _table(part: Any) -> Any:
    import pyarrow

    return pyarrow.Table.from_pandas(part, preserve_index=False)
