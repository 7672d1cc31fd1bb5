"""Labelled logits in tables, CSV or Parquet, by the names of their columns; needs pyarrow."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from logitconf.distributed.engines.arrow_blocks import side_by_side
from logitconf.distributed.engines.columns import Matched, listed, matching
from logitconf.errors import LogitconfError, MissingExtraError
from logitconf_export.cli.rows.npz import LabelledRows
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.stored_arrays import LABELS

if TYPE_CHECKING:
    import pyarrow

TABLES = (".csv", ".tsv", ".parquet", ".pq")
"""Endings of the files that are read as tables."""
_EMPTY_TEXTS = ("", "NA", "N/A", "null", "NULL", "None")


@dataclass(frozen=True, slots=True)
class TableColumns:
    """Which columns hold what.

    Attributes:
        logits: a pattern such as ``"logit_*"`` for a column each, or the name of a column of lists.
        labels: the name of a column, or for several labels a row a pattern or a column of lists.
    """

    logits: str | None = None
    labels: str | None = None


def is_table(path: Path) -> bool:
    """Whether a file is read as a table, by the ending of its name."""
    return path.suffix.lower() in TABLES


def rows_from_table(path: Path, columns: TableColumns, kind: str | None = None) -> LabelledRows:
    """The logits and labels of a table.

    Columns whose names end in numbers are taken in the order of those; others in that of the file,
    and what the star stands for names their classes, where labels are such names.

    Args:
        path: of the file.
        columns: which columns hold what; the labels are in ``labels`` unless it says otherwise.
        kind: what the logits hold, as the user says.

    Raises:
        LogitconfError: if columns are missing, empty in a row, or hold no numbers; the error lists
            the columns that there are.
        MissingExtraError: without pyarrow.
    """
    table = _read(path)
    if columns.logits is None:
        raise LogitconfError(
            f"the columns of the logits in {path} must be named with --logits-columns, such as "
            f"'logit_*'; {listed(table.column_names)}"
        )
    matched = matching(columns.logits, table.column_names, path)
    logits = _numbers(table, matched, path)
    found = matching(columns.labels or LABELS, table.column_names, path)
    if len(found.names) == 1 and not _holds_numbers(table, found.names[0]):
        labels = _texts(table, found.names[0], path)
    else:
        labels = _numbers(table, found.in_order_of(matched), path)
        labels = labels[:, 0] if labels.shape[1:] == (1,) else labels
    texts = labels.dtype.kind == "U"
    named = texts and not matched.numbered and len(matched.names) > 1
    one_logit = logits.shape[1:] == (1,)
    return LabelledRows(
        logits[:, 0] if one_logit else logits, labels, kind, matched.parts if named else None
    )


def _read(path: Path) -> "pyarrow.Table":
    try:
        import pyarrow
        from pyarrow import csv, parquet
    except ImportError as error:
        raise MissingExtraError(
            f'tables such as {path} need pyarrow; pip install "logitconf[tables]", or save the '
            "arrays with numpy.savez"
        ) from error
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            table = parquet.read_table(path)
        else:
            separator = "\t" if path.suffix.lower() == ".tsv" else ","
            table = csv.read_csv(
                path,
                parse_options=csv.ParseOptions(delimiter=separator),
                convert_options=csv.ConvertOptions(
                    null_values=_EMPTY_TEXTS, strings_can_be_null=True
                ),
            )
    except (OSError, pyarrow.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise LogitconfError(f"{path} must be a readable table: {reason}") from error
    twice = {name for name in table.column_names if table.column_names.count(name) > 1}
    if twice:
        raise LogitconfError(
            f"{path} must name each column once, got {sorted(twice)} several times"
        )
    if not table.num_rows:
        raise LogitconfError(
            f"{path} must have at least one row, got none; {listed(table.column_names)}"
        )
    return table


def _numbers(table: "pyarrow.Table", matched: Matched, path: Path) -> Array:
    """The columns side by side, (N, K); those of lists one after the other.

    Raises:
        LogitconfError: if they hold something else, or cells are empty.
    """
    for name in matched.names:
        column = table.column(name)
        _check_filled(column, name, path)
        if not _holds_numbers(table, name):
            raise LogitconfError(
                f"the column {name!r} of {path} must hold numbers, got {column.type}, such as "
                f"{column[0].as_py()!r}"
            )
    rows: Array = side_by_side(table, matched.names, path)
    return rows.reshape(len(rows), -1)


def _check_filled(column: Any, name: str, path: Path) -> None:
    if column.null_count:
        empty = np.asarray(column.is_null().to_numpy()).nonzero()[0]
        raise LogitconfError(
            f"the column {name!r} of {path} must have a value in every row, got {len(empty)} empty "
            f"cells, the first in row {int(empty[0])} (counted from 0)"
        )


def _holds_numbers(table: "pyarrow.Table", name: str) -> bool:
    from pyarrow import types

    kind = table.column(name).type
    if types.is_dictionary(kind):
        kind = kind.value_type
    return not (types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _texts(table: "pyarrow.Table", name: str, path: Path) -> Array:
    column = table.column(name)
    _check_filled(column, name, path)
    return np.array(column.to_pylist(), dtype=np.str_)
