"""What is read off tables."""

import math

import numpy as np
import pytest

from logitconf_export.proof.tables.operation_table import (
    PATHS,
    Environment,
    MissingTableError,
    OperationTable,
    Piece,
    RuntimeTables,
    SpecialTable,
    SumTable,
)

BELOW_ONE = float(np.nextafter(np.float32(1), np.float32(0)))
HERE = Environment("made-up", "1.0", "cpu", "a processor", "a system")


def a_table(path: str, *pieces: Piece, tried: int = 8, **known: float) -> OperationTable:
    return OperationTable("Exp", "float32", path, pieces, tried, 8, 0.5, **known)  # type: ignore[arg-type]


def a_runtime(*operations: OperationTable, **known: object) -> RuntimeTables:
    return RuntimeTables(HERE, "2026-11-27", 1.0, 1, operations, **known)  # type: ignore[arg-type]


def on_all_paths(*pieces: Piece) -> list[OperationTable]:
    return [a_table(path, *pieces) for path in PATHS]


def test_an_error_is_the_worst_of_all_paths_over_the_pieces_that_are_reached() -> None:
    tables = on_all_paths(Piece(0.0, BELOW_ONE, -0.5, 0.5), Piece(1.0, 2.0, -0.5, 0.75))
    tables[2] = a_table(
        "tail",
        Piece(0.0, BELOW_ONE, -0.625, 0.5),
        Piece(1.0, 2.0, -3.0, 0.5),
        backward_steps=2,
        largest_backward=4,
    )
    runtime = a_runtime(*tables)
    whole, first = runtime.error("Exp", 0.0, 2.0), runtime.error("Exp", 0.25, 0.75)
    assert (whole.least, whole.most, whole.largest_backward) == (-3.0, 0.75, 4)
    assert (first.least, first.most, first.exhaustive) == (-0.625, 0.5, True)


def test_an_error_is_exhaustive_only_if_every_path_is() -> None:
    piece = Piece(0.0, 2.0, -0.5, 0.5)
    tables = on_all_paths(piece)[:3]
    runtime = a_runtime(*tables, a_table("one element", piece, tried=7))
    assert not runtime.error("Exp", 0.0, 2.0).exhaustive


@pytest.mark.parametrize(
    ("low", "high"), [(-1.0, 0.5), (0.5, 2.5), (3.0, 4.0), (-math.inf, math.inf)]
)
def test_a_range_that_no_piece_covers_has_no_error(low: float, high: float) -> None:
    runtime = a_runtime(*on_all_paths(Piece(0.0, BELOW_ONE, 0, 0), Piece(1.0, 2.0, 0, 0)))
    with pytest.raises(MissingTableError, match=r"made-up 1.0 has no table of Exp in float32"):
        runtime.error("Exp", low, high)


def test_a_gap_between_pieces_is_seen() -> None:
    gap = float(np.nextafter(np.float32(BELOW_ONE), np.float32(0)))
    runtime = a_runtime(*on_all_paths(Piece(0.0, gap, 0, 0), Piece(1.0, 2.0, 0, 0)))
    with pytest.raises(MissingTableError, match="path body, from"):
        runtime.error("Exp", 0.5, 1.5)


def test_a_path_without_a_table_is_seen() -> None:
    runtime = a_runtime(*on_all_paths(Piece(0.0, 1.0, 0, 0))[:3])
    with pytest.raises(MissingTableError, match="path one element"):
        runtime.error("Exp", 0.5, 0.75)


def test_a_table_of_all_paths_stands_for_each() -> None:
    runtime = a_runtime(a_table("all", Piece(0.0, 1.0, -0.5, 0.5)))
    assert runtime.error("Exp", 0.25, 0.75).exhaustive
    assert [runtime.pieces("Exp", path) for path in PATHS] == [[Piece(0.0, 1.0, -0.5, 0.5)]] * 4


def test_pieces_of_a_path_are_in_ascending_order() -> None:
    runtime = a_runtime(
        a_table("body", Piece(1.0, 2.0, -1.0, 1.0)),
        a_table("tail", Piece(1.0, 2.0, -2.0, 2.0)),
        a_table("body", Piece(0.0, BELOW_ONE, -0.5, 0.5)),
    )
    assert [piece.low for piece in runtime.pieces("Exp", "body")] == [0.0, 1.0]


def test_a_constant_has_a_table_of_its_own() -> None:
    runtime = a_runtime(*on_all_paths(Piece(0.0, 1.0, 0, 0)))
    with pytest.raises(MissingTableError, match="no table of Exp"):
        runtime.error("Exp", 0.5, 0.75, constant=1.5)


def test_only_sums_probed_in_full_have_a_depth() -> None:
    sums = (
        SumTable("ReduceSum", "float32", 10, "last", 1, 9, 10, 1.0),
        SumTable("ReduceSum", "float32", 10, "last", 257, 4, 10, 1.0),
        SumTable("ReduceSum", "float32", 1000, "last", 1, 99, 64, 1.0),
    )
    runtime = a_runtime(sums=sums)
    assert runtime.depth("ReduceSum", 10, "last") == sums[0]
    assert runtime.depth("ReduceSum", 1000, "last") is None
    assert runtime.depth("ReduceSum", 10, "inner") is None


def test_special_results_are_looked_up_by_what_was_put_in() -> None:
    cases = (
        SpecialTable("ReduceMax", "float32", ("nan", "1.0"), 2, "nan nan 1.0 1.0", reduced=True),
        SpecialTable("Exp", "float32", ("-0.0", "inf"), 1, "0.0|1.0 inf"),
    )
    runtime = a_runtime(specials=cases)
    assert runtime.results("ReduceMax", 1.0, math.nan) == (1.0,)
    assert runtime.results("Exp", -0.0) == (0.0, 1.0)
    with pytest.raises(MissingTableError, match=r"was not asked what Exp makes of 0\.0"):
        runtime.results("Exp", 0.0)


def sums_like(depths: dict[int, int], *, unknown: int = 0) -> RuntimeTables:
    sums = tuple(
        SumTable("ReduceSum", "float32", n, "last", 1, depth, 0 if n == unknown else n, 1.0)
        for n, depth in depths.items()
    )
    return a_runtime(sums=sums)


@pytest.mark.parametrize(
    ("depths", "kind", "running"),
    [
        # NumPy 2.4.6, onnxruntime 1.31.1 on both axes: as probed
        ({10: 5, 100: 18, 1000: 21}, "pairwise", 48),
        ({10: 5, 100: 15, 1000: 127, 5000: 627}, "running sums", 8),
        ({10: 9, 100: 99, 1000: 999}, "one after the other", 1),
    ],
)
def test_how_sums_grow_is_read_from_their_depths(
    depths: dict[int, int], kind: str, running: int
) -> None:
    order = sums_like(depths).order("ReduceSum")
    assert (order.kind, order.running, order.measured) == (kind, running, max(depths))
    assert order.pinned == (kind != "one after the other")
    for terms, depth in depths.items():
        assert depth <= order.at_most(terms) <= terms - 1


def test_running_sums_of_other_lengths_take_their_share_each() -> None:
    order = sums_like({10: 5, 100: 15, 1000: 127, 5000: 627}).order("ReduceSum")
    # eight sums of 250 and the seven additions of them
    assert 250 + 2 <= order.at_most(2000) <= 250 + 7
    assert order.at_most(2) == 1
    assert order.at_most(1) == 0


def test_what_was_not_probed_in_full_may_be_in_any_order() -> None:
    order = sums_like({10: 5, 100: 15}, unknown=100).order("ReduceSum")
    assert (order.kind, order.pinned, order.at_most(37)) == ("any", False, 36)
    assert sums_like({10: 5, 100: 15}, unknown=100).depth("ReduceSum", 100, "last") is None


def test_sums_that_were_not_measured_have_no_order() -> None:
    with pytest.raises(MissingTableError, match="no sums of Gemm in float32 along last"):
        sums_like({10: 5}).order("Gemm")
