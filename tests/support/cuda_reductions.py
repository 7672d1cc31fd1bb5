"""An interpreter of heads whose reductions are those of onnxruntime's CUDA provider.

Seen with onnxruntime-gpu 1.31.1 on an H100 and an H200: ReduceMax of a row of -inf is the lowest
finite float, ReduceMin of a row of +inf the largest; a NaN always comes through both; ArgMax of a
row of -inf is out of range; TopK drops a NaN and gives the lowest float for -inf. Max, Min and Sum
of three and more values of one shape fail where that has no elements.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

Array = NDArray[Any]


def _axes(given: Any) -> tuple[int, ...]:
    return tuple(int(axis) for axis in np.asarray(given).reshape(-1))


class ReduceMax(OpRun):
    def _run(self, x: Array, axes: Any = None, keepdims: int = 1, **_: Any) -> tuple[Array]:
        largest = np.max(x, axis=_axes(axes), keepdims=bool(keepdims))
        return (np.maximum(largest, np.finfo(x.dtype).min).astype(x.dtype),)


class ReduceMin(OpRun):
    def _run(self, x: Array, axes: Any = None, keepdims: int = 1, **_: Any) -> tuple[Array]:
        smallest = np.min(x, axis=_axes(axes), keepdims=bool(keepdims))
        return (np.minimum(smallest, np.finfo(x.dtype).max).astype(x.dtype),)


class TopK(OpRun):
    def _run(self, x: Array, k: Any, axis: int = -1, **_: Any) -> tuple[Array, Array]:
        lowest = np.finfo(x.dtype).min
        seen = np.maximum(np.where(np.isnan(x), lowest, x), lowest)
        order = np.argsort(-seen, axis=axis, kind="stable")
        places = np.take(order, np.arange(int(np.asarray(k).reshape(-1)[0])), axis=axis)
        return np.take_along_axis(seen, places, axis=axis).astype(x.dtype), places


class ArgMax(OpRun):
    def _run(self, x: Array, axis: int = 0, keepdims: int = 1, **_: Any) -> tuple[Array]:
        best = np.argmax(x, axis=axis, keepdims=bool(keepdims)).astype(np.int64)
        hopeless = np.all(np.isneginf(x), axis=axis, keepdims=bool(keepdims))
        return (np.where(hopeless, 2**31, best),)


class Max(OpRun):
    def _run(self, *values: Array) -> tuple[Array]:
        return (_each_with_the_next(np.maximum, values),)


class Min(OpRun):
    def _run(self, *values: Array) -> tuple[Array]:
        return (_each_with_the_next(np.minimum, values),)


def _each_with_the_next(larger: np.ufunc, values: Sequence[Array]) -> Array:
    if len(values) > 2 and values[0].size == 0 and len({value.shape for value in values}) == 1:
        raise RuntimeError("cudaErrorInvalidValue: invalid argument")
    result: Array = reduce(larger, values)
    return result


def run_as_cuda(model: onnx.ModelProto, logits: Array) -> list[Array]:
    """All outputs of a head, reduced as the CUDA provider reduces."""
    evaluator = ReferenceEvaluator(model, new_ops=[Max, Min, ReduceMax, ReduceMin, TopK, ArgMax])
    with np.errstate(all="ignore"):
        results: Any = evaluator.run(None, {"logits": logits})
    return list(results)
