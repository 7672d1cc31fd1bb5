"""The operations that heads are made of, and over which ranges each is tried."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables.elementwise import Span
from logitconf_export.proof.tables.evaluators import Evaluator, Operation
from logitconf_export.proof.tables.floats import Floats

_WHOLE = 300.0
_LARGEST = float(np.finfo(np.float32).max)
_SMALLEST, _NORMAL = 2.0**-149, 2.0**-126
# exp of what is below rounds to 0, exp of what is nearer to 0 to 1
_NO_EXP, _FLAT_EXP = -104.0, -(2.0**-26)
_FIRST_NORMAL_EXP = -87.33655


def _above(value: float) -> float:
    return float(np.nextafter(np.float32(value), np.float32(np.inf)))


def _below(value: float) -> float:
    return float(np.nextafter(np.float32(value), np.float32(-np.inf)))


@dataclass(frozen=True, slots=True)
class OfOne:
    """An operation of one operand that rounds.

    Attributes:
        spans: in float32; the seconds are shares of those that there are.
        doubles: ranges in float64, of which samples are tried.
        rising: whether larger inputs give larger results; else smaller ones.
    """

    spans: tuple[Span, ...]
    doubles: tuple[tuple[float, float], ...]
    rising: bool = True


_EXP_SPANS = (
    Span(-40.0, -(2.0**-6), 60, central=True),
    Span(_above(-(2.0**-6)), _FLAT_EXP, 20, central=True),
    Span(_above(_FLAT_EXP), -0.0, 5),
    Span(_NO_EXP, _below(-40.0), 5, cuts=(float(np.float32(_FIRST_NORMAL_EXP)),)),
    Span(-_LARGEST, _below(_NO_EXP), 3),
)
OF_ONE: dict[str, OfOne] = {
    # heads take the exponential of nothing above 0
    "Exp": OfOne(_EXP_SPANS, ((-745.0, -1e-300),)),
    # of sums of exponentials, at least 1, and of probabilities
    "Log": OfOne(
        (
            Span(1.0, 1000.0, 60, central=True),
            Span(2.0**-24, _below(1.0), 20),
            Span(_NORMAL, _below(2.0**-24), 5),
            Span(_SMALLEST, _below(_NORMAL), 2),
            Span(_above(1000.0), 2.0**24, 10),
            Span(_above(2.0**24), _LARGEST, 3),
        ),
        ((1.0, 2.0**24), (1e-300, float(np.nextafter(1.0, 0.0)))),
    ),
    "Reciprocal": OfOne(
        (
            Span(1.0, 1000.0, 60, central=True),
            Span(-2.0, -1.0, 5),
            Span(2.0**-24, _below(1.0), 15),
            Span(_NORMAL, _below(2.0**-24), 5),
            Span(_above(1000.0), 2.0**24, 10),
        ),
        ((1.0, 2.0**24), (1e-300, float(np.nextafter(1.0, 0.0))), (-2.0, -1.0)),
        rising=False,
    ),
}
SOFTMAX_SPANS = tuple(replace(s, seconds=s.seconds / 16, central=False) for s in _EXP_SPANS)
"""Of the logit minus the largest one; the exponential in a Softmax is seen through its results."""
CONSTANT_SPANS = (Span(-256.0, -(2.0**-30), 20), Span(2.0**-30, 256.0, 20))
"""Of the other operand where one is a constant."""
ROUNDING_PAIRS = ("Add", "Sub", "Mul", "Div")
CHOOSING_ROWS = ("ReduceMax", "ReduceMin", "TopK")
ROW_OPERATIONS = (*CHOOSING_ROWS, "ReduceSum", "ReduceL1", "Softmax", "LogSoftmax", "Gemm")
SPECIALS: tuple[tuple[str, int, tuple[float, ...]], ...] = (
    *((name, 1, ()) for name in ("Exp", "Log", "Reciprocal", "Abs", "Neg")),
    *((name, 2, ()) for name in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Less", "Equal")),
    ("And", 2, ()),
    ("Where", 3, ()),
    ("Mod", 1, (math.inf,)),
    ("Clip", 1, (0.0,)),
    ("Clip", 1, (-math.inf, 0.0)),
)
"""Name, operands and constants of each that is given NaN, infinities and zeros."""
SUM_TERMS = (2, 10, 100, 1000, 5000)
"""So many are added up, of each sum that heads have."""
_SOFTMAX_LENGTHS = {"body": 1024, "offset": 67, "tail": 3, "one element": 2}


def in_seconds(spans: Iterable[Span], seconds: float, *, thorough: bool) -> tuple[Span, ...]:
    """Spans whose shares are shares of so many seconds.

    Args:
        spans: with shares.
        seconds: of the whole.
        thorough: whether where heads live every float is tried on every path, whatever it takes.
    """
    return tuple(
        replace(
            span, seconds=math.inf if thorough and span.central else span.seconds * seconds / _WHOLE
        )
        for span in spans
    )


def exponentials(evaluator: Evaluator, x: Floats, path: str) -> Array:
    """exp(x) as a Softmax computes it, in float64: its results for (0, x, …), each by the first.

    What it divides by is the same for a row, so that two roundings are left besides that of exp:
    those of the two quotients.

    Args:
        evaluator: what computes.
        x: (N,), at most 0.
        path: rows are longer than vectors, no multiple of them, shorter, or have two classes.
    """
    others = _SOFTMAX_LENGTHS[path] - 1
    rows = np.concatenate([x, np.repeat(x[-1:], -len(x) % others)]).reshape(-1, others)
    table = np.zeros((len(rows), others + 1), np.float32)
    table[:, 1:] = rows
    (results,) = evaluator.compute(Operation("Softmax", attributes={"axis": 1}), [(table,)])
    wide = results.astype(np.float64)
    return np.asarray((wide[:, 1:] / wide[:, :1]).reshape(-1)[: len(x)])
