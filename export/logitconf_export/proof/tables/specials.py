"""What operations make of NaN, infinities, zeros and subnormals, wherever they lie in a buffer."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables.elementwise import shifted
from logitconf_export.proof.tables.evaluators import Evaluator, Operation, RefusedError
from logitconf_export.proof.tables.operation_table import SpecialTable, as_text

_LARGEST = float(np.finfo(np.float32).max)
VALUES: tuple[float, ...] = (
    math.nan,
    math.inf,
    -math.inf,
    0.0,
    -0.0,
    1.0,
    -1.0,
    float(np.float32(1e-40)),
    _LARGEST,
)
"""What each operand of an operation on elements is."""
OF_CHOICES: tuple[float, ...] = (math.nan, math.inf, -math.inf, 0.0, 1.0)
"""What each operand of a Where is; its condition is whether the first one is above 0."""
OF_TRUTHS: tuple[float, ...] = (0.0, 1.0)
"""What each operand of an And is."""
OF_ROWS: tuple[float, ...] = (math.nan, math.inf, -math.inf, 1.0, _LARGEST)
"""What each operand of a reduction is."""
_ADDED_UP = ("ReduceSum", "ReduceL1", "Softmax", "LogSoftmax", "Gemm")
_OF_EACH = ("Softmax", "LogSoftmax", "TopK")
_COPIES = 64
_LENGTHS = (3, 8, 67)
_COLUMNS = 5


def measure_specials(
    evaluator: Evaluator, name: str, operands: int, *constants: float
) -> SpecialTable:
    """What an operation on elements makes of every combination of values.

    Args:
        evaluator: what computes.
        name: ONNX's.
        operands: how many.
        constants: behind them; they stand in the table's name.

    Raises:
        RefusedError: if the evaluator cannot compute it.
    """
    values = {"Where": OF_CHOICES, "And": OF_TRUTHS}.get(name, VALUES)
    grid = np.array([*itertools.product(values, repeat=operands)], np.float32)
    seen: list[set[str]] = [set() for _ in grid]

    def note(results: Array, places: Array) -> None:
        for result, place in zip(results.reshape(-1).tolist(), places.tolist(), strict=True):
            seen[place].add(as_text(result))

    operation = Operation(name, constants)
    everywhere = np.tile(np.arange(len(grid)), _COPIES)
    for offset in (0, 1):
        columns = [shifted(c, offset) for c in _columns(name, grid[everywhere])]
        (results,) = evaluator.compute(operation, [tuple(columns)])
        note(results, everywhere)
    once = np.arange(len(grid))
    for size in (1, 3):
        note(evaluator.compute_short(operation, tuple(_columns(name, grid)), size), once)
    if operands == 2:
        # the second one as a constant of the graph, as thresholds are
        for value in values:
            places = np.flatnonzero(
                np.isnan(grid[:, 1]) if math.isnan(value) else _same(grid[:, 1], value)
            )
            x = np.tile(_columns(name, grid[places])[0], _COPIES)
            (results,) = evaluator.compute(Operation(name, (value,)), [(x,)])
            note(results, np.tile(places, _COPIES))
    return _table(special_name(name, constants), values, operands, seen)


def special_name(name: str, constants: Sequence[float] = ()) -> str:
    """The name of a special table.

    >>> special_name("Clip", (0.0,)), special_name("Exp")
    ('Clip(0.0)', 'Exp')
    """
    return f"{name}({', '.join(map(as_text, constants))})" if constants else name


def measure_special_rows(evaluator: Evaluator, name: str) -> SpecialTable:
    """What a reduction makes of rows (a, …, a, b, c, …, c) of such values.

    Of a Softmax, LogSoftmax or TopK the largest result counts, and NaN if it is among them; of a
    Gemm with a column of 2^-100, which carries NaN and infinities, the product. What is added up
    and finite counts as its sign, 1, 0 or −1.

    Raises:
        RefusedError: if the evaluator cannot compute it.
    """
    triples = [*itertools.product(OF_ROWS, repeat=3)]
    seen: list[set[str]] = [set() for _ in triples]
    for length in _LENGTHS:
        rows, places = [], []
        for middle in range(1, length - 1):
            for place, (a, b, c) in enumerate(triples):
                rows.append([a] * middle + [b] + [c] * (length - 1 - middle))
                places.append(place)
        table = np.array(rows, np.float32)
        for result in _reduced(evaluator, name, table):
            if result.ndim == 0 or len(result) > len(table):
                # OpenVINO 2026.4.1 adds up the sizes of all rows
                raise RefusedError(f"{evaluator.name} gives no number for each row of {name}")
            answers = result.reshape(len(result), -1)
            if name in _ADDED_UP:
                answers = np.where(np.isfinite(answers), np.sign(answers), answers)
            for place, values in zip(places, answers, strict=False):
                held = values[~np.isnan(values)]
                seen[place] |= {as_text(held.max())} if len(held) else set()
                seen[place] |= {"nan"} if len(held) < len(values) else set()
    return _table(name, OF_ROWS, 3, seen, reduced=True)


def _reduced(evaluator: Evaluator, name: str, table: Array) -> list[Array]:
    """Results for the rows of a table: all at once, the first ones alone, along an inner axis."""
    alone = [row[None] for row in table[:250]]
    if name in _OF_EACH:
        operation = Operation(name, attributes={"axis": 1})
        whole, *single = evaluator.compute(operation, [(table,), *((row,) for row in alone)])
        return [whole, np.concatenate(single)]
    if name == "Gemm":
        column = np.full((table.shape[1], 1), 2.0**-100, np.float32)
        products = [(table, column), *((row, column) for row in alone)]
        whole, *single = evaluator.compute(Operation(name), products)
        return [whole, np.concatenate(single)]
    operation = Operation(name, axes=(1,))
    inner = np.ascontiguousarray(np.repeat(table[:, :, None], _COLUMNS, axis=2))
    jobs: list[tuple[Array, ...]] = [(table,), (inner,), *((row,) for row in alone)]
    whole, columns, *single = evaluator.compute(operation, jobs)
    return [whole, columns, np.concatenate([np.atleast_1d(each) for each in single])]


def _columns(name: str, grid: Array) -> list[Array]:
    columns = [np.ascontiguousarray(column) for column in grid.T]
    if name == "Where":
        columns[0] = columns[0] > 0
    return [column > 0 for column in columns] if name == "And" else columns


def _same(values: Array, value: float) -> Array:
    """Where values are one, the sign of a zero included."""
    return np.asarray((values == value) & (np.signbit(values) == np.signbit(value)))


def _table(
    name: str,
    values: Sequence[float],
    operands: int,
    seen: Sequence[set[str]],
    *,
    reduced: bool = False,
) -> SpecialTable:
    if not all(seen):
        raise RefusedError(f"{name} must give results for all values, got none for some")
    results = " ".join("|".join(sorted(each)) for each in seen)
    return SpecialTable(name, "float32", tuple(map(as_text, values)), operands, results, reduced)
