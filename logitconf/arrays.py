"""The namespace of an array by the array API standard, whatever library the array comes from.

The formulas, reductions, tasks and decisions are written once, as functions of arrays: torch
tensors, NumPy arrays, CuPy, JAX and what else follows the standard, and the symbolic arrays whose
operations append the nodes of a head.
"""

from typing import Any

from array_api_compat import array_namespace, is_torch_array

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
