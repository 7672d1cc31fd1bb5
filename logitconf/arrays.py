"""The namespace of an array by the array API standard, whatever library the array comes from.

The formulas, reductions, tasks and decisions are written once, as functions of arrays: torch
tensors, NumPy arrays, CuPy, JAX and what else follows the standard, and the symbolic arrays whose
operations append the nodes of a head. What the standard lacks and heads need stands below: torch
tensors and symbolic arrays have a method for each, all others take the standard's functions.
"""

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace, device, is_cupy_array

# Arrays of different libraries have no type in common; what a function needs, it says in words.
Array = Any

FEW_COLUMNS = 40
"""A last axis of so many or fewer is reduced several times more slowly than the first."""
SIGN_BIT = np.uint32(1 << 31)
"""Of a float32."""

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def namespace(*arrays: Array) -> Any:
    """The namespace that the arrays share; Python numbers among them are passed over.

    Raises:
        TypeError: if they come from different libraries, or none of them is an array.

    >>> import numpy as np
    >>> namespace(np.zeros(2), 1.0).__name__.split(".")[-1]
    'numpy'
    """
    if len(arrays) == 1 and type(arrays[0]) is np.ndarray:
        # asked for so often that looking it up took longer than small blocks of rows do
        return _namespace_of_numpy()
    if any(is_tensor(array) for array in arrays):
        # torch.compile warns of the caches that array_namespace looks in
        from array_api_compat import torch

        return torch
    return array_namespace(*arrays)


@functools.cache
def _namespace_of_numpy() -> Any:
    return array_namespace(np.empty(0))


def is_tensor(array: Array) -> bool:
    """Whether it is a torch tensor; does not load torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def dtype_name(array: Array) -> str:
    """The dtype in one word, the same for arrays of all libraries.

    >>> dtype_name(np.zeros(2, ">f4"))
    'float32'
    """
    return _name_of(array.dtype)


# typed: array-api-strict's dtypes have NumPy's hash, and warn where they are compared with those
@functools.lru_cache(maxsize=64, typed=True)
def _name_of(dtype: Any) -> str:
    return str(getattr(dtype, "name", dtype)).split(".")[-1]


def to_numpy(array: Array) -> npt.NDArray[Any]:
    """The values as a NumPy array, over the same memory where that can be; bfloat16 as float32."""
    if type(array) is np.ndarray and array.dtype.kind in "biuf":
        return array
    if is_tensor(array):
        values = array.detach().cpu()
        return np.asarray((values.float() if dtype_name(values) == "bfloat16" else values).numpy())
    if is_cupy_array(array):
        return np.asarray(array.get())
    host = np.asarray(array)
    return host.astype(np.float32) if dtype_name(host) == "bfloat16" else host


def beside(values: npt.NDArray[Any], array: Array) -> Array:
    """NumPy values as an array of the other's library, on its device.

    >>> beside(np.arange(2), np.zeros(3))
    array([0, 1])
    """
    if is_tensor(array):
        # torch shares no memory that is read-only, of another byte order or read backwards
        shared = np.require(values, values.dtype.newbyteorder("="), ["C", "W"])
        return namespace(array).from_numpy(shared).to(array.device)
    return namespace(array).asarray(values, device=device(array))


def aligned(array: Array) -> Array:
    """The array, copied if NumPy would read it number by number: one in the midst of a file is."""
    if isinstance(array, np.ndarray) and not array.flags.aligned:
        return array.copy()
    return array


def rows_at(array: Array, positions: npt.NDArray[np.integer[Any]]) -> Array:
    """The rows at these positions, along the first axis."""
    return namespace(array).take(array, beside(positions, array), axis=0)


def as_type(x: Array, dtype: Any) -> Array:
    """The array in another element type; itself where it has that type."""
    return namespace(x).astype(x, dtype, copy=False)


def lowest_float(x: Array) -> float:
    """The lowest finite number of the array's floating type.

    >>> import numpy as np
    >>> lowest_float(np.zeros(1, np.float32)) == -(2.0**128 - 2.0**104)
    True
    """
    return float(namespace(x).finfo(x.dtype).min)


def filled(shape: tuple[int, ...], value: float, like: Array) -> Array:
    """An array of one value, of the type of another one and where that one lies."""
    return namespace(like).full(
        shape, value, dtype=like.dtype, device=getattr(like, "device", None)
    )


def counted(count: int, like: Array) -> Array:
    """The numbers from 0 as float32, exact up to 2^24, of the library and place of an array.

    >>> import numpy as np
    >>> counted(3, np.zeros(1)).tolist()
    [0.0, 1.0, 2.0]
    """
    xp = namespace(like)
    return xp.arange(count, dtype=xp.float32, device=getattr(like, "device", None))


def constant(values: npt.ArrayLike, like: Array, name: str) -> Array:
    """Numbers as float32, of the library and place of an array.

    Args:
        values: finite.
        like: the array.
        name: of the initializer, where the array writes a graph.

    >>> constant([0.5, 1.0], np.zeros(1), "halves").tolist()
    [0.5, 1.0]
    """
    single = np.asarray(values, dtype=np.float32)
    # torch.export's tensors have an attribute of that name which is no method
    if callable(getattr(like, "constant", None)):
        return like.constant(single, name)
    xp, place = namespace(like), getattr(like, "device", None)
    return xp.asarray(single.tolist(), dtype=xp.float32, device=place)


def looked_up(values: Sequence[int], positions: Array) -> Array:
    """What stands at each position of a list, int64, as an array beside the positions.

    Args:
        values: whole numbers.
        positions: float32, whole and in range.

    >>> import numpy as np
    >>> looked_up([7, -1], np.ones(2, np.float32)).tolist()
    [-1, -1]
    """
    if hasattr(positions, "looked_up"):
        return positions.looked_up(values)
    xp = namespace(positions)
    place = getattr(positions, "device", None)
    return xp.asarray([*values], dtype=xp.int64, device=place)[as_type(positions, xp.int64)]


def sum_along(x: Array, axis: int, *, keepdims: bool = False) -> Array:
    """The sum along an axis.

    What does not lie side by side in memory NumPy adds one after the other, so that each term costs
    half an ulp of the sum (5000 classes: 3e-4): that it adds in double, and rounds once.
    """
    xp = namespace(x)
    apart = isinstance(x, np.ndarray) and x.strides[axis] != x.itemsize
    if apart and x.dtype == np.float32:
        return as_type(xp.sum(x, axis=axis, keepdims=keepdims, dtype=np.float64), np.float32)
    return xp.sum(x, axis=axis, keepdims=keepdims)


def largest_along(x: Array, axis: int, *, keepdims: bool = False) -> Array:
    """The largest along an axis; NaN where there is one.

    NumPy takes 5 ns a number of short rows; across a copy of columns that lie apart, a tenth of it.

    >>> import numpy as np
    >>> largest_along(np.array([[2.0, -5.0]]), 1).tolist()
    [2.0]
    """
    if isinstance(x, np.ndarray) and x.ndim == 2 and axis in (1, -1) and x.shape[1] <= FEW_COLUMNS:
        largest = np.max(np.ascontiguousarray(x.T), axis=0)
        return largest[:, None] if keepdims else largest
    return namespace(x).max(x, axis=axis, keepdims=keepdims)


def sum_of_sizes(x: Array, axis: int) -> Array:
    """The sum of abs values along an axis, in one operation where there is one.

    >>> import numpy as np
    >>> float(sum_of_sizes(np.array([2.0, -5.0]), 0))
    7.0
    """
    if hasattr(x, "sum_of_sizes"):
        return x.sum_of_sizes(axis)
    return sum_along(namespace(x).abs(x), axis)


def only_finite(x: Array) -> Array:
    """The finite values, and NaN for all others, in one operation where there is one.

    >>> import numpy as np
    >>> only_finite(np.array([2.0, np.nan])).tolist()
    [2.0, nan]
    """
    return x.only_finite() if hasattr(x, "only_finite") else x + (x - x)


def softmax(x: Array, axis: int) -> Array:
    """Softmax over an axis, in one operation where there is one."""
    if hasattr(x, "softmax"):
        return x.softmax(axis)
    xp = namespace(x)
    exponentials = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
    return exponentials / xp.sum(exponentials, axis=axis, keepdims=True)


def log_softmax(x: Array, axis: int) -> Array:
    """The logarithm of the softmax over an axis, in one operation where there is one."""
    if hasattr(x, "log_softmax"):
        return x.log_softmax(axis)
    xp = namespace(x)
    shifted = x - xp.max(x, axis=axis, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))


def split(x: Array, size: int, axis: int) -> Sequence[Array]:
    """Pieces of this size along an axis, the last one maybe smaller.

    >>> import numpy as np
    >>> [piece.tolist() for piece in split(np.arange(5), 2, 0)]
    [[0, 1], [2, 3], [4]]
    """
    if hasattr(x, "split"):
        pieces: Sequence[Array] = x.split(size, axis)
        return pieces
    before, total = (slice(None),) * axis, x.shape[axis]
    spans = [slice(start, min(start + size, total)) for start in range(0, total, size)]
    return [x[(*before, span, ...)] for span in spans]


def largest_of(arrays: Sequence[Array]) -> Array:
    """The largest at each place, in one operation where there is one.

    >>> largest_of([np.array([1, 5]), np.array([2, 3]), np.array([0, 4])]).tolist()
    [2, 5]
    """
    first, *others = arrays
    if others and hasattr(first, "larger_than"):
        return first.larger_than(others)
    return functools.reduce(namespace(first).maximum, arrays)


def ascending_bits(x: npt.NDArray[np.float32]) -> npt.NDArray[np.uint32]:
    """Whole numbers that order as float32 values do; -0 is 0.

    >>> ascending_bits(np.float32([-1, -0.0, 0.0, 2])).argsort(kind="stable").tolist()
    [0, 1, 2, 3]
    """
    bits = (x + np.float32(0.0)).view(np.uint32)
    return np.where(bits & SIGN_BIT, ~bits, bits | SIGN_BIT)


def largest_values(x: Array, count: int, axis: int) -> Array:
    """That many of the largest values along an axis, from the largest down.

    >>> import numpy as np
    >>> largest_values(np.array([2.0, 5.0, 3.0]), 2, 0).tolist()
    [5.0, 3.0]
    """
    if hasattr(x, "topk"):
        return x.topk(count, axis)[0]
    ordered = namespace(x).sort(x, axis=axis, descending=True)
    return ordered[(*(slice(None),) * axis, slice(0, count), ...)]


def silent(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """The function without NumPy's warnings of what is not finite.

    Rows that cannot be computed on get no score, on purpose, and a warning a row says nothing new.
    """

    @functools.wraps(function)
    def quiet(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> _Result:
        if any(isinstance(argument, np.ndarray) for argument in arguments):
            with np.errstate(all="ignore"):
                return function(*arguments, **options)
        return function(*arguments, **options)

    return quiet
