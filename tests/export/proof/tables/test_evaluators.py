"""What computes operations: runtimes by small models, torch and NumPy themselves."""

import numpy as np
import pytest

from logitconf.errors import LogitconfError
from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables.evaluators import (
    PIECES,
    Operation,
    RefusedError,
    RuntimeEvaluator,
    evaluator_of,
)
from logitconf_export.runtimes.protocol import Answer, Job, RunError
from logitconf_export.runtimes.targets.onnxruntime import OnnxRuntime


def floats(values: object) -> Array:
    return np.array(values, np.float32)


NAMES = ["onnxruntime", "onnx-reference", "torch", "numpy"]


@pytest.mark.parametrize("name", NAMES)
def test_operations_of_one_and_two_operands_are_computed(name: str) -> None:
    evaluator = evaluator_of(name)
    x, y = floats([1.0, 4.0, -2.0]), floats([2.0, 4.0, 1.0])
    cases: list[tuple[str, tuple[Array, ...], list[object]]] = [
        ("Reciprocal", (x,), [1.0, 0.25, -0.5]),
        ("Neg", (x,), [-1.0, -4.0, 2.0]),
        ("Div", (x, y), [0.5, 1.0, -2.0]),
        ("Max", (x, y), [2.0, 4.0, 1.0]),
        ("Less", (x, y), [True, False, True]),
        ("Where", (x > 0, x, y), [1.0, 4.0, 1.0]),
    ]
    for operation, operands, wanted in cases:
        (results,) = evaluator.compute(Operation(operation), [operands])
        assert results.tolist() == wanted, operation


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 3])
def test_short_buffers_give_each_element_its_result(name: str, size: int) -> None:
    x = np.linspace(1.0, 2.0, PIECES * size + 5, dtype=np.float32)
    evaluator = evaluator_of(name)
    assert (evaluator.compute_short(Operation("Reciprocal"), (x,), size) == 1.0 / x).all()
    assert (
        evaluator.compute_short(Operation("Less"), (x, x[::-1].copy()), size) == (x < x[::-1])
    ).all()
    assert (evaluator.compute_short(Operation("Mul", (3.0,)), (x,), size) == x * 3.0).all()


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_reduced_along_an_axis(name: str) -> None:
    table = floats([[[1.0, 2.0], [5.0, 7.0]]])
    evaluator = evaluator_of(name)
    for operation, wanted in (("ReduceSum", [[6.0, 9.0]]), ("ReduceMax", [[5.0, 7.0]])):
        (results,) = evaluator.compute(Operation(operation, axes=(1,)), [(table,)])
        assert results.tolist() == wanted


@pytest.mark.parametrize("name", NAMES)
def test_operations_that_choose_or_cut_off_are_computed(name: str) -> None:
    evaluator = evaluator_of(name)
    x = floats([-1.5, 0.5, 3.4e38, np.inf, np.nan])
    for operation, wanted in (
        # onnxruntime 1.31.1 makes the largest float of an infinity where no upper limit is given
        (Operation("Clip", (0.0, np.inf)), floats([0.0, 0.5, 3.4e38, np.inf, np.nan])),
        (Operation("Clip", (-np.inf, 0.0)), floats([-1.5, 0.0, 0.0, 0.0, np.nan])),
        (Operation("Mod", (np.inf,)), floats([-1.5, 0.5, 3.4e38, np.nan, np.nan])),
    ):
        (results,) = evaluator.compute(operation, [(x,)])
        assert np.array_equal(results, wanted, equal_nan=True), operation
    a, b = floats([[1.0, 2.0]]), floats([[3.0, 5.0], [7.0, 11.0], [0.0, 1.0]])
    (product,) = evaluator.compute(Operation("Gemm", attributes={"transB": 1}), [(a, b)])
    assert product.tolist() == [[13.0, 29.0, 2.0]]
    (sizes,) = evaluator.compute(Operation("ReduceL1", axes=(1,)), [(-b,)])
    assert sizes.tolist() == [8.0, 18.0, 1.0]


@pytest.mark.parametrize("name", ["onnxruntime", "onnx-reference", "torch"])
def test_kernels_take_the_axis_that_they_are_told(name: str) -> None:
    evaluator, table = evaluator_of(name), floats([[[1.0, 2.0], [5.0, 2.0], [3.0, 7.0]]])
    (shares,) = evaluator.compute(Operation("Softmax", attributes={"axis": 1}), [(table,)])
    (logarithms,) = evaluator.compute(Operation("LogSoftmax", attributes={"axis": 1}), [(table,)])
    exact = np.exp(table) / np.exp(table).sum(axis=1, keepdims=True)
    assert np.allclose(shares, exact, rtol=1e-6)
    assert np.allclose(logarithms, np.log(exact), rtol=1e-5)
    (largest,) = evaluator.compute(Operation("TopK", attributes={"axis": 1}), [(table,)])
    assert largest.tolist() == [[[5.0, 7.0], [3.0, 2.0]]]


def test_threads_are_set_where_they_can_be() -> None:
    import torch

    usual = torch.get_num_threads()
    for name in ("onnxruntime", "torch"):
        on = evaluator_of(name).on_threads(3)
        assert on is not None
        assert on.threads == 3
        (results,) = on.compute(Operation("Neg"), [(floats([1.0, 2.0]),)])
        assert results.tolist() == [-1.0, -2.0]
    assert torch.get_num_threads() == usual
    assert evaluator_of("numpy").on_threads(3) is None
    assert evaluator_of("onnx-reference").on_threads(3) is None


def test_onnxruntime_is_told_its_threads() -> None:
    runtime = OnnxRuntime()
    runtime.threads = 5
    assert runtime.settings().intra_op_num_threads == 5


def test_short_buffers_are_computed_one_by_one() -> None:
    """The longest buffer that a node of the model gets is as long as asked for."""
    seen: list[bytes] = []

    class Spy:
        name, gaps, sums = "spy", (), "pinned"

        def load(self) -> str:
            return "1"

        def run(self, jobs: "list[Job]") -> list[Answer]:
            seen.append(jobs[0].model)
            return [RunError("no\nmore")] * len(jobs)

    evaluator = RuntimeEvaluator("onnxruntime", "1", Spy())  # type: ignore[arg-type]
    with pytest.raises(RefusedError, match=r"onnxruntime 1 refuses Exp: no$"):
        evaluator.compute_short(Operation("Exp"), (np.ones(7, np.float32),), 3)
    import onnx

    nodes = onnx.load_model_from_string(seen[0]).graph.node
    assert [node.op_type for node in nodes] == ["Split", *["Exp"] * PIECES, "Concat"]
    assert len(nodes[0].output) == PIECES


def test_a_runtime_that_does_not_end_refuses_what_it_was_given() -> None:
    class Endless:
        name, gaps, sums = "endless", (), "pinned"

        def load(self) -> str:
            return "1"

        def run(self, jobs: "list[Job]") -> list[Answer]:
            del jobs
            raise LogitconfError("the runner must end within 300 seconds")

    evaluator = RuntimeEvaluator("onnxruntime", "1", Endless())  # type: ignore[arg-type]
    with pytest.raises(RefusedError, match="refuses Exp: the runner must end within 300 seconds"):
        evaluator.compute(Operation("Exp"), [(np.ones(3, np.float32),)])


def test_a_softmax_of_numpy_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"numpy .* has no Softmax of its own"):
        evaluator_of("numpy").compute(Operation("Softmax"), [(np.ones((1, 2), np.float32),)])


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(LogitconfError, match="runtime must be one of"):
        evaluator_of("onnxruntim")


def test_a_provider_belongs_to_onnxruntime() -> None:
    with pytest.raises(LogitconfError, match="a provider is one of onnxruntime's"):
        evaluator_of("onnx-reference", "cuda")


def test_a_provider_that_is_not_there_refuses_every_operation() -> None:
    from onnxruntime import get_available_providers

    if "CUDAExecutionProvider" in get_available_providers():
        pytest.skip("CUDA is there")
    with pytest.raises(RefusedError, match="cuda was asked for"):
        evaluator_of("onnxruntime", "cuda").compute(Operation("Exp"), [(np.ones(3, np.float32),)])
