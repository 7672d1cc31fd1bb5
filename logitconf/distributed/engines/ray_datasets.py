"""Ray Data: blocks are mapped where they lie, totals are added up by tasks, scores are kept there.

Ray starts a task again whose worker died, and computes blocks that were lost once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from logitconf.distributed.engines.arrow_blocks import (
    BYTES,
    added,
    by_a_tree,
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


def fit_ray(
    dataset: Any,
    plan: FitPlan,
    *,
    logits: str | Sequence[str] = "logits",
    labels: str | Sequence[str] | None = "labels",
    after_pass: AfterPass | None = None,
) -> ScoreCard:
    """The card of the rows of a dataset of Ray Data, on the machines of its cluster.

    Args:
        dataset: a ``ray.data.Dataset``; it is read once in each pass over logits.
        plan: what is asked for; a plan that was stopped goes on.
        logits: a column of lists or tensors, a pattern such as ``"logit_*"``, or names of columns.
        labels: the same; None for rows without labels.
        after_pass: is called with the plan after each pass.

    Raises:
        LogitconfError: for something else, if columns are missing, or for rows that cannot be
            fitted.
        MissingExtraError: without Ray.
    """
    try:
        from ray.data import Dataset
    except ModuleNotFoundError as error:
        raise missing_engine("fit_ray", "Ray Data", "ray") from error
    if not isinstance(dataset, Dataset):
        raise LogitconfError(
            f"dataset must be a ray.data.Dataset, got {type(dataset).__name__}; "
            "ray.data.from_arrow, from_numpy or read_parquet make one"
        )
    columns = Columns.among(dataset.columns() or [], logits, labels)
    return fitted_by(plan, _RayEngine(dataset.select_columns(columns.all), columns), after_pass)


class _RayEngine:
    def __init__(self, rows: Any, columns: Columns) -> None:
        self._rows, self._columns, self._kept = rows, columns, None

    def total(self, request: Request) -> Total:
        return _summed(_mapped(self._rows, _total, columns=self._columns, request=request), request)

    def keep_scores(self, request: Request) -> None:
        scores = _mapped(self._rows, _scores, columns=self._columns, request=request)
        self._kept = scores.materialize()

    def total_of_kept(self, request: Request) -> Total:
        return _summed(_mapped(self._kept, _total_of_scores, request=request), request)

    def release(self) -> None:
        self._kept = None  # the store drops what nobody names


def _mapped(rows: Any, function: Callable[..., Any], **arguments: object) -> Any:
    """The blocks of bytes that the function makes of whole blocks, where they lie."""
    return rows.map_batches(
        function, batch_size=None, batch_format="pyarrow", zero_copy_batch=True, fn_kwargs=arguments
    )


def _summed(totals: Any, request: Request) -> Total:
    """The sum of blocks of totals, by a tree of tasks."""
    import ray

    add = ray.remote(num_cpus=0, max_retries=-1)(_added)
    parts = totals.to_arrow_refs()
    each = _bytes_of(ray.get(by_a_tree(parts, lambda some: add.remote(*some)))) if parts else []
    return Total.from_bytes(added(each)) if each else request.empty()


def _total(table: pyarrow.Table, *, columns: Columns, request: Request) -> pyarrow.Table:
    return _of_bytes([total_of_tables([table], columns, request).to_bytes()])


def _scores(table: pyarrow.Table, *, columns: Columns, request: Request) -> pyarrow.Table:
    return _of_bytes([*scores_of_tables([table], columns, request)])


def _total_of_scores(table: pyarrow.Table, *, request: Request) -> pyarrow.Table:
    return _of_bytes([total_of_scores(_bytes_of(table), request).to_bytes()])


def _added(*tables: pyarrow.Table) -> pyarrow.Table:
    each = [data for table in tables for data in _bytes_of(table)]
    return _of_bytes([added(each)] if each else [])


def _bytes_of(table: pyarrow.Table) -> list[bytes]:
    return [*table.column(BYTES).to_pylist()] if table.num_rows else []


def _of_bytes(each: list[bytes]) -> pyarrow.Table:
    import pyarrow

    return pyarrow.table({BYTES: pyarrow.array(each, pyarrow.large_binary())})
