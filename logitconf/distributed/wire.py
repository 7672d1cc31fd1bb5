"""Totals as bytes that any version of any machine reads alike: no pickle, no class named."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_MORE, _LOW = np.uint8(0x80), np.uint64(0x7F)
_SEVEN = np.uint64(7)


def packed(values: npt.NDArray[np.integer]) -> bytes:
    """Whole numbers (N,) >= 0 with as many bytes as each needs (LEB128).

    >>> packed(np.array([1, 300])).hex()
    '01ac02'
    """
    rest = values.astype(np.uint64)
    digits: list[npt.NDArray[np.uint8]] = []
    more: list[npt.NDArray[np.bool_]] = []
    while not digits or rest.any():
        digits.append((rest & _LOW).astype(np.uint8))
        rest = rest >> _SEVEN
        more.append(rest != 0)
    table = np.array(digits) | np.where(more, _MORE, np.uint8(0))
    used = np.vstack([np.ones((1, values.size), np.bool_), *more[:-1]])
    return bytes(table.T[used.T].tobytes())


def unpacked(data: bytes) -> npt.NDArray[np.uint64]:
    """The numbers in the bytes of `packed`.

    >>> unpacked(bytes.fromhex("01ac02")).tolist()
    [1, 300]
    """
    digits = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(digits < _MORE)
    if not ends.size:
        return np.empty(0, dtype=np.uint64)
    starts = np.concatenate([[0], ends[:-1] + 1])
    places = np.arange(digits.size) - np.repeat(starts, ends - starts + 1)
    shifted = (digits & np.uint8(0x7F)).astype(np.uint64) << (places.astype(np.uint64) * _SEVEN)
    return np.add.reduceat(shifted, starts)


def packed_sums(sums: tuple[int, ...]) -> list[bytes]:
    """Whole numbers of any size and sign."""
    return [each.to_bytes(each.bit_length() // 8 + 1, "little", signed=True) for each in sums]


def unpacked_sums(data: list[bytes]) -> tuple[int, ...]:
    """The numbers of `packed_sums`."""
    return tuple(int.from_bytes(each, "little", signed=True) for each in data)
