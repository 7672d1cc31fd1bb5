"""PyArrow: Parquet and other files on one machine, or a table; read in batches of limited size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from logitconf.distributed.engines.arrow_blocks import missing_engine
from logitconf.distributed.engines.columns import Columns
from logitconf.distributed.engines.driver import AfterPass
from logitconf.distributed.engines.local import fit_tables

if TYPE_CHECKING:
    import pyarrow

    from logitconf.card.score_card import ScoreCard
    from logitconf.distributed.plan import FitPlan

# Bytes that a batch has in memory, about; some of them are read ahead.
_BATCH = 1 << 23


def fit_arrow(
    dataset: Any,
    plan: FitPlan,
    *,
    logits: str | Sequence[str] = "logits",
    labels: str | Sequence[str] | None = "labels",
    threads: int | None = None,
    after_pass: AfterPass | None = None,
) -> ScoreCard:
    """The card of the rows of a dataset of PyArrow, on the threads of this machine.

    Args:
        dataset: a ``pyarrow.dataset.Dataset``, a table, or what ``pyarrow.dataset.dataset`` takes,
            such as a list of Parquet files.
        plan: what is asked for; a plan that was stopped goes on.
        logits: a column of lists, a pattern such as ``"logit_*"``, or the names of the columns.
        labels: the same; None for rows without labels.
        threads: that work at a time; as many as there are processors unless given.
        after_pass: is called with the plan after each pass.

    Raises:
        LogitconfError: if columns are missing, or for rows that cannot be fitted.
        MissingExtraError: without pyarrow.
    """
    try:
        from pyarrow import dataset as datasets
    except ModuleNotFoundError as error:
        raise missing_engine("fit_arrow", "pyarrow", "tables") from error
    source = dataset if isinstance(dataset, datasets.Dataset) else datasets.dataset(dataset)
    columns = Columns.among(source.schema.names, logits, labels)
    first = source.head(1, columns=columns.all, batch_size=1)
    size = max(1, _BATCH // max(1, first.nbytes))

    def batches() -> Iterator[pyarrow.RecordBatch]:
        yield from source.to_batches(
            columns=columns.all, batch_size=size, batch_readahead=2, fragment_readahead=1
        )

    return fit_tables(batches, plan, columns, threads=threads, after_pass=after_pass)
