"""Sums of one row and of many, on one thread and on several: is the order the same?

An order is found by probes in one setting; in all others the same random rows, whose sums depend on
the order, must give the same bits as in an order that is known, at every place of the batch. Where
they do not, the order is found there as well: runtimes were seen to add up by where a row begins in
memory, by how many rows there are, and by which row it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables.evaluators import Evaluator
from logitconf_export.proof.tables.operation_table import SumTable
from logitconf_export.proof.tables.sums.adding import ADDING, Adding, Axis, random_terms
from logitconf_export.proof.tables.sums.orders import (
    UnknownOrderError,
    deepest,
    deepest_of_positive,
)

MANY = 257
ROW_COUNTS = (16, 1, 2, 3, 4, 5, 8, 33, 64, MANY, 1024)
"""How many rows are added up at once; few first, where an order by place is found soonest."""
WIDE_ROW_COUNTS = (4096, 65536)
"""Elsewhere than on a CPU so many as well, where that are not too many numbers."""
THREADS = (1, 3, 16)
"""On so many threads it is looked at again, for one row and for many, where they can be set."""
_ROWS = 64
_PASSES = 4
_TRIED = 512
_MOST_ORDERS = 12
_MOST_NUMBERS = 2**30
"""Of probes that lie at one place of a batch, whose other rows are in vain."""
_AT_ONCE = 2**23
_MOST_AT_ONCE = 2**23
_HALF_ULP = {"float32": 2.0**-24, "float64": 2.0**-53}


class _Setting(NamedTuple):
    """How sums are asked for: rows at once, threads, places beside the alignment of vectors."""

    rows: int
    threads: int | None = None
    offset: int = 0


@dataclass(slots=True)
class _Order:
    """An order that was found: the sums of the random rows by it, and its table."""

    results: Array
    table: SumTable


@dataclass(frozen=True, slots=True)
class _Asked:
    """Sums of one kind, in one setting."""

    adding: Adding
    evaluator: Evaluator
    terms: int
    axis: Axis
    element: str
    setting: _Setting

    def anywhere(self, rows: Array) -> Array:
        """The results of rows that fill batches, one row of results each."""
        results = self.adding.computed(
            self.evaluator,
            rows,
            self.axis,
            rows=self.setting.rows,
            element=self.element,
            offset=self.setting.offset,
        )
        return results.reshape(len(rows), -1)

    def at(self, place: int, rows: Array) -> Array:
        """The results of rows that lie at one place of a batch of themselves each."""
        count = self.setting.rows
        few = max(1, _AT_ONCE // (count * self.terms))
        parts = [rows[start : start + few] for start in range(0, len(rows), few)]
        results = [self.anywhere(np.repeat(part, count, axis=0))[place::count] for part in parts]
        return np.concatenate(results)


def measure_sums(
    evaluator: Evaluator,
    terms: int,
    axis: Axis,
    element: str = "float32",
    operation: str = "ReduceSum",
) -> list[SumTable]:
    """A table for each depth to which sums of so many terms are added up.

    Args:
        evaluator: what computes.
        terms: that are added.
        axis: along which axis.
        element: type of the terms.
        operation: one of :data:`~logitconf_export.proof.tables.sums.adding.ADDING`.

    Raises:
        RefusedError: if the evaluator cannot add up.
    """
    orders: list[_Order] = []
    random = random_terms(operation, terms, _ROWS, terms)
    for setting in _settings(terms, on_cpu=evaluator.provider == "cpu"):
        on = evaluator if setting.threads is None else evaluator.on_threads(setting.threads)
        if on is None:
            continue
        asked = _Asked(ADDING[operation], on, terms, axis, element, setting)
        rows = _places(setting.rows)
        results = asked.anywhere(random[rows])
        while True:
            unlike = ~_known(orders, rows, results)
            if not unlike.any():
                break
            place = int(np.flatnonzero(unlike)[0]) % setting.rows
            table = SumTable(operation, element, terms, axis, setting.rows, terms - 1, 0, 0.0)
            new = _found(asked, table, random, (rows, results, place))
            orders.append(new)
            if new.table.probed < terms or len(orders) > _MOST_ORDERS:
                # any order, then; no other can be deeper
                table = replace(new.table, depth=terms - 1, probed=0)
                return [replace(table, worst=_worst(asked, operation))]
        for order in orders:
            if (results == order.results[rows]).all(axis=1).any():
                order.table = _also(order.table, setting)
    return _of_each_depth([order.table for order in orders])


def _known(orders: list[_Order], rows: Array, results: Array) -> Array:
    known = np.zeros(len(rows), bool)
    for order in orders:
        known |= (results == order.results[rows]).all(axis=1)
    return known


def _settings(terms: int, *, on_cpu: bool) -> Iterator[_Setting]:
    for rows in ROW_COUNTS:
        yield _Setting(rows)
    if not on_cpu:
        for rows in WIDE_ROW_COUNTS:
            if rows * terms <= _MOST_AT_ONCE:
                yield _Setting(rows)
    for rows in (MANY, 1):
        yield _Setting(rows, offset=1)
        for threads in THREADS:
            yield _Setting(rows, threads)


def _also(table: SumTable, setting: _Setting) -> SumTable:
    rows = tuple(sorted({*table.alike, setting.rows}))
    threads = () if setting.threads is None else (setting.threads,)
    return replace(table, alike=rows, threads=tuple(sorted({*table.threads, *threads})))


def _of_each_depth(tables: list[SumTable]) -> list[SumTable]:
    """One table for all orders of the same depth."""
    by_depth: dict[int, SumTable] = {}
    for table in tables:
        held = by_depth.setdefault(table.depth, table)
        by_depth[table.depth] = replace(
            held,
            worst=max(held.worst, table.worst),
            alike=tuple(sorted({*held.alike, *table.alike})),
            threads=tuple(sorted({*held.threads, *table.threads})),
        )
    return [by_depth[depth] for depth in sorted(by_depth)]


def _places(rows: int) -> Array:
    """Which row lies where, batch after batch: each is somewhere, and at each place are several."""
    random = np.random.default_rng(rows)
    wanted = max(_PASSES * rows, _ROWS)
    shuffled = [random.permutation(_ROWS) for _ in range(-(-wanted // _ROWS))]
    return np.concatenate(shuffled)[: -(-wanted // rows) * rows]


def _found(
    asked: _Asked, table: SumTable, random: Array, where: tuple[Array, Array, int]
) -> _Order:
    """The order at a place of the batch, by probes; probed of none if that did not succeed.

    Args:
        asked: in which setting.
        table: so far.
        random: the random rows.
        where: which of them lay where, the results of all places, and the place.
    """
    rows, results, place = where
    terms, count = asked.terms, asked.setting.rows
    first = np.zeros((_ROWS, results.shape[1]), results.dtype)
    first[rows] = results
    if (first[rows] == results).all():
        # the same at all places
        depth = _depth(asked, asked.anywhere)
    elif terms * terms * 2 * count > _MOST_NUMBERS:
        return _Order(first, table)
    else:
        first = asked.at(place, random)
        depth = _depth(asked, lambda probes: asked.at(place, probes))
    if depth is None:
        return _Order(first, table)
    worst = _worst(asked, table.operation)
    return _Order(first, replace(table, depth=depth, probed=terms, worst=worst))


def _depth(asked: _Asked, compute: Callable[[Array], Array]) -> int | None:
    """No term passes through more additions; None if that cannot be told."""
    read = asked.adding.beyond
    if asked.terms < 2:
        return 0
    try:
        if read is None:
            return deepest(lambda rows: compute(rows)[:, 0], asked.terms, asked.element)
        return deepest_of_positive(lambda rows: read(compute(rows)), asked.terms)
    except UnknownOrderError:
        return None


def _worst(asked: _Asked, operation: str) -> float:
    """The largest error of random sums, in half ulps of the sum of sizes."""
    adding, wide, element = asked.adding, np.longdouble, asked.element
    rows = np.concatenate([random_terms(operation, asked.terms, _TRIED, seed) for seed in (1, 2)])
    if adding.beyond is None:
        rows[:_TRIED] = np.abs(rows[:_TRIED])
    given = adding.input(rows).astype(element).astype(wide)
    results = asked.anywhere(rows)
    if adding.beyond is None:
        errors = np.abs(results[:, 0].astype(wide) - given.sum(axis=1))
    else:
        taken = np.abs(given) if operation == "ReduceL1" else np.exp(given)
        errors = np.abs(adding.beyond(results) - (taken.sum(axis=1) - 1.0))
    share = errors / np.abs(rows).sum(axis=1, dtype=wide)
    return round(float(share.max() / _HALF_ULP[element]), 3)
