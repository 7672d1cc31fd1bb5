"""Errors of ranges come from every piece that a range touches."""

import math

import numpy as np

from logitconf_export.proof.composing.arithmetic import Measured, Rounded, sum_factor, ulp
from logitconf_export.proof.exact.intervals import Interval
from logitconf_export.proof.tables.operation_table import (
    PATHS,
    Environment,
    OperationTable,
    Piece,
    RuntimeTables,
    SumTable,
)

HERE = Environment("toy", "1", "cpu", "", "")
PIECES = (
    Piece(-8.0, -1.0, -0.5, 0.5),
    Piece(float(np.nextafter(np.float32(-1), np.float32(0))), 0.0, -0.9, 0.7),
)
TABLES = RuntimeTables(
    HERE,
    "",
    0.0,
    1,
    tuple(OperationTable("Exp", "float32", path, PIECES, 1, 1, 0.0) for path in PATHS),
    (),
    (SumTable("ReduceSum", "float32", 10, "last", 1, 5, 10, 1.0),),
)


def test_a_range_has_the_largest_error_of_its_pieces() -> None:
    ranges = Interval.of([[-4.0, -2.0, -0.5]], [[-3.0, -0.5, -0.25]])
    assert Measured(TABLES).units("Exp", ranges, "float32").tolist() == [[0.5, 0.9, 0.9]]


def test_a_sum_is_as_deep_as_it_was_probed_and_else_in_any_order() -> None:
    measured = Measured(TABLES)
    assert measured.depth("ReduceSum", 10, last=True, element="float32") == 5
    assert measured.depth("ReduceSum", 10, last=False, element="float32") == 9
    assert Rounded().depth("ReduceSum", 10, last=True, element="float32") == 9


def test_the_distance_of_floats_is_numpys() -> None:
    values = np.array([1.0, 1.5, 2.0, 1e-40, 3e38, 0.7])
    assert ulp(values, "float32").tolist() == np.spacing(values.astype(np.float32)).tolist()


def test_the_error_of_a_sum_grows_with_its_depth() -> None:
    u = 2.0**-24
    assert sum_factor(1, "float32") >= u
    assert math.isclose(sum_factor(100, "float32"), 100 * u, rel_tol=1e-5)
