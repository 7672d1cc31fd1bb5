"""Consecutive rows in blocks of limited size, whatever computes them."""

from __future__ import annotations

from array_api_compat import is_cupy_array

from logitconf.arrays import Array, is_tensor

CACHED_ELEMENTS = 1 << 17
"""So many numbers, with what is made of them, stay in a level-2 cache."""
# torch shares a block among cores by itself, and each call of it costs more.
_TENSOR_ELEMENTS = 1 << 20
_ACCELERATOR_ELEMENTS = 1 << 23


def cut(rows: int, columns: int, elements: int = CACHED_ELEMENTS) -> list[slice]:
    """Blocks of at most so many elements, each of one row at least.

    Args:
        rows: how many there are.
        columns: elements of a row.
        elements: of a block.

    >>> cut(5, 10, 20)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(1, elements // max(1, columns))
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


def elements_of(array: Array) -> int:
    """How many elements make a block where this array is computed with its own library."""
    if stays(array):
        return _ACCELERATOR_ELEMENTS
    return _TENSOR_ELEMENTS if is_tensor(array) else CACHED_ELEMENTS


def stays(array: Array) -> bool:
    """Whether the rows are computed where they lie, and not by NumPy in threads.

    So are those on an accelerator that knows float64: Apple's does not, and JAX only if asked.
    """
    if is_tensor(array):
        return array.device.type not in ("cpu", "mps")
    return bool(is_cupy_array(array))
