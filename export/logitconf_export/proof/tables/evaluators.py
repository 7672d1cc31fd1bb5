"""Whatever computes single operations: a runtime by small models, torch and NumPy themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from logitconf.errors import LogitconfError, MissingExtraError, not_among
from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables.providers import OnProvider
from logitconf_export.runtimes.protocol import Answer, Job, RunError, Runtime
from logitconf_export.runtimes.targets.table import RUNTIMES, RuntimeRequest

PIECES = 200
"""How many short buffers one model computes on."""
_LONGEST_REASON, _OPSET = 200, 17
_KINDS = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.float64): TensorProto.DOUBLE,
    np.dtype(np.bool_): TensorProto.BOOL,
}
_ANSWERS_BOOL = ("Less", "Equal", "And")
_LARGEST_ONES = 2


class RefusedError(LogitconfError):
    """What computes does not know an operation; the message says why."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation to compute.

    Attributes:
        name: ONNX's.
        constants: the operands behind the inputs, scalars of the graph.
        attributes: of the node; ``fmod`` of a Mod is always set.
        axes: of a reduction.
    """

    name: str
    constants: tuple[float, ...] = ()
    attributes: Mapping[str, int | Sequence[int]] = field(default_factory=dict)
    axes: tuple[int, ...] = ()


class Evaluator(Protocol):
    """What computes operations.

    Attributes:
        name: as ``--on`` takes it, ``"torch"`` or ``"numpy"``.
        version: of it.
        provider: of onnxruntime; ``"cpu"`` elsewhere.
        threads: that it was let use; None if it chooses.
    """

    name: str
    version: str
    provider: str
    threads: int | None

    def on_threads(self, count: int) -> Evaluator | None:
        """The same on so many threads; None if that cannot be told to it."""

    def compute(self, operation: Operation, jobs: Sequence[tuple[Array, ...]]) -> list[Array]:
        """The results for several sets of operands of one operation.

        Raises:
            RefusedError: if it cannot.
        """

    def compute_short(self, operation: Operation, operands: tuple[Array, ...], size: int) -> Array:
        """The results for operands (N,), so many elements in a buffer of their own at a time.

        Raises:
            RefusedError: if it cannot.
        """


def evaluator_of(name: str, provider: str = "cpu") -> Evaluator:
    """What computes under this name.

    Raises:
        LogitconfError: for a name that is none, or if it is not installed.
    """
    if name in ("torch", "numpy"):
        return ArrayEvaluator(name)
    if name not in RUNTIMES and "/" not in name and "\\" not in name and "==" not in name:
        raise not_among("runtime", name, [*RUNTIMES, "torch", "numpy", "the path of a Python"])
    runtime, version = RuntimeRequest.of(name).load()
    short = name.partition("==")[0]
    if provider != "cpu":
        if short != "onnxruntime":
            raise LogitconfError("a provider is one of onnxruntime's; take it with onnxruntime")
        return RuntimeEvaluator(short, version, OnProvider(provider), provider)
    return RuntimeEvaluator(short, version, runtime)


class RuntimeEvaluator:
    """A runtime, with models of single operations."""

    def __init__(self, name: str, version: str, runtime: Runtime, provider: str = "cpu") -> None:
        # any other onnxruntime goes by its path, which is nobody else's business
        self.name = name if name in RUNTIMES else "onnxruntime"
        self.version, self.provider, self._runtime = version, provider, runtime
        if hasattr(runtime, "kept"):  # OpenVINO takes a second to compile a model of short buffers
            runtime.kept = {}
        self.threads: int | None = None

    def on_threads(self, count: int) -> Evaluator | None:
        """See :class:`Evaluator`."""
        if not hasattr(self._runtime, "threads"):
            return None
        runtime: Any = copy(self._runtime)
        runtime.threads = count
        other = RuntimeEvaluator(self.name, self.version, runtime, self.provider)
        other.threads = count
        return other

    def compute(self, operation: Operation, jobs: Sequence[tuple[Array, ...]]) -> list[Array]:
        """See :class:`Evaluator`."""
        made: dict[Any, bytes] = {}
        asked = []
        for operands in jobs:
            kinds = tuple((o.dtype, o.ndim) for o in operands)
            if kinds not in made:
                made[kinds] = _model(operation, kinds)
            feeds = {f"x{place}": operand for place, operand in enumerate(operands)}
            asked.append(Job(made[kinds], feeds, ("y",)))
        return [self._first(operation, answer) for answer in self._run(operation, asked)]

    def compute_short(self, operation: Operation, operands: tuple[Array, ...], size: int) -> Array:
        """See :class:`Evaluator`."""
        length, wanted = PIECES * size, len(operands[0])
        padded = [_padded(x, length).reshape(-1, length) for x in operands]
        model = _pieces_model(operation, [x.dtype for x in operands], size)
        names = [f"x{place}" for place in range(len(operands))]
        jobs = [
            Job(model, dict(zip(names, r, strict=True)), ("y",)) for r in zip(*padded, strict=True)
        ]
        results = [self._first(operation, answer) for answer in self._run(operation, jobs)]
        return np.concatenate(results)[:wanted]

    def _run(self, operation: Operation, jobs: Sequence[Job]) -> list[Answer]:
        try:
            return self._runtime.run(jobs)
        except LogitconfError as error:  # a process of its own that does not end, or not start
            raise self._refusal(operation, str(error)) from error

    def _first(self, operation: Operation, answer: object) -> Array:
        if isinstance(answer, RunError) or not isinstance(answer, tuple):
            reason = answer.reason if isinstance(answer, RunError) else "no answer"
            raise self._refusal(operation, reason)
        values: Array = np.asarray(answer[0])
        return values

    def _refusal(self, operation: Operation, reason: str) -> RefusedError:
        short = reason.partition("\n")[0][:_LONGEST_REASON]
        return RefusedError(f"{self.name} {self.version} refuses {operation.name}: {short}")


class ArrayEvaluator:
    """torch or NumPy, by the functions that heads call."""

    def __init__(self, name: str) -> None:
        self.name, self.provider = name, "cpu"
        self._torch: Any = None
        self.threads: int | None = 1
        if name == "torch":
            try:
                import torch
            except ImportError as error:
                raise MissingExtraError(
                    'torch is not installed; install it with pip install "logitconf[torch]"'
                ) from error
            self._torch, self.version = torch, str(torch.__version__)
            self.threads = int(torch.get_num_threads())
        else:
            self.version = np.__version__

    def on_threads(self, count: int) -> Evaluator | None:
        """See :class:`Evaluator`."""
        if self._torch is None:
            return None
        other = copy(self)
        other.threads = count
        return other

    def compute(self, operation: Operation, jobs: Sequence[tuple[Array, ...]]) -> list[Array]:
        """See :class:`Evaluator`."""
        run = self._function(operation)
        if self._torch is not None and self.threads != self._torch.get_num_threads():
            usual = self._torch.get_num_threads()
            self._torch.set_num_threads(self.threads)
            try:
                return self._results(run, jobs)
            finally:
                self._torch.set_num_threads(usual)
        return self._results(run, jobs)

    def _results(self, run: Callable[..., Any], jobs: Sequence[tuple[Array, ...]]) -> list[Array]:
        with np.errstate(all="ignore"):
            if self._torch is None:
                return [np.asarray(run(*operands)) for operands in jobs]
            taken = ([self._torch.from_numpy(o) for o in operands] for operands in jobs)
            return [run(*operands).numpy() for operands in taken]

    def compute_short(self, operation: Operation, operands: tuple[Array, ...], size: int) -> Array:
        """See :class:`Evaluator`.

        Rows of a table whose next row does not follow at once: both libraries then compute row by
        row. A row of one they would take for a column, so those are computed one by one.
        """
        wanted, tables = len(operands[0]), []
        if size > 1:
            for x in operands:
                rows = _padded(x, size).reshape(-1, size)
                apart = np.empty((len(rows), size + 1), x.dtype)[:, :size]
                apart[...] = rows
                tables.append(apart)
            (results,) = self.compute(operation, [tuple(tables)])
            return np.ascontiguousarray(results).reshape(-1)[:wanted]
        singles = zip(*(np.split(x, wanted) for x in operands), strict=True)
        return np.concatenate(self.compute(operation, [*singles]))

    def _function(self, operation: Operation) -> Callable[..., Any]:
        """The function of an operation.

        Raises:
            RefusedError: if heads call none.
        """
        xp: Any = np if self._torch is None else self._torch
        lowered = {
            "Exp": xp.exp,
            "Log": xp.log,
            "Reciprocal": xp.reciprocal,
            "Abs": xp.abs,
            "Neg": xp.negative,
            "Sqrt": xp.sqrt,
            "Tanh": xp.tanh,
            "Add": xp.add,
            "Sub": xp.subtract,
            "Mul": xp.multiply,
            "Div": xp.divide,
            "Max": xp.maximum,
            "Min": xp.minimum,
            "Less": xp.less,
            "Equal": np.equal if self._torch is None else self._torch.eq,
            "And": xp.logical_and,
            "Where": xp.where,
            "Clip": lambda x, *limits: xp.clip(x, *limits, *(None,) * (2 - len(limits))),
            "Gemm": lambda a, b: xp.matmul(a, b.T if operation.attributes.get("transB") else b),
            "Mod": xp.fmod,
        }
        if operation.name in lowered:
            plain: Callable[..., Any] = lowered[operation.name]
            held = [np.float32(constant) for constant in operation.constants]
            if self._torch is not None:
                held = [self._torch.tensor(constant) for constant in held]
            return lambda *operands: plain(*operands, *held)
        reductions = {"ReduceMax": xp.amax, "ReduceMin": xp.amin, "ReduceSum": xp.sum}
        reductions["ReduceL1"] = lambda x, axis: xp.sum(xp.abs(x), axis)
        if operation.name in reductions:
            axis = operation.axes[0]
            return lambda x: reductions[operation.name](x, axis)
        kernels = {"Softmax": "softmax", "LogSoftmax": "log_softmax"}
        if operation.name in kernels and self._torch is not None:
            axis = int(operation.attributes.get("axis", -1))  # type: ignore[arg-type]
            return lambda x: getattr(self._torch, kernels[operation.name])(x, axis)
        if operation.name == "TopK" and self._torch is not None:
            return lambda x: self._torch.topk(x, _LARGEST_ONES, 1).values
        raise RefusedError(f"{self.name} {self.version} has no {operation.name} of its own")


def _model(operation: Operation, kinds: Sequence[tuple[Any, int]]) -> bytes:
    """One node, with inputs ``x0``, ``x1`` and so on, and the output ``y``."""
    names, is_product = [f"x{place}" for place in range(len(kinds))], operation.name == "Gemm"
    inputs = [
        helper.make_tensor_value_info(
            # tract 0.23 wants to know that the rows of a matrix are as long as a column
            name,
            _KINDS[kind],
            [
                f"D{_side(operation, place, i)}" if is_product else f"D{name}_{i}"
                for i in range(rank)
            ],
        )
        for place, (name, (kind, rank)) in enumerate(zip(names, kinds, strict=True))
    ]
    result = _result_kind(operation, [kind for kind, _ in kinds])
    node, constants = _node(operation, names, "y", kinds[0][0])
    rank = max(rank for _, rank in kinds) - len(operation.axes)
    output = helper.make_tensor_value_info("y", _KINDS[result], [f"E{i}" for i in range(rank)])
    return _finished([node], inputs, output, constants)


def _side(operation: Operation, place: int, axis: int) -> int:
    """Which of the three sizes in a product of matrices an axis of an operand is."""
    return 2 - axis if place == 1 and operation.attributes.get("transB") else place + axis


def _pieces_model(operation: Operation, kinds: Sequence[Any], size: int) -> bytes:
    """Buffers that are taken apart, each part computed by a node of its own, and joined again."""
    length, places = [PIECES * size], range(PIECES)
    names = [f"x{i}" for i in range(len(kinds))]
    made = [_node(operation, [f"{n}_{i}" for n in names], f"y_{i}", kinds[0]) for i in places]
    nodes = [
        *(helper.make_node("Split", [n], [f"{n}_{i}" for i in places], axis=0) for n in names),
        *(node for node, _ in made),
        helper.make_node("Concat", [f"y_{i}" for i in places], ["y"], axis=0),
    ]
    inputs = [
        helper.make_tensor_value_info(name, _KINDS[kind], length)
        for name, kind in zip(names, kinds, strict=True)
    ]
    y = helper.make_tensor_value_info("y", _KINDS[_result_kind(operation, kinds)], length)
    return _finished(nodes, inputs, y, made[0][1])


def _result_kind(operation: Operation, kinds: Sequence[Any]) -> Any:
    floats = [kind for kind in kinds if kind != np.bool_]
    return np.dtype(np.bool_) if operation.name in _ANSWERS_BOOL or not floats else floats[0]


def _padded(x: Array, multiple: int) -> Array:
    """An array with its last element repeated up to a multiple of a length."""
    return np.concatenate([x, np.repeat(x[-1:], -len(x) % multiple)])


def _node(
    operation: Operation, inputs: Sequence[str], output: str, kind: Any
) -> tuple[onnx.NodeProto, list[TensorProto]]:
    constants = []
    for place, constant in enumerate(operation.constants):
        constants.append(numpy_helper.from_array(np.array(constant, kind), f"constant{place}"))
    attributes: dict[str, Any] = dict(operation.attributes)
    outputs = [output]
    if operation.name == "Mod":
        attributes["fmod"] = 1
    if operation.name == "TopK":
        constants.append(numpy_helper.from_array(np.array([_LARGEST_ONES]), "count"))
        outputs.append(f"{output}_places")
    if operation.axes:
        attributes["keepdims"] = 0
        if operation.name == "ReduceSum":  # whose axes are an input from opset 13
            constants.append(numpy_helper.from_array(np.array(operation.axes, np.int64), "axes"))
        else:
            attributes["axes"] = list(operation.axes)
    names = [*inputs, *(tensor.name for tensor in constants)]
    return helper.make_node(operation.name, names, outputs, **attributes), constants


def _finished(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    output: onnx.ValueInfoProto,
    constants: Sequence[TensorProto],
) -> bytes:
    graph = helper.make_graph(list(nodes), "operation", list(inputs), [output], list(constants))
    opset = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    return bytes(model.SerializeToString())
