"""Labelled logits in tables, CSV or Parquet, by the names of their columns; needs pyarrow."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from logitconf.errors import LogitconfError, MissingExtraError, closest
from logitconf.wording.lists import first_few
from logitconf_export.cli.rows.npz import LabelledRows
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.stored_arrays import LABELS

if TYPE_CHECKING:
    import pyarrow

TABLES = (".csv", ".tsv", ".parquet", ".pq")
"""Endings of the files that are read as tables."""
_MOST_LISTED = 12
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


@dataclass(frozen=True, slots=True)
class _Matched:
    """Columns that a pattern matches, in the order of the classes.

    Attributes:
        names: of the columns.
        parts: what the star stands for in each; the names themselves without one star.
        numbered: whether the parts are the numbers of the classes.
    """

    names: tuple[str, ...]
    parts: tuple[str, ...]
    numbered: bool


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
            f"'logit_*'; {_listed(table)}"
        )
    matched = _match(table, columns.logits, path)
    logits = _numbers(table, matched, path)
    found = _match(table, columns.labels or LABELS, path)
    if len(found.names) == 1 and not _holds_numbers(table, found.names[0]):
        labels = _texts(table, found.names[0], path)
    else:
        labels = _numbers(table, _in_order_of(found, matched), path)
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
        raise LogitconfError(f"{path} must have at least one row, got none; {_listed(table)}")
    return table


def _match(table: "pyarrow.Table", pattern: str, path: Path) -> _Matched:
    """The columns that a pattern matches.

    Raises:
        LogitconfError: if there are none, or numbers among them are missing.
    """
    matcher = re.compile(re.escape(pattern).replace(r"\*", "(.*)"))
    matches = [(name, matcher.fullmatch(name)) for name in table.column_names]
    pairs = [(name, match) for name, match in matches if match is not None]
    if not pairs:
        meant = closest(pattern.replace("*", ""), table.column_names)
        hint = "" if meant is None else f"; did you mean {meant!r}?"
        what = "columns that match" if "*" in pattern else "the column"
        raise LogitconfError(f"{path} must have {what} {pattern!r}, {_listed(table)}{hint}")
    one_star = pattern.count("*") == 1
    parts = [match[1] if one_star else name for name, match in pairs]
    names = [name for name, _ in pairs]
    if one_star and all(part.isascii() and part.isdigit() for part in parts):
        order = sorted(range(len(parts)), key=lambda place: int(parts[place]))
        numbers = [int(parts[place]) for place in order]
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            raise LogitconfError(
                f"columns that match {pattern!r} in {path} must be numbered without gaps, got "
                f"{first_few(numbers, _MOST_LISTED)}"
            )
        ordered = tuple(names[place] for place in order)
        return _Matched(ordered, tuple(parts[place] for place in order), True)
    return _Matched(tuple(names), tuple(parts), False)


def _in_order_of(labels: _Matched, logits: _Matched) -> _Matched:
    """The columns of labels in the order of those of the logits, where both name the same."""
    if sorted(labels.parts) != sorted(logits.parts) or labels.parts == logits.parts:
        return labels
    places = [labels.parts.index(part) for part in logits.parts]
    return _Matched(tuple(labels.names[place] for place in places), logits.parts, labels.numbered)


def _numbers(table: "pyarrow.Table", matched: _Matched, path: Path) -> Array:
    """The columns side by side, (N, K); those of lists one after the other.

    Raises:
        LogitconfError: if they hold something else, or cells are empty.
    """
    parts = [_column(table, name, path) for name in matched.names]
    rows: Array = np.concatenate(parts, axis=1)
    return rows


def _column(table: "pyarrow.Table", name: str, path: Path) -> Array:
    """One column as (N, 1), or of lists as (N, K)."""
    from pyarrow import compute, types

    column = table.column(name)
    _check_filled(column, name, path)
    kind = column.type
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        lengths = compute.unique(compute.list_value_length(column)).to_pylist()
        if len(lengths) != 1:
            raise LogitconfError(
                f"lists in the column {name!r} of {path} must all have one length, got "
                f"{first_few(sorted(lengths))}"
            )
        inner = compute.list_flatten(column)
        _check_filled(inner, name, path)
        return _plain(inner, name, path).reshape(len(column), int(lengths[0]))
    return _plain(column, name, path).reshape(-1, 1)


def _plain(column: "pyarrow.ChunkedArray", name: str, path: Path) -> Array:
    values: Array = np.asarray(column.to_numpy())
    if values.dtype.kind not in "iufb":
        raise LogitconfError(
            f"the column {name!r} of {path} must hold numbers, got {column.type}, such as "
            f"{values.reshape(-1)[0]!r}"
        )
    return values


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


def _listed(table: "pyarrow.Table") -> str:
    names: Sequence[str] = [repr(name) for name in table.column_names]
    return f"its columns are {first_few(names, _MOST_LISTED)}"
