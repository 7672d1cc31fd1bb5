"""The sums of a block of finite rows by NumPy, with each pass over the classes made once, in place.

They are those of `likelihood.chunk_sums`, which takes every block that these lines give back.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from logitconf.arrays import FEW_COLUMNS
from logitconf.blocks.cutting import cut
from logitconf.calibration.temperature.likelihood import (
    LABEL_BITS,
    Vector,
    range_bits,
    weighed,
)

# Classes are not shifted by their row's largest logit where exponentials and their powers lose
# nothing without: 2^-53 of exp(z) is lost for each unit of z, and that to the third power.
_NEAR = 40.0
_LEAST, _MOST = 1e-30, 1e30
_FEW_TERMS = 4096
# about as many are made of a row, however few classes it has
_TERMS_OF_A_ROW = 32

BLOCK_ELEMENTS = 1 << 19
"""So many numbers make a block, of which some at a time are in a cache."""


class Room:
    """Buffers of one thread, used again for each block: memory that is in a cache already."""

    def __init__(self) -> None:
        self._flat: dict[tuple[str, str], npt.NDArray[Any]] = {}

    def of(self, use: str, shape: tuple[int, ...], kind: Any) -> npt.NDArray[Any]:
        """An array of this shape and type, of any content; the same memory for the same use."""
        key, size = (use, np.dtype(kind).char), math.prod(shape)
        flat = self._flat.get(key)
        if flat is None or flat.size < size:
            flat = self._flat[key] = np.empty(size, kind)
        return flat[:size].reshape(shape)


def large_blocks(rows: int, n_classes: int) -> list[slice]:
    """Consecutive rows in blocks that `block_sums` takes."""
    return cut(rows, max(_TERMS_OF_A_ROW, n_classes), BLOCK_ELEMENTS)


def block_sums(
    logits: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    weights: npt.NDArray[Any] | None,
    *,
    inverse_temperature: float,
    initial: float | None,
    quick: bool,
    room: Room,
) -> Vector | None:
    """The vector of `likelihood.chunk_sums` for classes; None where it must look closer.

    Args:
        logits: (N, K), N >= 1.
        labels: (N,) integers below K.
        weights: (N,) non-negative, or None.
        inverse_temperature: b > 0.
        initial: as there.
        quick: as there.
        room: for what is made on the way.
    """
    b, rows = inverse_temperature, len(logits)
    own = logits[np.arange(rows), labels].astype(np.float64)
    with np.errstate(all="ignore"):
        shifted = quick or initial is not None or not np.abs(own).max() * b < _NEAR
        base, nll_initial, total, *moments = np.zeros((6, rows))
        axis = 0 if _turned(logits) else 1
        for part in cut(rows, logits.shape[1]):
            x = _values(logits[part], room, base[part] if shifted else None, quick=quick)
            power = room.of("powers", x.shape, x.dtype)
            if initial is not None:
                np.multiply(x, x.dtype.type(initial), out=power)
                np.exp(power, out=power)
                nll_initial[part] = _added(power, axis)
            x *= x.dtype.type(b)
            np.exp(x, out=power)
            total[part] = _added(power, axis)
            for moment in moments:
                power *= x
                moment[part] = _added(power, axis)
        first, second, third = (m / (total * b**k) for k, m in enumerate(moments, start=1))
        if not shifted and not (
            total.min() > _LEAST and total.max() < _MOST and np.abs(first).max() * b < _NEAR
        ):
            return None
        rest = base - own
        if initial is not None:
            nll_initial = np.log(nll_initial) + initial * rest
        terms = [
            rest,
            nll_initial,
            np.log(total) + b * rest,
            first + rest,
            second - first * first,
            third - first * (3.0 * second - 2.0 * first * first),
        ]
        summed = weighed(np, terms, weights)
    if not np.isfinite(summed).all():
        return None
    mass = float(rows) if weights is None else float(np.sum(weights))
    bits = [0.0] * LABEL_BITS if initial is None else range_bits(np, labels)
    return np.concatenate([[float(rows), 0.0, mass, float(rows)], summed, bits])


def _turned(logits: npt.NDArray[Any]) -> bool:
    """Whether classes come first in the buffers: a short last axis is reduced slowly."""
    return int(logits.shape[1]) <= FEW_COLUMNS


def _values(
    logits: npt.NDArray[Any], room: Room, largest: Vector | None, *, quick: bool
) -> npt.NDArray[Any]:
    """The logits (N, K), or (K, N), less their row's largest, which goes into `largest` if asked.

    Float32 if `quick`, and else float64.
    """
    turned = _turned(logits)
    given = logits.T if turned else logits
    kind: Any = np.float32 if quick and logits.dtype.itemsize <= 4 else np.float64
    x = room.of("values", given.shape, kind)
    if largest is None or turned or given.dtype != kind:
        np.copyto(x, given)
        given = x
    if largest is not None:
        most = np.max(given, axis=0 if turned else 1, keepdims=True)
        largest[:] = most.reshape(-1)
        np.subtract(given, most, out=x)
    if not quick or kind == np.float32:
        return x
    # float32 holds the differences
    single = room.of("values", given.shape, np.float32)
    np.copyto(single, x, casting="same_kind")
    return single


def _added(values: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
    """The sums over the classes."""
    if axis == 0 or values.shape[1] > _FEW_TERMS:
        return np.asarray(np.sum(values, axis=axis))
    # nearly twice as fast, but in an order in which errors add up
    return np.asarray(np.einsum("nk->n", values))
