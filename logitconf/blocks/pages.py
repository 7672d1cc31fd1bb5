"""Pages of a mapped file, let go once they are read, so that a large file never fills the memory.

The system keeps what it has read for as long as nobody else needs the memory; the process does not.
"""

from __future__ import annotations

import itertools
import mmap
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from logitconf.arrays import Array, rows_at
from logitconf.blocks.cutting import cut

Item = TypeVar("Item")
Result = TypeVar("Result")

BLOCKS = 8
"""4 MiB of float32 where a block has 2^17 elements, and neighbours that the system maps unasked."""
_SCATTERED = 8


def letting_go(
    function: Callable[[Item], Result], array: Array, *, blocks: int = BLOCKS
) -> Callable[[Item], Result]:
    """The function of a block of an array, which now and then drops the pages that it has read.

    Nothing is lost: they are read again when they are asked for, from the system's own cache. A map
    that copies what is written (mode "c") keeps its pages; an array that maps no file has none.

    Args:
        function: reads blocks of the array, in any thread.
        array: of any library.
        blocks: after so many.
    """
    mapped = _map_under(array)
    if mapped is None or not hasattr(mapped, "madvise"):
        return function
    turns = itertools.count(1)

    def reading(item: Item) -> Result:
        result = function(item)
        if next(turns) % blocks == 0:
            mapped.madvise(mmap.MADV_DONTNEED)
        return result

    return reading


def let_go(array: Array) -> None:
    """Drops the pages of a mapped file at once; see `letting_go`."""
    mapped = _map_under(array)
    if mapped is not None and hasattr(mapped, "madvise"):
        mapped.madvise(mmap.MADV_DONTNEED)


def scattered_rows(array: Array, positions: npt.NDArray[np.integer[Any]]) -> Array:
    """The rows at positions that may lie far apart; of a mapped file, few pages at a time.

    The system maps some hundred neighbours of each page that is asked for.
    """
    mapped = _map_under(array)
    if mapped is None or not hasattr(mapped, "madvise"):
        return rows_at(array, positions)
    rows = np.empty((len(positions), *array.shape[1:]), array.dtype)
    for few in cut(len(positions), 1, _SCATTERED):
        rows[few] = array[positions[few]]
        mapped.madvise(mmap.MADV_DONTNEED)
    return rows


def _map_under(array: Array) -> mmap.mmap | None:
    """The shared map that a NumPy array is a view of, if it is."""
    below = array
    while isinstance(below, np.ndarray):
        if isinstance(below, np.memmap) and below.mode == "c":
            return None
        below = below.base
    return below if isinstance(below, mmap.mmap) else None
