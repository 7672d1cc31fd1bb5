"""What a worker makes of tables of Arrow: blocks of arrays, and the answer to a request as bytes.

Answers and scores travel as bytes, so that every engine carries them in a column of binary values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from logitconf.arrays import Array
from logitconf.distributed.engines.columns import Columns
from logitconf.distributed.request import Request
from logitconf.distributed.total import Total
from logitconf.errors import LogitconfError, MissingExtraError
from logitconf.wording.lists import first_few

if TYPE_CHECKING:
    import pyarrow

BYTES = "bytes"
"""The column that answers and scores travel in."""
# Small tables are gathered: an answer costs as much as some 2^16 logits, besides its rows.
_ELEMENTS = 1 << 22
_FAN_IN = 32
"""Totals that one task adds up."""


def total_of_tables(tables: Iterable[pyarrow.Table], columns: Columns, request: Request) -> Total:
    """The total of the rows of tables, read one after the other."""
    total = request.empty()
    for table in gathered(tables, columns):
        try:
            logits, labels = arrays_of(table, columns)
        except LogitconfError as error:
            rows = table.num_rows
            total = total.plus(replace(request.empty(), rows=rows, problems=(str(error),)))
        else:
            total = total.plus(request.total_of(logits, labels))
    return total


def scores_of_tables(
    tables: Iterable[pyarrow.Table], columns: Columns, request: Request
) -> Iterator[bytes]:
    """The scores and marks of tables, as :func:`packed_scores`."""
    for table in gathered(tables, columns):
        yield packed_scores(*request.scores_of(*arrays_of(table, columns)))


def total_of_scores(packed: Iterable[bytes], request: Request) -> Total:
    """The total of scores that `scores_of_tables` gave."""
    each = (request.total_of_scores(*unpacked_scores(data)) for data in packed)
    return reduce(Total.plus, each, request.empty())


def added(totals: Iterable[bytes]) -> bytes:
    """The sum of totals, at least one, as bytes."""
    return reduce(Total.plus, map(Total.from_bytes, totals)).to_bytes()


def by_a_tree(parts: list[Any], add: Callable[[list[Any]], Any]) -> Any:
    """The sum of parts, at least one, by tasks that each add some up; none waits for all."""
    while len(parts) > 1:
        parts = [add(parts[i : i + _FAN_IN]) for i in range(0, len(parts), _FAN_IN)]
    return parts[0]


def packed_scores(scores: Array, marks: Array) -> bytes:
    """Scores float32 (N,) or (N, L) and whole marks of that shape, as bytes."""
    import msgspec

    # a byte is enough, unless the marks name classes too
    small = marks.astype("i1" if marks.max(initial=0) < 128 else "<i4")
    columns = scores.shape[1:]
    values = (columns, scores.astype("<f4").tobytes(), small.dtype.str, small.tobytes())
    return msgspec.msgpack.encode(values)


def unpacked_scores(data: bytes) -> tuple[Array, Array]:
    """The scores and marks in the bytes of `packed_scores`."""
    import msgspec

    columns, scores, kind, marks = msgspec.msgpack.decode(data)
    return (
        np.frombuffer(scores, "<f4").reshape(-1, *columns),
        np.frombuffer(marks, kind).reshape(-1, *columns),
    )


def gathered(tables: Iterable[pyarrow.Table], columns: Columns) -> Iterator[pyarrow.Table]:
    """Tables with only the columns that are needed; small ones together."""
    import pyarrow

    waiting: list[pyarrow.Table] = []
    size = 0
    for batch in tables:
        single = isinstance(batch, pyarrow.RecordBatch)
        own = (pyarrow.Table.from_batches([batch]) if single else batch).select(columns.all)
        if own.num_rows:
            waiting.append(own)
            size += own.nbytes
        if size >= 4 * _ELEMENTS:
            yield pyarrow.concat_tables(waiting)
            waiting, size = [], 0
    if waiting:
        yield pyarrow.concat_tables(waiting)


def arrays_of(table: pyarrow.Table, columns: Columns) -> tuple[Array, Array | None]:
    """Logits (N, K), or (N,) of a single column of numbers, and labels (N,) or (N, L).

    Raises:
        LogitconfError: if the columns hold something else, or cells are empty; the words do not
            depend on how the rows are spread.
    """
    logits = side_by_side(table, columns.logits, "the dataset")
    if not columns.labels:
        return logits, None
    labels = side_by_side(table, columns.labels, "the dataset")
    return logits, labels


def side_by_side(table: pyarrow.Table, names: Iterable[str], where: object) -> Array:
    """Columns of numbers or lists of numbers, (N, K); (N,) of a single column of numbers.

    Args:
        table: any of Arrow's.
        names: of the columns.
        where: they are, for errors.

    Raises:
        LogitconfError: if they hold something else, or cells are empty.
    """
    parts = [numbers_of(table.column(name), name, where) for name in names]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([part.reshape(table.num_rows, -1) for part in parts], axis=1)


def numbers_of(column: pyarrow.ChunkedArray, name: str, where: object) -> Array:
    """A column of numbers (N,), or of lists of them (N, K).

    Raises:
        LogitconfError: if it holds something else, or cells are empty.
    """
    from pyarrow import compute, types

    _check_filled(column, name, where)
    kind = column.type
    if hasattr(kind, "storage_type"):  # a tensor of fixed shape, of Ray's or Arrow's own kind
        chunks = [chunk.storage for chunk in column.chunks]
        return numbers_of(_chunked(chunks, kind.storage_type), name, where)
    if types.is_fixed_size_list(kind):
        inner = compute.list_flatten(column)
        _check_filled(inner, name, where)
        return _plain(inner, name, where).reshape(len(column), kind.list_size)
    if types.is_list(kind) or types.is_large_list(kind):
        lengths = sorted(compute.unique(compute.list_value_length(column)).to_pylist())
        if len(lengths) > 1:
            raise LogitconfError(
                f"lists in the column {name!r} of {where} must all have one length, got "
                f"{first_few(lengths)}"
            )
        inner = compute.list_flatten(column)
        _check_filled(inner, name, where)
        return _plain(inner, name, where).reshape(len(column), *lengths)
    return _plain(column, name, where)


def _chunked(chunks: list[Any], kind: Any) -> pyarrow.ChunkedArray:
    import pyarrow

    return pyarrow.chunked_array(chunks, type=kind)


def _plain(column: pyarrow.ChunkedArray, name: str, where: object) -> Array:
    values: Array = np.asarray(column.to_numpy())
    if values.dtype.kind not in "iufb":
        raise LogitconfError(
            f"the column {name!r} of {where} must hold numbers, got {column.type}; map names to "
            "the numbers of their classes first"
        )
    return values


def _check_filled(column: Any, name: str, where: object) -> None:
    if column.null_count:
        raise LogitconfError(
            f"the column {name!r} of {where} must have a value in every row, got empty cells; "
            "leave such rows out"
        )


def missing_engine(what: str, package: str, extra: str) -> MissingExtraError:
    """The error of an engine that is not installed."""
    return MissingExtraError(
        f'{what} needs {package}, which is not installed; pip install "logitconf[{extra}]"'
    )
