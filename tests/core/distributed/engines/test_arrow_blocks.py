"""What workers make of tables: arrays of any form of column, totals and scores as bytes."""

from typing import Any

import numpy as np
import pytest

from logitconf.distributed.engines.arrow_blocks import (
    added,
    arrays_of,
    gathered,
    missing_engine,
    packed_scores,
    scores_of_tables,
    total_of_scores,
    total_of_tables,
    unpacked_scores,
)
from logitconf.distributed.engines.columns import Columns
from logitconf.distributed.plan import FitPlan
from logitconf.distributed.request import Request
from logitconf.distributed.total import Total
from logitconf.errors import LogitconfError, MissingExtraError

pyarrow = pytest.importorskip("pyarrow", reason="tables are those of pyarrow")
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 2, (60, 4))
LABELS = (LOGITS + RNG.gumbel(size=LOGITS.shape)).argmax(axis=1)
LISTS = Columns(("logits",), ("labels",))
NUMBERS = {"half": np.float16, "single": np.float32, "double": np.float64}


def lists(values: Any, form: str) -> Any:
    """Rows as a column of lists of a form."""
    inner = pyarrow.array(values.reshape(-1))
    if form == "fixed":
        return pyarrow.FixedSizeListArray.from_arrays(inner, values.shape[1])
    if form == "tensor":
        return pyarrow.FixedShapeTensorArray.from_numpy_ndarray(values)
    ends = np.arange(len(values) + 1) * values.shape[1]
    kind = {"list": pyarrow.ListArray, "large": pyarrow.LargeListArray}[form]
    return kind.from_arrays(ends.astype(np.int32 if form == "list" else np.int64), inner)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("form", ["list", "large", "fixed", "tensor"])
def test_lists_of_every_form_and_number_are_read_also_of_a_slice(form: str, number: str) -> None:
    values = LOGITS.astype(NUMBERS[number])
    table = pyarrow.table({"logits": lists(values, form), "labels": LABELS})
    logits, labels = arrays_of(table.slice(7, 30), LISTS)
    assert logits.dtype == values.dtype
    np.testing.assert_array_equal(logits, values[7:37])
    np.testing.assert_array_equal(labels, LABELS[7:37])


def test_columns_of_numbers_stand_side_by_side() -> None:
    table = pyarrow.table({f"z{k}": LOGITS[:, k] for k in range(4)})
    logits, labels = arrays_of(table, Columns(("z3", "z1"), ()))
    np.testing.assert_array_equal(logits, LOGITS[:, [3, 1]])
    assert labels is None
    single, _ = arrays_of(table, Columns(("z2",), ()))
    np.testing.assert_array_equal(single, LOGITS[:, 2])


FAULTS = {
    "empty cells": (
        {"logits": [[1.0, 2.0], None], "labels": [0, 1]},
        "the column 'logits' of the dataset must have a value in every row, got empty cells",
    ),
    "empty numbers": (
        {"logits": [[1.0, None], [1.0, 2.0]], "labels": [0, 1]},
        "the column 'logits' of the dataset must have a value in every row, got empty cells",
    ),
    "empty labels": (
        {"logits": [[1.0, 2.0], [1.0, 2.0]], "labels": [0, None]},
        "the column 'labels' of the dataset must have a value in every row, got empty cells",
    ),
    "lengths": (
        {"logits": [[1.0, 2.0], [1.0]], "labels": [0, 1]},
        "lists in the column 'logits' of the dataset must all have one length, got 1, 2",
    ),
    "names": (
        {"logits": [[1.0, 2.0], [1.0, 0.0]], "labels": ["cat", "dog"]},
        "the column 'labels' of the dataset must hold numbers, got string; map names",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_cells_is_told_by_the_plan_and_not_raised_by_a_worker(
    fault: str,
) -> None:
    columns, message = FAULTS[fault]
    plan = FitPlan()
    request = asked(plan)
    fine = pyarrow.table({"logits": LOGITS.tolist(), "labels": LABELS})
    parts = [total_of_tables([each], LISTS, request) for each in (fine, pyarrow.table(columns))]
    assert [part.rows for part in parts] == [60, 2]
    with pytest.raises(LogitconfError, match=message):
        plan.send(request.id, parts[0].plus(parts[1]))


def asked(plan: FitPlan) -> Request:
    """The pass that a plan wants."""
    request = plan.next()
    assert request is not None
    return request


def test_totals_and_kept_scores_of_tables_are_those_of_the_arrays() -> None:
    table = pyarrow.table({"logits": LOGITS.tolist(), "labels": LABELS})
    plan = FitPlan(coverage=0.9)
    while (request := plan.next()) is not None:
        parts = [total_of_tables([table.slice(k * 20, 20)], LISTS, request) for k in range(3)]
        whole = request.total_of(LOGITS, LABELS)
        assert Total.from_bytes(added([part.to_bytes() for part in parts])) == whole
        if request.writes:
            kept = [*scores_of_tables([table], LISTS, request)]
            assert total_of_scores(kept, request) == whole
            scores, marks = unpacked_scores(kept[0])
            for mine, own in zip((scores, marks), request.scores_of(LOGITS, LABELS), strict=True):
                np.testing.assert_array_equal(mine, own)
        plan.send(request.id, whole)
    assert plan.card().rows is not None


def test_scores_of_labels_judged_one_by_one_keep_their_columns() -> None:
    scores = np.array([[1, 2, 3], [4, 5, np.nan]], dtype=np.float32)
    marks = np.array([[0, 1, 0], [2, 2, 2]], dtype=np.int8)
    own = unpacked_scores(packed_scores(scores, marks))
    np.testing.assert_array_equal(own[0], scores)
    np.testing.assert_array_equal(own[1], marks)


def test_small_batches_are_gathered_and_empty_ones_left_out() -> None:
    table = pyarrow.table({"logits": LOGITS.tolist(), "labels": LABELS, "more": LABELS})
    batches = table.to_batches(max_chunksize=7)
    (whole,) = gathered([batches[0].slice(0, 0), *batches], LISTS)
    assert whole.column_names == ["logits", "labels"]
    assert whole.equals(table.select(["logits", "labels"]))


def test_an_engine_that_misses_is_named_with_its_extra() -> None:
    error = missing_engine("fit_ray", "Ray Data", "ray")
    assert isinstance(error, MissingExtraError)
    assert (
        str(error) == 'fit_ray needs Ray Data, which is not installed; pip install "logitconf[ray]"'
    )
