"""Float32 values in their order."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
_SIGN = 0x8000_0000


def place(value: float) -> int:
    """Which float it is, counted from 0.0, which is 0; −0.0 is −1.

    >>> place(0.0), place(-0.0), place(1.401298464324817e-45)
    (0, -1, 1)
    """
    bits = int(np.float32(value).view(np.uint32))
    return bits if bits < _SIGN else _SIGN - 1 - bits


def count(low: float, high: float) -> int:
    """How many floats lie in a range, both ends included.

    >>> count(1.0, 2.0) == 2**23 + 1
    True
    """
    return place(high) - place(low) + 1


def run_of(low: float, high: float, *, step: int = 1, size: int) -> Iterator[Floats]:
    """Every float of a range, or each so many and the last, in order, in arrays of up to a size."""
    first, last = place(low), place(high)
    for start in range(first, last + 1, size * step):
        stop = min(start + size * step, last + 1)
        if start < 0 < stop:
            floats = at(np.arange(start, stop, step, dtype=np.int64))
        elif start >= 0:
            floats = np.arange(start, stop, step, dtype=np.uint32).view(np.float32)
        else:
            # of negative floats the bits descend
            bits = np.arange(_SIGN - 1 - start, _SIGN - 1 - stop, -step)
            floats = bits.astype(np.uint32).view(np.float32)
        if step > 1 and start + size * step > last and (stop - 1 - start) % step:
            floats = np.append(floats, at(np.array([last])))
        yield floats


def at(places: npt.NDArray[np.int64]) -> Floats:
    """The floats at these places."""
    return np.where(places < 0, _SIGN - 1 - places, places).astype(np.uint32).view(np.float32)


def places_of(values: Floats) -> npt.NDArray[np.int64]:
    """Which floats these are; any NaN lies beyond the infinities."""
    bits = values.view(np.uint32).astype(np.int64)
    return np.where(bits < _SIGN, bits, _SIGN - 1 - bits)
