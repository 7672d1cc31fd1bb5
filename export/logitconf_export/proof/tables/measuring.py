"""Measuring a runtime: all its operations, or those that a head needs and no table has."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from logitconf.errors import LogitconfError, not_among
from logitconf.telling.progress import steps
from logitconf_export.proof.tables import operations as known
from logitconf_export.proof.tables import truth
from logitconf_export.proof.tables.budget import LIMIT, Budget, Timed
from logitconf_export.proof.tables.elementwise import measure_elementwise
from logitconf_export.proof.tables.environments import environment_of
from logitconf_export.proof.tables.evaluators import (
    Evaluator,
    Operation,
    RefusedError,
    evaluator_of,
)
from logitconf_export.proof.tables.files import cached_tables, keep_tables
from logitconf_export.proof.tables.floats import Floats
from logitconf_export.proof.tables.operation_table import (
    OperationTable,
    RuntimeTables,
    SpecialTable,
    SumTable,
)
from logitconf_export.proof.tables.pairs import (
    CHOOSING,
    measure_doubles,
    measure_pairs,
    measure_reduced,
)
from logitconf_export.proof.tables.specials import (
    measure_special_rows,
    measure_specials,
    special_name,
)
from logitconf_export.proof.tables.sums.adding import ADDING, Axis
from logitconf_export.proof.tables.sums.batches import measure_sums
from logitconf_export.proof.tables.sums.log_softmax import measure_log_softmax

SECONDS = 120.0
"""That the ranges of float32 may take, about; whatever is left is sampled."""
_CHECKED = 300
# of a limit this is kept for ranges, which are tried as finely as time allows and come last; of
# what is left before them each other part has a quarter
_KEPT, _OF_LEFT = 0.4, 0.25

OPERATIONS = sorted({*known.OF_ONE, *known.ROUNDING_PAIRS, *CHOOSING, *known.ROW_OPERATIONS})
"""That heads are made of, and round or choose."""

Measured: TypeAlias = "Sequence[OperationTable] | Sequence[SumTable] | SpecialTable"
Task: TypeAlias = Callable[[], Measured]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a head needs besides what every head does.

    Attributes:
        constants: ``("Mul", 0.66666668)`` or ``("Div", 1.5)``: operations whose second operand is
            a float32 constant of the graph.
        sums: ``("ReduceSum", 37, "last", "float32")``: how many terms are added along which axis.
    """

    constants: tuple[tuple[str, float], ...] = ()
    sums: tuple[tuple[str, int, Axis, str], ...] = ()

    def missing(self, tables: RuntimeTables) -> Wish:
        """What tables do not have."""
        refused = {text.split(":")[0] for text in tables.refused}
        constants = tuple(
            (name, constant)
            for name, constant in self.constants
            if not tables.of(name, constant=constant)
            and _constant_name(name, constant) not in refused
        )
        sums = tuple(
            (name, terms, axis, element)
            for name, terms, axis, element in self.sums
            if terms not in {table.terms for table in tables.sums_of(name, axis, element)}
            and _sum_name(name, terms, axis, element) not in refused
        )
        return Wish(constants, sums)


def wish_of(temperatures: Iterable[float]) -> Wish:
    """What heads with these temperatures need: divisions by T, and products with 1 / T.

    >>> wish_of([1.5]).constants
    (('Div', 1.5), ('Mul', 0.6666666865348816))
    """
    constants = []
    for temperature in temperatures:
        rounded = np.float32(temperature)
        constants += [("Div", float(rounded)), ("Mul", float(np.float32(1.0) / rounded))]
    return Wish(tuple(constants))


def sums_of(
    operations: Iterable[str], terms: int, element: str, *, last: bool
) -> tuple[tuple[str, int, Axis, str], ...]:
    """The sums in a graph with such operations over so many classes, as wishes.

    >>> sums_of({"Exp", "Softmax"}, 1000, "float32", last=True)
    (('Softmax sum', 1000, 'last', 'float32'),)
    """
    axis: Axis = "last" if last else "inner"
    return tuple(
        (name, terms, axis, element)
        for name, adding in ADDING.items()
        if adding.operation in operations
        and axis in adding.axes
        and (adding.beyond is None or element == "float32")
    )


def tables_for(
    name: str,
    provider: str = "cpu",
    wish: Wish | None = None,
    *,
    tell: Callable[[RuntimeTables, float], None] | None = None,
) -> RuntimeTables:
    """The tables of a runtime here: out of the cache, or measured now and kept there.

    Args:
        name: as ``--on`` takes it, or ``"torch"`` or ``"numpy"``.
        provider: of onnxruntime, by its short name.
        wish: what is needed besides; measured if the tables do not have it.
        tell: called with the tables and the seconds that measuring took, if it had to be done.

    Raises:
        LogitconfError: if the runtime is not there.
    """
    evaluator, wish = evaluator_of(name, provider), wish or Wish()
    cached = cached_tables(environment_of(evaluator))
    if cached is None:
        held = measure(evaluator, wish)
    else:
        held = completed(cached, evaluator)
        missing = wish.missing(held)
        held = extended(held, evaluator, missing) if missing != Wish() else held
    if held is not cached:
        keep_tables(held)
        if tell is not None:
            tell(held, held.seconds - (0.0 if cached is None else cached.seconds))
    return held


def measure(
    evaluator: Evaluator,
    wish: Wish | None = None,
    *,
    seconds: float = SECONDS,
    limit: float = LIMIT,
    thorough: bool = False,
    only: Sequence[str] = (),
) -> RuntimeTables:
    """Tables of all operations that heads are made of.

    Args:
        evaluator: what computes.
        wish: what is measured besides.
        seconds: that the ranges of float32 may take, about.
        limit: seconds that all may take; what is not reached then counts as refused.
        thorough: whether, where heads live, every float is tried on every path, whatever it takes.
        only: operations, if not all; what is wished is measured anyway.

    Raises:
        LogitconfError: for an operation that is none of a head's, or if nothing can be computed.
    """
    empty = RuntimeTables(environment_of(evaluator), "", 0.0, evaluator.threads, ())
    budget = Budget(limit)
    timed = Timed(evaluator, budget)
    chosen = _chosen(_of_every_head(timed, seconds, thorough), only)
    tables = _done(empty, {**chosen, **_wished(timed, wish or Wish(), seconds)}, budget)
    if len(tables.refused) == len(chosen):
        # a provider that is not there, for one
        raise LogitconfError(f"some operation must be computed to be measured: {tables.refused[0]}")
    return tables


def completed(
    tables: RuntimeTables,
    evaluator: Evaluator,
    *,
    seconds: float = SECONDS,
    limit: float = LIMIT,
    only: Sequence[str] = (),
) -> RuntimeTables:
    """Tables with what they do not have of the operations of heads; the same if that is nothing."""
    held, budget = _labels(tables), Budget(limit)
    every = _chosen(_of_every_head(Timed(evaluator, budget), seconds, thorough=False), only)
    missing = {label: task for label, task in every.items() if label not in held}
    return _done(tables, missing, budget) if missing else tables


def extended(
    tables: RuntimeTables,
    evaluator: Evaluator,
    wish: Wish,
    *,
    seconds: float = SECONDS,
    limit: float = LIMIT,
) -> RuntimeTables:
    """Tables with what is wished besides."""
    budget = Budget(limit)
    return _done(tables, _wished(Timed(evaluator, budget), wish, seconds), budget)


def _chosen(tasks: dict[str, Task], only: Sequence[str]) -> dict[str, Task]:
    for name in only:
        if name not in OPERATIONS:
            raise not_among("operation", name, OPERATIONS)
    return {label: task for label, task in tasks.items() if not only or _operation(label) in only}


def _labels(tables: RuntimeTables) -> set[str]:
    """The tasks that tables are of, and those that were refused."""
    labels = {text.split(":")[0] for text in tables.refused}
    for table in tables.operations:
        if table.constant is None:
            double = " float64" * (table.element == "float64")
            labels.add(table.operation + double)
            if table.operation == "LogSoftmax log":
                labels.add("LogSoftmax")
    labels |= {f"special {table.operation}" for table in tables.specials}
    labels |= {_sum_name(t.operation, t.terms, t.axis, t.element) for t in tables.sums}
    return labels


def _done(tables: RuntimeTables, tasks: dict[str, Task], budget: Budget) -> RuntimeTables:
    begin = time.perf_counter()
    ranges = sum(map(_is_range, tasks))
    operations, sums = [*tables.operations], [*tables.sums]
    specials, refused = [*tables.specials], [*tables.refused]
    where = tables.environment
    ordered = sorted(tasks.items(), key=lambda task: _is_range(task[0]))
    for name, task in steps(ordered, f"Measuring {where.name}"):
        if _is_range(name):
            budget.give(1.0 / ranges, stop=False)
            ranges -= 1
        else:
            budget.give(_OF_LEFT, kept=_KEPT if ranges else 0.0)
        try:
            measured = task()
        except RefusedError as error:
            refused.append(f"{name}: {error}")
            continue
        if isinstance(measured, SpecialTable):
            specials.append(measured)
            continue
        operations += [table for table in measured if isinstance(table, OperationTable)]
        sums += [table for table in measured if isinstance(table, SumTable)]
    return replace(
        tables,
        date=datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        seconds=round(tables.seconds + time.perf_counter() - begin, 1),
        operations=tuple(operations),
        specials=tuple(specials),
        sums=tuple(sums),
        refused=tuple(refused),
    )


def _is_range(label: str) -> bool:
    """Whether a task tries floats of ranges, as many as it has time for."""
    return label in known.OF_ONE or label == "Softmax exp" or " by " in label


def _of_every_head(evaluator: Timed, seconds: float, thorough: bool) -> dict[str, Task]:
    """What is measured of every runtime, by the name that a refusal goes by."""
    tasks: dict[str, Task] = {}
    for name, row in known.OF_ONE.items():
        tasks[name] = partial(_of_one, evaluator, name, row, seconds, thorough)
        tasks[f"{name} float64"] = partial(measure_doubles, evaluator, name, row.doubles)
    tasks["Softmax exp"] = partial(
        measure_elementwise,
        evaluator,
        Operation("Softmax"),
        known.in_seconds(known.SOFTMAX_SPANS, seconds, thorough=False),
        judged_as="Softmax exp",
        compute=partial(known.exponentials, evaluator),
        allowed=evaluator.left,
    )
    for name in (*known.ROUNDING_PAIRS, *CHOOSING):
        tasks[name] = partial(measure_pairs, evaluator, name)
    for name in known.ROUNDING_PAIRS:
        tasks[f"{name} float64"] = partial(measure_pairs, evaluator, name, "float64")
    tasks["LogSoftmax"] = partial(measure_log_softmax, evaluator)
    for name in known.CHOOSING_ROWS:
        tasks[name] = partial(measure_reduced, evaluator, name)
    for name, operands, constants in known.SPECIALS:
        tasks[f"special {special_name(name, constants)}"] = partial(
            measure_specials, evaluator, name, operands, *constants
        )
    for name in known.ROW_OPERATIONS:
        tasks[f"special {name}"] = partial(measure_special_rows, evaluator, name)
    for terms in known.SUM_TERMS:
        for operation, adding in ADDING.items():
            for axis in adding.axes:
                tasks |= _sums(evaluator, operation, terms, axis, "float32")
        for axis in ADDING["ReduceSum"].axes:
            tasks |= _sums(evaluator, "ReduceSum", terms, axis, "float64")
    return tasks


def _wished(evaluator: Timed, wish: Wish, seconds: float) -> dict[str, Task]:
    tasks: dict[str, Task] = {}
    for operation, terms, axis, element in wish.sums:
        tasks |= _sums(evaluator, operation, terms, axis, element)
    for name, constant in wish.constants:
        rounded = float(np.float32(constant))
        tasks[_constant_name(name, rounded)] = partial(
            measure_elementwise,
            evaluator,
            Operation(name, (rounded,)),
            known.in_seconds(known.CONSTANT_SPANS, seconds, thorough=False),
            rising=rounded > 0,
            allowed=evaluator.left,
        )
    return tasks


def _of_one(
    evaluator: Timed, name: str, row: known.OfOne, seconds: float, thorough: bool
) -> list[OperationTable]:
    """Tables of one operation of one operand, after its truth was checked."""
    spans = known.in_seconds(row.spans, seconds, thorough=thorough)
    random = np.random.default_rng(0)
    for span in spans:
        truth.check(name, _between(random, span.low, span.high))
    return measure_elementwise(
        evaluator, Operation(name), spans, rising=row.rising, allowed=evaluator.left
    )


def _between(random: np.random.Generator, low: float, high: float) -> Floats:
    """Floats of a range, as many of each size."""
    from logitconf_export.proof.tables.floats import at, place

    places = random.integers(place(low), place(high), _CHECKED, endpoint=True)
    return at(places.astype(np.int64))


def _sums(
    evaluator: Evaluator, operation: str, terms: int, axis: Axis, element: str
) -> dict[str, Any]:
    task = partial(measure_sums, evaluator, terms, axis, element, operation)
    return {_sum_name(operation, terms, axis, element): task}


def _sum_name(operation: str, terms: int, axis: str, element: str) -> str:
    return f"{operation} of {terms} {element} along {axis}"


def _operation(label: str) -> str:
    """The operation that a task is about."""
    return label.removeprefix("special ").partition(" ")[0].partition("(")[0]


def _constant_name(name: str, constant: float) -> str:
    return f"{name} by {constant!r}"
