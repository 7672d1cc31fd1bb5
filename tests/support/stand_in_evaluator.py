"""A runtime that rounds correctly but for the faults that a test plants."""

from collections.abc import Callable, Sequence

import numpy as np

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables.evaluators import Operation, RefusedError

Fault = Callable[[str, Array, Array, int | None], Array]
"""Name, first operand, right results, size of short buffers (None in long ones): wrong results."""

_OF_ONE: dict[str, Callable[..., Array]] = {
    "Exp": np.exp,
    "Log": np.log,
    "Reciprocal": np.reciprocal,
    "Neg": np.negative,
}
_OF_TWO: dict[str, Callable[..., Array]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
}
_CHOICES: dict[str, Callable[..., Array]] = {
    "Max": np.maximum,
    "Min": np.minimum,
    "Less": np.less,
    "Equal": np.equal,
}


class StandInEvaluator:
    """Correctly rounded operations, with faults."""

    name, version, provider = "stand-in", "1.0", "cpu"
    threads: int | None = 1

    def __init__(self, fault: Fault | None = None) -> None:
        self._fault = fault

    def on_threads(self, count: int) -> "StandInEvaluator":
        del count
        return self

    def compute(self, operation: Operation, jobs: Sequence[tuple[Array, ...]]) -> list[Array]:
        return [self._one(operation, operands, None) for operands in jobs]

    def compute_short(self, operation: Operation, operands: tuple[Array, ...], size: int) -> Array:
        return self._one(operation, operands, size)

    def _one(self, operation: Operation, operands: tuple[Array, ...], size: int | None) -> Array:
        name, x = operation.name, operands[0]
        given = [*operands, *(np.float32(constant) for constant in operation.constants)]
        with np.errstate(all="ignore"):
            if name in _CHOICES:
                right = np.asarray(_CHOICES[name](*given))
            elif name == "ReduceSum":
                right = x.sum(axis=operation.axes[0])
            elif name in ("ReduceMax", "ReduceMin"):
                right = (np.max if name == "ReduceMax" else np.min)(x, axis=operation.axes[0])
            elif name in _OF_ONE or name in _OF_TWO:
                wide = [np.asarray(operand, np.float64) for operand in given]
                run = _OF_ONE.get(name) or _OF_TWO[name]
                right = np.asarray(run(*wide)).astype(x.dtype)
            else:
                raise RefusedError(f"stand-in refuses {name}: it does not know it")
        return right if self._fault is None else self._fault(name, x, right, size)


def moved(
    name: str, at: float, ulps: int, size: int | None = None, anywhere: bool = False
) -> Fault:
    """A fault: the result for one operand lies so many floats further on."""

    def fault(operation: str, x: Array, right: Array, short: int | None) -> Array:
        if operation != name or (short != size and not anywhere):
            return right
        wrong = right.copy()
        here = np.broadcast_to(x == np.float32(at), right.shape)
        wrong[here] = (right[here].view(np.int32) + ulps).view(np.float32)
        return wrong

    return fault
