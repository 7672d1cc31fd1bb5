"""What is inside of a LogSoftmax, seen through the result of the largest class: −log S.

S is the sum of the exponentials, 1 among them, and can be read from that result. Rows of zeros have
an S that is exact, their number: what is off there is the logarithm. Copies of one x beside a 0,
about as many as make 1 together, show the exponential of x: all that S is off by is put on it.
Neither can be seen closer than S is rounded, so that errors are in ulps of results no smaller than
:data:`~logitconf_export.proof.tables.operation_table.LEAST_SEEN`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables import truth
from logitconf_export.proof.tables.evaluators import Evaluator, Operation, RefusedError
from logitconf_export.proof.tables.operation_table import (
    ALL_PATHS,
    LEAST_SEEN,
    OperationTable,
    Piece,
)

_ROWS = 2048
_COPIES = tuple(2**k for k in range(7))
_COUNTED = 5000
_LONGEST = 2**17
_LENGTHS = 40
"""Of long rows of zeros."""
_SMALL_COUNTS = (1, 2, 3, 5, 8, 13)
_SHIFTS = (-96.0, 64.0)
_LOWEST = -float(np.finfo(np.float32).max)
_NODE = Operation("LogSoftmax", attributes={"axis": 1})


def measure_log_softmax(evaluator: Evaluator) -> list[OperationTable]:
    """Tables of the exponential and the logarithm in a LogSoftmax; samples.

    Raises:
        RefusedError: if the evaluator cannot compute it, or adds the largest logit and the
            logarithm before it takes them off, which says less the larger the logits are.
    """
    _check_shifts(evaluator)
    return [_exponential(evaluator), _logarithm(evaluator)]


def _largest(evaluator: Evaluator, tables: list[Array]) -> list[Array]:
    """−log S of the rows of each table, whose largest number is 0, in float64."""
    results = evaluator.compute(_NODE, [(table.astype(np.float32),) for table in tables])
    return [-result.astype(np.float64).max(axis=1) for result in results]


def _check_shifts(evaluator: Evaluator) -> None:
    # whole numbers, which no shift rounds
    rows = -np.random.default_rng(0).integers(0, 9, (64, 37)).astype(np.float32)
    rows[:, 5] = 0.0
    still, *moved = evaluator.compute(
        _NODE, [(rows,), *((rows + np.float32(shift),) for shift in _SHIFTS)]
    )
    largest = still.max(axis=1)
    if any((largest != other.max(axis=1)).any() for other in moved):
        raise RefusedError(
            f"{evaluator.name} {evaluator.version} must take the largest logit off before it takes "
            "the logarithm off in a LogSoftmax"
        )


def _exponential(evaluator: Evaluator) -> OperationTable:
    random, least_seen = np.random.default_rng(4), LEAST_SEEN["LogSoftmax exp"]
    pieces: list[Piece] = []
    worst, worst_at, tried, above = 0.0, 0.0, 0, -0.0
    for copies in (*_COPIES, 0):
        # as many copies as make between .7 and 1.4 together; of what is lower, as many as ever
        low = float(np.float32(-math.log(copies * math.sqrt(2.0)))) if copies else _LOWEST
        count = copies or _COPIES[-1]
        x = random.uniform(max(low, -110.0), above, _ROWS).astype(np.float32)
        x = np.clip(np.append(x, [low, above]), low, above).astype(np.float32)
        errors = []
        for extra in (0, 1, count // 2):
            rows = np.repeat(x[:, None], count + extra + 1, axis=1)
            rows[np.arange(len(x)), np.arange(len(x)) % rows.shape[1]] = 0.0
            (logarithms,) = _largest(evaluator, [rows])
            with np.errstate(under="ignore"):
                exact = np.exp(x.astype(np.float64))
            seen = np.expm1(logarithms) / (count + extra)
            errors.append((seen - exact) / truth.ulps_of(np.maximum(exact, least_seen)))
        pieces.append(_piece(low, above, np.concatenate(errors)))
        sizes = np.abs(np.array(errors)).max(axis=0)
        if sizes.max() > worst:
            worst, worst_at = float(sizes.max()), float(x[np.argmax(sizes)])
        tried += len(x) * len(errors)
        above = float(np.nextafter(np.float32(low), np.float32(-np.inf))) if copies else low
    ascending = tuple(reversed(pieces))
    return OperationTable("LogSoftmax exp", "float32", ALL_PATHS, ascending, tried, None, worst_at)


def _logarithm(evaluator: Evaluator) -> OperationTable:
    least_seen = LEAST_SEEN["LogSoftmax log"]
    sums, errors = [], []
    for exact_sums, tables in _rows_of_known_sums():
        for exact, logarithms in zip(exact_sums, _largest(evaluator, tables), strict=True):
            exact_logarithms = np.log(exact)
            ulps = truth.ulps_of(np.maximum(exact_logarithms, least_seen))
            sums.append(exact)
            errors.append((logarithms - exact_logarithms) / ulps)
    of, by = np.concatenate(sums), np.concatenate(errors)
    pieces, low = [], 1.0
    while low < _LONGEST:
        high = float(np.nextafter(np.float32(2.0 * low), np.float32(0)))
        high = high if 2.0 * low < _LONGEST else float(_LONGEST)
        here = (of >= low) & (of <= high)
        pieces.append(_piece(low, high, by[here]))
        low *= 2.0
    worst = int(np.argmax(np.abs(by)))
    return OperationTable(
        "LogSoftmax log", "float32", ALL_PATHS, tuple(pieces), len(by), None, float(of[worst])
    )


def _rows_of_known_sums() -> Iterator[tuple[list[Array], list[Array]]]:
    """Sums of exponentials, and the rows that have them, a few tables at a time."""
    lengths = [*range(1, _COUNTED + 1)]
    lengths += np.geomspace(_COUNTED, _LONGEST, _LENGTHS).astype(int).tolist()
    for start in range(0, len(lengths), 256):
        some = lengths[start : start + 256]
        yield (
            [np.array([float(length)]) for length in some],
            [np.zeros((1, length)) for length in some],
        )
    random = np.random.default_rng(5)
    for zeros in _SMALL_COUNTS:
        x = -np.exp(random.uniform(np.log(1e-6), np.log(30.0), _ROWS)).astype(np.float32)
        rows = np.zeros((_ROWS, zeros + 1), np.float32)
        rows[:, -1] = x
        yield [zeros + np.exp(x.astype(np.float64))], [rows]


def _piece(low: float, high: float, errors: Array) -> Piece:
    """A piece in which half an ulp is not doubted."""
    beyond = np.nan_to_num(errors, nan=1e300, posinf=1e300, neginf=-1e300)
    least, most = float(beyond.min()), float(beyond.max())
    return Piece(low, high, min(-0.5, round(least - 1e-5, 5)), max(0.5, round(most + 1e-5, 5)))
