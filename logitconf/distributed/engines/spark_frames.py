"""Spark: partitions are mapped as Arrow, totals added up behind a shuffle.

Spark starts a task again whose worker died, and computes partitions that were lost once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from logitconf.distributed.engines.arrow_blocks import (
    BYTES,
    added,
    missing_engine,
    scores_of_tables,
    total_of_scores,
    total_of_tables,
)
from logitconf.distributed.engines.columns import Columns
from logitconf.distributed.engines.driver import AfterPass, fitted_by
from logitconf.distributed.total import Total
from logitconf.errors import LogitconfError

if TYPE_CHECKING:
    import pyarrow

    from logitconf.card.score_card import ScoreCard
    from logitconf.distributed.plan import FitPlan
    from logitconf.distributed.request import Request


def fit_spark(
    frame: Any,
    plan: FitPlan,
    *,
    logits: str | Sequence[str] = "logits",
    labels: str | Sequence[str] | None = "labels",
    after_pass: AfterPass | None = None,
) -> ScoreCard:
    """The card of the rows of a DataFrame of Spark, on the machines of its cluster.

    Args:
        frame: a ``pyspark.sql.DataFrame``; it is computed once in each pass over logits.
        plan: what is asked for; a plan that was stopped goes on.
        logits: a column of arrays, a pattern such as ``"logit_*"``, or the names of the columns.
        labels: the same; None for rows without labels.
        after_pass: is called with the plan after each pass.

    Raises:
        LogitconfError: for something else, if columns are missing, or for rows that cannot be
            fitted.
        MissingExtraError: without PySpark.
    """
    try:
        from pyspark.sql import DataFrame
    except ModuleNotFoundError as error:
        raise missing_engine("fit_spark", "PySpark", "spark") from error
    if not isinstance(frame, DataFrame):
        raise LogitconfError(
            f"frame must be a pyspark.sql.DataFrame, got {type(frame).__name__}; "
            "spark.createDataFrame or spark.read.parquet make one"
        )
    columns = Columns.among(frame.columns, logits, labels)
    # a name may hold a dot, which would look into a structure
    own = frame.select(*(f"`{name}`" for name in columns.all))
    return fitted_by(plan, _SparkEngine(own, columns), after_pass)


class _SparkEngine:
    def __init__(self, rows: Any, columns: Columns) -> None:
        self._rows, self._columns, self._kept = rows, columns, None

    def total(self, request: Request) -> Total:
        columns = self._columns
        return _summed(
            self._rows,
            lambda batches: [total_of_tables(batches, columns, request).to_bytes()],
            request,
        )

    def keep_scores(self, request: Request) -> None:
        columns = self._columns
        self.release()
        scores = _mapped(self._rows, lambda batches: scores_of_tables(batches, columns, request))
        self._kept = scores.persist()

    def total_of_kept(self, request: Request) -> Total:
        return _summed(
            self._kept,
            lambda batches: [total_of_scores(_bytes_of(batches), request).to_bytes()],
            request,
        )

    def release(self) -> None:
        if self._kept is not None:
            self._kept.unpersist()
        self._kept = None


def _mapped(rows: Any, function: Callable[[Iterator[Any]], Iterable[bytes]]) -> Any:
    """A frame of the bytes that the function makes of the batches of each partition."""

    def batches(given: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        import pyarrow

        for data in function(given):
            yield pyarrow.record_batch({BYTES: pyarrow.array([data], pyarrow.binary())})

    return rows.mapInArrow(batches, f"{BYTES} binary")


def _summed(
    rows: Any, function: Callable[[Iterator[Any]], Iterable[bytes]], request: Request
) -> Total:
    """The sum of the totals of all partitions: near where they were made, then here.

    Spark makes few partitions of few bytes, and some hundred of many, so that one task adds up tens
    of megabytes. `treeReduce` would ask for RDDs, which Spark Connect does not have.
    """
    totals = _mapped(rows, function).repartition(BYTES)
    sums = _mapped(totals, lambda batches: _sum_of(_bytes_of(batches)))
    return Total.from_bytes(
        added([request.empty().to_bytes(), *(bytes(row[0]) for row in sums.collect())])
    )


def _sum_of(totals: Iterator[bytes]) -> Iterator[bytes]:
    for first in totals:
        yield added([first, *totals])


def _bytes_of(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[bytes]:
    for batch in batches:
        for value in batch.column(0):
            yield value.as_py()
