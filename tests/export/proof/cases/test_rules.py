"""Without tables nothing is known of a runtime; with them what it was seen to do."""

import math
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from support.proved_forms import measured

from logitconf_export.proof.cases import kinds
from logitconf_export.proof.cases.kinds import DOWN, LARGEST, NAN, UP, Kinds
from logitconf_export.proof.cases.reductions import total_of
from logitconf_export.proof.cases.rules import Rules, kind_of
from logitconf_export.proof.cases.sorts import NAN_ROWS
from logitconf_export.proof.cases.steps import Places
from logitconf_export.proof.tables.operation_table import MissingTableError


class Seen:
    """Tables of a runtime whose exponential loses a NaN."""

    def results(self, operation: str, *inputs: float) -> tuple[float, ...]:
        return (0.0,) if operation == "Exp" and math.isnan(inputs[0]) else (math.nan,)


def test_nothing_is_carried_without_tables() -> None:
    rules = Rules(None)
    assert rules.results("Exp", math.nan) is None
    assert not rules.carries_nan("ReduceMax", (math.nan, 1.0, 1.0))
    assert rules.unary("Exp", NAN, kinds.exponential) == NAN


def test_what_a_runtime_does_besides_is_added() -> None:
    rules = Rules(Seen())  # type: ignore[arg-type]
    assert rules.unary("Exp", NAN, kinds.exponential) == NAN | Kinds(low=0.0, high=0.0)
    assert rules.carries_nan("ReduceMax", (math.nan, 1.0, 1.0))


def test_numbers_are_told_apart() -> None:
    assert [kind_of(v) for v in (math.nan, math.inf, -math.inf)] == [NAN, UP, DOWN]


Answers: TypeAlias = Mapping[tuple[object, ...], tuple[float, ...]]


class Asked:
    """Tables of a runtime that was asked this alone."""

    def __init__(self, seen: Answers) -> None:
        self.seen = {tuple(map(str, asked)): results for asked, results in seen.items()}

    def results(self, operation: str, *inputs: float) -> tuple[float, ...]:
        try:
            return self.seen[tuple(map(str, (operation, *inputs)))]
        except KeyError as error:
            raise MissingTableError(operation) from error


def rules_of(seen: Answers) -> Rules:
    return Rules(Asked(seen))  # type: ignore[arg-type]


def exactly(value: float) -> Kinds:
    return Kinds(low=value, high=value)


def test_a_limit_that_is_missing_may_be_the_largest_float() -> None:
    """Of +inf onnxruntime makes 3.4e38 where no upper limit is given, which is a number."""
    rules, limit = Rules(None), exactly(-1e30)
    assert rules.clipped(UP, limit, None) == UP | exactly(LARGEST)
    assert rules.clipped(DOWN, None, limit) == DOWN | exactly(-LARGEST)
    assert rules.clipped(DOWN, DOWN, limit) == DOWN | exactly(-LARGEST)
    assert rules.clipped(UP, None, limit) == limit
    seen = rules_of({("Clip(0.0)", math.inf): (LARGEST,)})
    assert seen.clipped(UP, limit, None) == UP | exactly(LARGEST)
    asked = rules_of({("Clip(0.0)", math.inf): (math.inf,)})
    assert asked.clipped(UP, limit, None) == UP
    # a table of the one says nothing of the other
    assert asked.clipped(DOWN, None, limit) == DOWN | exactly(-LARGEST)
    assert asked.clipped(UP, limit, UP) == UP | exactly(LARGEST)


def test_a_lower_limit_that_is_missing_is_not_one_of_minus_infinity() -> None:
    graph = helper.make_graph(
        [helper.make_node("Clip", ["x", "", "high"], ["y"])],
        "clip",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None])],
        [numpy_helper.from_array(np.array(1e30, np.float32), "high")],
    )
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (made,) = session.run(None, {"x": np.full(3, -np.inf, np.float32)})
    rules = Rules(measured().tables)
    expected = rules.clipped(DOWN, None, exactly(1e30))
    assert all(kind_of(float(y)) | expected == expected for y in np.asarray(made))
    assert rules.clipped(DOWN, DOWN, exactly(1e30)) == DOWN
    seen = rules_of({("Clip(-inf, 0.0)", -math.inf): (-math.inf,)})
    assert seen.clipped(DOWN, None, exactly(1e30)) == DOWN | exactly(-LARGEST)


def test_a_limit_carries_a_nan_where_it_was_seen_to() -> None:
    carries = rules_of({("Clip(0.0)", math.nan): (math.nan,)})
    assert carries.clipped(NAN, exactly(-2.0), None) == NAN
    # of both limits nothing was asked
    assert carries.clipped(NAN, exactly(-2.0), exactly(3.0)) == NAN | Kinds(low=-2.0, high=3.0)
    loses = rules_of({("Clip(-inf, 0.0)", math.nan): (-math.inf,)})
    assert loses.clipped(NAN, DOWN, exactly(3.0)) == NAN | DOWN | exactly(3.0)
    assert Rules(None).clipped(NAN, exactly(1.0), None) == NAN | Kinds(low=1.0, high=LARGEST)


def test_what_a_runtime_folds_is_added_to_what_is_not_finite() -> None:
    tract = rules_of({("Mul", math.nan, 0.0): (0.0,), ("Div", math.inf, math.inf): (0.0,)})
    assert tract.binary("Mul", NAN, kinds.ZERO, kinds.multiply) == NAN | kinds.ZERO
    assert tract.binary("Mul", NAN, kinds.ONE, kinds.multiply) == NAN
    assert tract.binary("Div", UP, UP, kinds.divide) == NAN | kinds.ZERO
    assert Rules(None).binary("Div", UP, UP, kinds.divide) == NAN


def test_a_sum_of_sizes_is_judged_by_its_own_table() -> None:
    sums: Answers = {("ReduceSum", *row): (math.nan,) for row in NAN_ROWS}
    places = Places(NAN, kinds.ONE)
    assert total_of(rules_of(sums), "ReduceSum", places, two=False) == NAN
    # what was not asked may be any number
    assert total_of(rules_of(sums), "ReduceL1", places, two=False).finite
    loses: Answers = {("ReduceL1", *row): (1.0,) for row in NAN_ROWS}
    assert total_of(rules_of({**sums, **loses}), "ReduceL1", places, two=False).finite
    carries: Answers = {("ReduceL1", *row): (math.nan,) for row in NAN_ROWS}
    assert total_of(rules_of(carries), "ReduceL1", places, two=False) == NAN
