"""The namespace of an array by the array API standard, whatever library the array comes from.

The formulas, reductions, tasks and decisions are written once, as functions of arrays: torch
tensors, NumPy arrays, CuPy, JAX and what else follows the standard, and the symbolic arrays whose
operations append the nodes of a head.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace, device, is_cupy_array, is_torch_array

# Arrays of different libraries have no type in common; what a function needs, it says in words.
Array = Any


def namespace(*arrays: Array) -> Any:
    """The namespace that the arrays share; Python numbers among them are passed over.

    Raises:
        TypeError: if they come from different libraries, or none of them is an array.

    >>> import numpy as np
    >>> namespace(np.zeros(2), 1.0).__name__.split(".")[-1]
    'numpy'
    """
    return array_namespace(*arrays)


def is_tensor(array: Array) -> bool:
    """Whether it is a torch tensor; does not load torch."""
    return bool(is_torch_array(array))


def dtype_name(array: Array) -> str:
    """The dtype in one word, the same for arrays of all libraries.

    >>> dtype_name(np.zeros(2, ">f4"))
    'float32'
    """
    return str(getattr(array.dtype, "name", array.dtype)).split(".")[-1]


def to_numpy(array: Array) -> npt.NDArray[Any]:
    """The values as a NumPy array, over the same memory where that can be; bfloat16 as float32."""
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


def rows_at(array: Array, positions: npt.NDArray[np.int64]) -> Array:
    """The rows at these positions, along the first axis."""
    return namespace(array).take(array, beside(positions, array), axis=0)


def through_torch(function: Callable[..., Array]) -> Callable[..., Array]:
    """A function of tensors as one of NumPy arrays too."""

    @functools.wraps(function)
    def bridged(*arguments: Any, **options: Any) -> Array:
        if not any(isinstance(argument, np.ndarray) for argument in arguments):
            return function(*arguments, **options)
        import torch

        tensors = [
            torch.from_numpy(np.require(a, a.dtype.newbyteorder("="), ["C", "W"]))
            if isinstance(a, np.ndarray)
            else a
            for a in arguments
        ]
        return function(*tensors, **options).numpy()

    return bridged
