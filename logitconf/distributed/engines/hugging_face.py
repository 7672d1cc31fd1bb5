"""Datasets of Hugging Face: whole ones and streams, on the threads of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from logitconf.distributed.engines.columns import Columns
from logitconf.distributed.engines.driver import AfterPass
from logitconf.distributed.engines.local import fit_tables
from logitconf.errors import LogitconfError

if TYPE_CHECKING:
    import pyarrow

    from logitconf.card.score_card import ScoreCard
    from logitconf.distributed.plan import FitPlan

_ROWS = 1024
"""Rows that are asked for at a time."""


def fit_hugging_face(
    dataset: Any,
    plan: FitPlan,
    *,
    logits: str | Sequence[str] = "logits",
    labels: str | Sequence[str] | None = "labels",
    threads: int | None = None,
    after_pass: AfterPass | None = None,
) -> ScoreCard:
    """The card of the rows of a dataset of Hugging Face, on the threads of this machine.

    Args:
        dataset: a ``datasets.Dataset`` or ``IterableDataset``: one split, not all.
        plan: what is asked for; a plan that was stopped goes on.
        logits: a column of lists, a pattern such as ``"logit_*"``, or the names of the columns.
        labels: the same; None for rows without labels.
        threads: that work at a time; as many as there are processors unless given.
        after_pass: is called with the plan after each pass.

    Raises:
        LogitconfError: for all splits together, if columns are missing, or for rows that cannot be
            fitted.
    """
    if isinstance(dataset, dict):
        raise LogitconfError(
            f"dataset must be one split, got all of {[*dataset]}; take the one that holds rows for "
            "calibration, as in dataset['validation']"
        )
    names = dataset.column_names or [*next(iter(dataset), {})]
    columns = Columns.among(names, logits, labels)

    def batches() -> Iterator[pyarrow.Table]:
        yield from dataset.select_columns(columns.all).with_format("arrow").iter(batch_size=_ROWS)

    return fit_tables(batches, plan, columns, threads=threads, after_pass=after_pass)
