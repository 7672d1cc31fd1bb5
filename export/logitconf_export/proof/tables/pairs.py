"""Operations of two operands, and exact ones: pairs whose bits are chosen, and random ones.

Nobody can try all pairs. Those that are tried have every combination of few mantissas, exponents
and signs, and random bits: equal exponents, close ones, any.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables.elementwise import compute_on, shifted
from logitconf_export.proof.tables.evaluators import Evaluator, Operation
from logitconf_export.proof.tables.operation_table import (
    ALL_PATHS,
    PATHS,
    OperationTable,
    Piece,
)
from logitconf_export.proof.tables.truth import OF_TWO, ulps_of

CHOOSING: Mapping[str, Callable[..., Array]] = {
    "Abs": np.abs,
    "Neg": np.negative,
    "Max": np.maximum,
    "Min": np.minimum,
    "Less": np.less,
    "Equal": np.equal,
    "Where": lambda a, b: np.asarray(np.where(a < b, a, b)),
    "And": lambda a, b: np.asarray((a < b) & (a < -b)),
    "Mod": lambda a: a,
    "Clip": lambda a: np.asarray(np.maximum(a, a.dtype.type(0.0))),
}
"""Operations that round nothing, on ordinary numbers."""
_OF_ONE = ("Abs", "Neg", "Mod", "Clip")
_CONSTANTS: Mapping[str, tuple[float, ...]] = {"Mod": (math.inf,), "Clip": (0.0,)}
_RANDOM = 2**20
_IN_SHORT = 2**14
_OF_DOUBLES = 4096
_IN_DECIMAL = 1024
_MANTISSAS = (0, 1, 2, 0x2AAAAA, 0x3FFFFF, 0x400000, 0x400001, 0x555555, 0x7FFFFE, 0x7FFFFF)
_EXPONENTS = (0, 1, 2, 60, 103, 104, 115, 125, 126, 127, 128, 150, 200, 253, 254)
_LARGEST = float(np.finfo(np.float32).max)
# a bool that is wrong is wrong beyond measure
_BEYOND = 1e300


def measure_pairs(
    evaluator: Evaluator, name: str, element: str = "float32"
) -> list[OperationTable]:
    """A table for each path of an operation on two tensors; of those on one, for its elements.

    Raises:
        RefusedError: if the evaluator cannot compute it.
    """
    whole = _pairs(element)
    short = tuple(x[:: max(1, len(x) // _IN_SHORT)].copy() for x in whole)
    largest = float(np.finfo(element).max)
    tables = []
    for path in PATHS:
        a, b = whole if path in ("body", "offset") else short
        results, taken = _computed(evaluator, name, (a, b), path)
        pieces, at, worst = [], 0.0, 0.0
        for low, high in _ranges(name, largest):
            size = np.abs(taken[1])
            if name == "Div":
                # what is divided counts if it is larger
                size = np.where((np.abs(taken[0]) > high) & (size >= low), np.abs(taken[0]), size)
            here = np.ones(len(size), bool) if low < 0 else (size >= low) & (size <= high)
            part = (taken[0][here], taken[1][here], results[here])
            least, most, place = _errors(name, *part, element)
            pieces.append(Piece(low, high, least, most))
            if max(-least, most) > worst:
                worst, at = max(-least, most), place
        table = OperationTable(name, element, path, tuple(pieces), len(taken[0]), None, at)
        tables.append(table)
    return _as_one(tables)


def _as_one(tables: list[OperationTable]) -> list[OperationTable]:
    """One table in place of one for each path, if all say the same."""
    first = tables[0]
    if any(table.pieces != first.pieces for table in tables):
        return tables
    return [replace(first, path=ALL_PATHS, tried=sum(table.tried for table in tables))]


def _ranges(name: str, largest: float) -> list[tuple[float, float]]:
    """Pieces of the operands; of a division by the size of the divisor, or of what is divided.

    Some runtimes multiply by the reciprocal of a divisor, which overflows for tiny ones and is
    subnormal for huge ones; then the largest floats divided by about 1 overflow as well.
    """
    if name != "Div":
        return [(-largest, largest)]
    low, high = np.float32(2.0**-63), np.float32(2.0**63)
    if largest > _LARGEST:
        return [(5e-324, largest)]
    below = float(np.nextafter(low, np.float32(0)))
    above = float(np.nextafter(high, np.float32(np.inf)))
    return [(2.0**-149, below), (float(low), float(high)), (above, largest)]


def _computed(
    evaluator: Evaluator, name: str, pair: tuple[Array, Array], path: str
) -> tuple[Array, tuple[Array, Array]]:
    """Results, and the pairs that they belong to."""
    operands: tuple[Array, ...] = pair[:1] if name in _OF_ONE else pair
    if name == "Where":
        operands = (pair[0] < pair[1], *pair)
    if name == "And":
        operands = (pair[0] < pair[1], pair[0] < -pair[1])
    operation = Operation(name, _CONSTANTS.get(name, ()))
    if path == "tail":
        return evaluator.compute_short(operation, operands, 3), pair
    if path == "one element":
        return evaluator.compute_short(operation, operands, 1), pair
    jobs = [tuple(shifted(x, int(path == "offset")) for x in operands)]
    if path == "body" and len(operands) == 2 and name != "And":
        # as a row's maximum is taken off the row
        columns = 64
        rows = len(pair[0]) // columns
        table = pair[0][: rows * columns].reshape(rows, columns)
        jobs.append((table, pair[1][:rows, None]))
        spread = np.broadcast_to(jobs[1][1], table.shape)
        pair = (np.append(pair[0], table), np.append(pair[1], spread))
    results = evaluator.compute(operation, jobs)
    return np.concatenate([result.reshape(-1) for result in results]), pair


def _errors(
    name: str, a: Array, b: Array, results: Array, element: str
) -> tuple[float, float, float]:
    """The least and the largest error, and the first operand with the larger of them."""
    with np.errstate(all="ignore"):
        if name in CHOOSING:
            operands = (a,) if name in _OF_ONE else (a, b)
            rounded, half = CHOOSING[name](*operands), 0.0
        else:
            rounded, half = _rounded(name, a, b, element), 0.5
    wrong = np.flatnonzero(results != rounded)
    if not len(wrong):
        return 0.0 - half, half, 0.0
    if results.dtype == np.bool_:
        return -_BEYOND, _BEYOND, float(a[wrong[0]])
    truth = rounded[wrong].astype(np.float64)
    if name in OF_TWO and element == "float32":
        truth = OF_TWO[name](a[wrong].astype(np.float64), b[wrong].astype(np.float64))
    with np.errstate(all="ignore"):
        errors = (results[wrong].astype(np.float64) - truth) / ulps_of(truth, element)
    errors = np.nan_to_num(errors, nan=_BEYOND, posinf=_BEYOND, neginf=-_BEYOND)
    worst = wrong[np.argmax(np.abs(errors))]
    return min(-half, float(errors.min())), max(half, float(errors.max())), float(a[worst])


def _rounded(name: str, a: Array, b: Array, element: str) -> Array:
    """Correctly rounded results."""
    if element == "float32":
        return np.asarray(OF_TWO[name](a.astype(np.float64), b.astype(np.float64)), np.float32)
    of_two: dict[str, Callable[[Any, Any], Any]] = {
        "Add": lambda x, y: x + y,
        "Sub": lambda x, y: x - y,
        "Mul": lambda x, y: x * y,
        "Div": lambda x, y: x / y,
    }
    run = of_two[name]
    pairs = zip(a.tolist(), b.tolist(), strict=True)
    return np.array([_nearest(run(Fraction(x), Fraction(y))) for x, y in pairs])


def _nearest(exact: Fraction) -> float:
    """The float64 nearest to a fraction; that of 0 has no sign, which compares alike."""
    try:
        return exact.numerator / exact.denominator
    except OverflowError:
        return float("inf") if exact > 0 else -float("inf")


def _pairs(element: str) -> tuple[Array, Array]:
    """Finite pairs; the second of each is not 0."""
    random = np.random.default_rng(0)
    if element == "float64":
        mantissas = random.uniform(1.0, 2.0, (2, _OF_DOUBLES))
        exponents = random.integers(-300, 300, (2, _OF_DOUBLES))
        # of every second pair the exponents are close
        exponents[1, ::2] = exponents[0, ::2] + random.integers(-3, 4, _OF_DOUBLES // 2)
        values = np.ldexp(mantissas * random.choice([-1.0, 1.0], (2, _OF_DOUBLES)), exponents)
        return values[0], values[1]
    chosen = np.array(
        [
            sign << 31 | exponent << 23 | mantissa
            for exponent in _EXPONENTS
            for mantissa in _MANTISSAS
            for sign in (0, 1)
        ],
        np.uint32,
    )
    left, right = (side.reshape(-1) for side in np.meshgrid(chosen, chosen))
    bits = random.integers(0, 2**32, (2, _RANDOM), dtype=np.uint32)
    close = bits.copy()
    close[1] = bits[0] & 0x7F80_0000 | bits[1] & 0x807F_FFFF
    close[1, ::2] ^= 0x0080_0000
    a = np.concatenate([left, bits[0], close[0]]).view(np.float32)
    b = np.concatenate([right, bits[1], close[1]]).view(np.float32)
    usable = np.isfinite(a) & np.isfinite(b) & (b != 0.0)
    return a[usable], b[usable]


def measure_reduced(evaluator: Evaluator, name: str) -> list[OperationTable]:
    """Tables of ReduceMax, ReduceMin or TopK, which round nothing, over rows of several lengths.

    Raises:
        RefusedError: if the evaluator cannot compute it.
    """
    random = np.random.default_rng(1)
    wrong, tried, at = 0, 0, 0.0
    for length in (1, 2, 3, 5, 8, 17, 67, 1000):
        table = random.standard_normal((64, length)).astype(np.float32)
        jobs = [(table,), (table[:1].copy(),), (np.ascontiguousarray(table.T)[None],)]
        if name == "TopK":
            if length == 1:
                continue
            operation = Operation(name, attributes={"axis": 1})
            exact = np.sort(table, axis=1)[:, :-3:-1]
        else:
            operation = Operation(name, axes=(1,))
            exact = (np.max if name == "ReduceMax" else np.min)(table, axis=1)
        results = evaluator.compute(operation, jobs)
        for result, truth in zip(results, (exact, exact[:1], exact.T), strict=True):
            unlike = np.flatnonzero(result.reshape(-1) != truth.reshape(-1))
            wrong, tried = wrong + len(unlike), tried + len(truth)
            at = float(truth.reshape(-1)[unlike[0]]) if len(unlike) else at
    error = _BEYOND if wrong else 0.0
    piece = Piece(-_LARGEST, _LARGEST, -error, error)
    return [OperationTable(name, "float32", ALL_PATHS, (piece,), tried, None, at)]


def measure_doubles(
    evaluator: Evaluator, name: str, ranges: Sequence[tuple[float, float]]
) -> list[OperationTable]:
    """Tables of an operation of one operand in float64: samples, judged by decimal arithmetic.

    Raises:
        RefusedError: if the evaluator cannot compute it.
    """
    from logitconf_export.proof.tables.truth import error_in_decimal

    random = np.random.default_rng(2)
    tables: list[OperationTable] = []
    for low, high in ranges:
        of_range = []
        ends = sorted((abs(low) or 1e-300, abs(high) or 1e-300))
        sizes = np.exp(random.uniform(math.log(ends[0]), math.log(ends[1]), _IN_DECIMAL))
        x = np.concatenate([[low, high], np.clip(np.copysign(sizes, low + high), low, high)])
        judged: dict[tuple[float, float], float] = {}
        for path in PATHS:
            results = compute_on(evaluator, Operation(name), x, path)
            errors = []
            for value, result in zip(x.tolist(), results.tolist(), strict=True):
                if (value, result) not in judged:
                    judged[value, result] = error_in_decimal(name, value, result, "float64")
                errors.append(judged[value, result])
            least, most = min(-0.5, *errors), max(0.5, *errors)
            at = float(x[int(np.argmax(np.abs(errors)))])
            piece = Piece(low, high, round(least - 1e-5, 5), round(most + 1e-5, 5))
            of_range.append(OperationTable(name, "float64", path, (piece,), len(x), None, at))
        tables += _as_one(of_range)
    return tables
