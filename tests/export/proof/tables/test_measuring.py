"""Measuring a runtime, what a head needs besides, and the records."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from support.operation_records import HEADER, PAGE, records, rows_of
from support.stand_in_evaluator import StandInEvaluator

from logitconf.errors import LogitconfError
from logitconf_export.proof.tables import files, measuring, truth
from logitconf_export.proof.tables import operations as known
from logitconf_export.proof.tables.elementwise import Span, compute_on, measure_elementwise
from logitconf_export.proof.tables.environments import environment_of
from logitconf_export.proof.tables.evaluators import Evaluator, Operation, evaluator_of
from logitconf_export.proof.tables.measuring import (
    Wish,
    completed,
    extended,
    measure,
    tables_for,
    wish_of,
)
from logitconf_export.proof.tables.operation_table import PATHS, RuntimeTables

RECORDS = Path(__file__).resolve().parents[3] / "records" / "operations"


@pytest.fixture(autouse=True)
def of_few_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "SUM_TERMS", (2, 10))


def sums_of(name: str) -> RuntimeTables:
    return measure(evaluator_of(name), only=("ReduceSum",))


def test_one_operation_is_measured_alone() -> None:
    tables = sums_of("numpy")
    assert {table.operation for table in tables.sums} == {"ReduceSum"}
    assert {table.operation for table in tables.specials} == {"ReduceSum"}
    assert tables.operations == ()
    assert tables.environment == environment_of(evaluator_of("numpy"))


def test_an_operation_that_no_head_has_is_refused() -> None:
    with pytest.raises(LogitconfError, match="operation must be one of"):
        measure(evaluator_of("numpy"), only=("Sin",))


def test_what_a_runtime_refuses_is_told() -> None:
    tables = measure(StandInEvaluator(), only=("Softmax", "Neg"))
    refused = [text.split(":")[0] for text in tables.refused]
    assert {"Softmax exp", "special Softmax", "Softmax sum of 10 float32 along last"} < {*refused}
    assert all("Softmax" in name for name in refused)
    assert [table.operation for table in tables.operations] == ["Neg"]


def test_a_runtime_that_computes_nothing_has_no_tables() -> None:
    with pytest.raises(LogitconfError, match=r"must be computed to be measured: .*no Softmax"):
        measure(evaluator_of("numpy"), only=("Softmax",))


def test_a_wish_is_measured_and_then_no_longer_missing() -> None:
    wish = Wish((("Mul", 0.5),), (("ReduceSum", 7, "last", "float32"),))
    tables = sums_of("numpy")
    assert wish.missing(tables) == wish
    more = extended(tables, evaluator_of("numpy"), wish, seconds=0.01)
    assert wish.missing(more) == Wish()
    assert more.error("Mul", 1.0, 2.0, constant=0.5).most == 0.5
    seven = more.depth("ReduceSum", 7, "last")
    assert seven is not None
    assert 3 <= seven.depth <= 6


def test_tables_of_an_older_version_are_completed_and_no_more() -> None:
    evaluator = StandInEvaluator()
    whole = measure(evaluator, only=("Neg", "Less"))
    older = replace(whole, operations=whole.operations[:1], specials=())
    (kept,) = older.operations
    more = completed(older, evaluator, only=("Neg", "Less"))
    assert {table.operation for table in more.operations} == {"Neg", "Less"}
    assert {table.operation for table in more.specials} == {"Neg", "Less"}
    assert more.operations[0] is kept
    assert completed(more, evaluator, only=("Neg", "Less")) is more


def test_what_was_refused_is_not_wished_again() -> None:
    wish = Wish((("Mul", 0.5),))
    tables = replace(sums_of("numpy"), refused=("Mul by 0.5: it does not know it",))
    assert wish.missing(tables) == Wish()


def test_a_temperature_is_divided_by_and_its_reciprocal_multiplied_with() -> None:
    tenth = float(np.float32(1.0) / np.float32(10.0))
    assert wish_of([10.0]).constants == (("Div", 10.0), ("Mul", tenth))


def test_tables_are_measured_once_and_then_taken_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path))
    measured: list[str] = []

    def measure_sums_alone(evaluator: Evaluator, wish: Wish) -> RuntimeTables:
        measured.append(evaluator.name)
        return measure(evaluator, wish, only=("ReduceSum",))

    monkeypatch.setattr(measuring, "measure", measure_sums_alone)
    monkeypatch.setattr(measuring, "completed", partial(completed, only=("ReduceSum",)))
    tellings: list[tuple[str, float]] = []

    def tell(tables: RuntimeTables, seconds: float) -> None:
        tellings.append((tables.environment.runtime, seconds))

    first = tables_for("numpy", tell=tell)
    assert tellings == [("numpy", first.seconds)]
    assert tables_for("numpy", tell=tell) == first
    assert len(tellings) == 1
    assert measured == ["numpy"]
    five = Wish(sums=(("ReduceSum", 5, "last", "float32"),))
    held = tables_for("numpy", wish=five, tell=tell)
    assert held.depth("ReduceSum", 5, "last") is not None
    assert tellings[1:] == [("numpy", held.seconds - first.seconds)]
    assert tables_for("numpy").depth("ReduceSum", 5, "last") is not None
    assert measured == ["numpy"]


def test_the_page_shows_what_the_records_say() -> None:
    assert HEADER + rows_of(records()) in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(RECORDS.glob("*.json")), ids=lambda path: path.stem)
def test_a_record_is_whole_and_covers_what_heads_reach(path: Path) -> None:
    tables = files.read_tables(path)
    assert path.name == files.file_name(tables.environment)
    assert tables.seconds > 0
    assert tables.error("Exp", -104.0, -0.0).most >= 0.5
    assert tables.error("Log", 1.0, 1000.0).most >= 0.5
    assert tables.error("Reciprocal", 1.0, 1000.0).most >= 0.5
    for terms in (2, 10, 100, 1000):
        for axis in ("last", "inner"):
            table = tables.depth("ReduceSum", terms, axis)
            assert table is None or table.depth < terms
    assert tables.results("Exp", -np.inf) == (0.0,)


def test_every_float_of_where_heads_live_was_tried_on_the_pinned_onnxruntime() -> None:
    """What is known of it since all floats were first tried, on another day and machine."""
    (path,) = RECORDS.glob("onnxruntime_1.31.1_cpu_*.json")
    record = files.read_tables(path)
    exp, log = record.error("Exp", -40.0, -(2.0**-6)), record.error("Log", 1.0, 1000.0)
    assert exp.exhaustive
    assert log.exhaustive
    assert (round(-exp.least, 3), round(-log.least, 2)) == (0.866, 3.47)
    backward = [
        table.backward_steps
        for name, low in (("Exp", -40.0), ("Log", 1.0), ("Reciprocal", 1.0))
        for table in record.of(name)
        if table.path == "body" and table.pieces[0].low == low
    ]
    assert backward == [2993, 6, 0]
    assert record.error("Reciprocal", 1.0, 1000.0).exhaustive
    assert record.error("Reciprocal", 1.0, 1000.0).most == 0.5


def the_record_of(name: str) -> tuple[Evaluator, RuntimeTables]:
    evaluator = evaluator_of(name)
    path = RECORDS / files.file_name(environment_of(evaluator))
    if not path.exists():
        pytest.skip(f"no record of {evaluator.name} {evaluator.version} on this processor")
    return evaluator, files.read_tables(path)


@pytest.mark.parametrize("name", ["onnxruntime", "torch", "numpy"])
def test_the_worst_inputs_of_a_record_are_as_bad_as_it_says(name: str) -> None:
    evaluator, record = the_record_of(name)
    for table in record.operations:
        if (
            table.operation not in ("Exp", "Log")
            or table.element != "float32"
            or not table.worst_at
        ):
            continue
        # among others, for a lone float is another path; long buffers have all places
        x = np.full(64 + 3, table.worst_at, np.float32)
        worst = [
            abs(truth.error_in_decimal(table.operation, table.worst_at, result, "float32"))
            for result in compute_on(evaluator, Operation(table.operation), x, table.path).tolist()
        ]
        assert max(worst) <= table.worst
        assert max(worst) == pytest.approx(table.worst, abs=1e-4)


@pytest.mark.parametrize("name", ["onnxruntime", "torch", "numpy"])
@pytest.mark.parametrize(("operation", "low", "high"), [("Exp", -5.9, -5.87), ("Log", 1.13, 1.14)])
def test_a_narrow_range_measured_now_is_within_the_record(
    name: str, operation: str, low: float, high: float
) -> None:
    evaluator, record = the_record_of(name)
    bound = record.error(operation, low, high)
    for table in measure_elementwise(evaluator, Operation(operation), [Span(low, high, 10.0)]):
        assert table.path in PATHS
        for piece in table.pieces:
            assert bound.least <= piece.least
            assert piece.most <= bound.most


def asked_of(tables: RuntimeTables) -> set[str]:
    """All that was measured or refused, constants aside."""
    labels = {
        f"{table.operation}{' float64' * (table.element == 'float64')}"
        for table in tables.operations
        if table.constant is None and not table.operation.startswith("LogSoftmax ")
    }
    labels |= {f"special {table.operation}" for table in tables.specials}
    labels |= {
        f"{table.operation} of {table.terms} {table.element} along {table.axis}"
        for table in tables.sums
    }
    labels |= {"LogSoftmax" for table in tables.operations if table.operation == "LogSoftmax exp"}
    return labels | {text.split(":")[0] for text in tables.refused}


def test_all_records_are_of_the_same_operations() -> None:
    records = {path.stem: files.read_tables(path) for path in RECORDS.glob("*.json")}
    runtimes = {record.environment.runtime for record in records.values()}
    assert runtimes >= {"onnxruntime", "torch", "numpy", "openvino", "tract", "onnx-reference"}
    asked = {name: asked_of(record) for name, record in records.items()}
    whole = set().union(*asked.values())
    missing = {name: whole - labels for name, labels in asked.items() if whole - labels}
    # the time on a GPU was up
    (on_cuda,) = (name for name in asked if "_cuda_" in name)
    assert missing.pop(on_cuda) == {
        "Add float64",
        "LogSoftmax sum of 100 float32 along inner",
        "Neg",
        "ReduceL1 of 2 float32 along last",
        "ReduceSum of 10 float32 along inner",
        "ReduceSum of 10 float64 along inner",
        "special Less",
        "special Reciprocal",
        "special TopK",
    }
    assert missing == {}
    # no kernel of its own, or one that gives something else than its name says
    allowed = {
        "numpy": {"Softmax", "LogSoftmax", "TopK"},
        "openvino": {"ReduceL1"},
        "tract": {"Gemm"},
        "onnxruntime 1.31.1 (cuda)": {"LogSoftmax"},
    }
    for record in records.values():
        refused = {re.split(r"[ :]", text.removeprefix("special "))[0] for text in record.refused}
        where = record.environment
        key = where.runtime if where.provider == "cpu" else where.name
        assert refused <= allowed.get(key, set())


@pytest.mark.parametrize("path", sorted(RECORDS.glob("*.json")), ids=lambda path: path.stem)
def test_a_record_pins_the_sums_of_heads(path: Path) -> None:
    tables = files.read_tables(path)
    for terms in (2, 10, 100, 1000, 5000):
        known = tables.depth("ReduceSum", terms, "last")
        assert known is not None
        assert known.depth <= tables.order("ReduceSum").at_most(terms) < max(terms, 2)
        assert {1, 257, 1024} <= {
            rows for table in tables.sums_of("ReduceSum", "last") for rows in table.alike
        }
