"""Floats as places on a line, so that neighbours and distances in ulps are plain integers."""

import numpy as np

from logitconf_export.onnx_files.types import Array

NOT_CLOSE = 2**62
"""Distance in ulps of two values of which one is not finite and that are not the same."""


def ordinals(values: Array) -> Array:
    """Place of each float among all floats of its dtype, int64; 0 for both zeros.

    Example:
        >>> ordinals(np.array([-0.0, 1e-45, -1e-45], dtype=np.float32)).tolist()
        [0, 1, -1]
    """
    width = 8 * values.dtype.itemsize
    bits = np.ascontiguousarray(values).view(f"i{values.dtype.itemsize}").astype(np.int64)
    size = bits & np.int64(2 ** (width - 1) - 1)
    places: Array = np.where(bits < 0, -size, size).reshape(values.shape)
    return places


def from_ordinals(places: Array, dtype: str) -> Array:
    """The floats at these places; :func:`ordinals` undone, but for the sign of zero."""
    kind = np.dtype(dtype)
    sizes = np.abs(places).astype(f"i{kind.itemsize}").view(kind)
    values: Array = np.where(places < 0, -sizes, sizes).astype(kind)
    return values


def ulp_distance(left: Array, right: Array) -> Array:
    """Number of float steps between two arrays of one dtype, int64.

    NaN equals NaN and an infinity itself; against anything else either is `NOT_CLOSE`.
    """
    steps = np.abs(ordinals(left) - ordinals(right))
    both_finite = np.isfinite(left) & np.isfinite(right)
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    distance: Array = np.where(same, 0, np.where(both_finite, steps, NOT_CLOSE))
    return distance
