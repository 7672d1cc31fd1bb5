"""Datasets of PyArrow: files and tables are fitted as the arrays in them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from logitconf.distributed.engines.arrow_datasets import fit_arrow
from logitconf.distributed.engines.local import fit_blocks
from logitconf.distributed.plan import FitPlan
from logitconf.errors import LogitconfError

pyarrow = pytest.importorskip("pyarrow", reason="datasets are those of pyarrow")
from pyarrow import dataset, parquet  # noqa: E402 (only if there is pyarrow)

RNG = np.random.default_rng(2)
LOGITS = RNG.normal(0, 2, (3000, 12)).astype(np.float32)
LABELS = (LOGITS / 2 + RNG.gumbel(size=LOGITS.shape)).argmax(axis=1)


def plan() -> FitPlan:
    return FitPlan(coverage=0.9)


@pytest.fixture(scope="module")
def expected() -> str:
    """The card of the arrays."""
    return fit_blocks(lambda: [(LOGITS, LABELS)], plan()).to_json()


def of_lists() -> Any:
    """A column of lists, and one that nobody asks for."""
    return pyarrow.table({"logits": LOGITS.tolist(), "labels": LABELS, "id": LABELS}).cast(
        pyarrow.schema(
            [("logits", pyarrow.list_(pyarrow.float32())), ("labels", "int64"), ("id", "int64")]
        )
    )


def test_files_are_fitted_as_the_arrays_in_them(tmp_path: Path, expected: str) -> None:
    for k in range(3):
        part = of_lists().slice(k * 1000, 1000)
        parquet.write_table(part, tmp_path / f"{k}.parquet", row_group_size=300)
    files = sorted(map(str, tmp_path.glob("*.parquet")))
    for source in (files, str(tmp_path), dataset.dataset(tmp_path)):
        assert fit_arrow(source, plan()).to_json() == expected


def test_tables_are_fitted_and_columns_of_numbers_too(expected: str) -> None:
    assert fit_arrow(of_lists(), plan()).to_json() == expected
    # in the order of their numbers, not of the table
    columns = {f"z{k}": LOGITS[:, k] for k in sorted(range(12), key=str)}
    table = pyarrow.table({**columns, "y": LABELS})
    assert fit_arrow(table, plan(), logits="z*", labels="y", threads=1).to_json() == expected


def test_scores_without_labels_choose_a_threshold_at_the_given_temperature() -> None:
    card = fit_arrow(of_lists(), FitPlan(temperature=2.0, coverage=0.9), labels=None)
    assert card.temperature == 2.0
    assert card.policy is not None
    assert card.policy["accepted"] == 2700


def test_a_column_that_misses_is_told_before_rows_are_read() -> None:
    with pytest.raises(LogitconfError, match="must have the column 'y', its columns are 'logits',"):
        fit_arrow(of_lists(), plan(), labels="y")
