"""The formula of calibration maps, on arrays of every kind."""

from __future__ import annotations

from collections.abc import Mapping

from logitconf.arrays import Array, as_type, namespace, silent, sum_along


@silent
def mapped(x: Array, buffers: Mapping[str, Array], axis: int) -> Array:
    """Mapped logits y = a ⊙ x + b, or y = x W + b.

    Scales are above 0, so a masked class (−inf) stays masked. A matrix mixes it into every class,
    and leaves none of them finite: such a row has no score.

    Args:
        x: logits, the classes or labels along ``axis``; one logit may lack that axis.
        buffers: of ``"scale"`` (K,), ``"matrix"`` (K, K) and ``"bias"`` (K,) what the map has.
        axis: of the classes, counted from the front.
    """
    behind = x.ndim - axis - 1
    if "matrix" in buffers:
        xp = namespace(x)
        weights = _along(as_type(buffers["matrix"], x.dtype), behind)
        # Not a product of matrices: with TF32, a provider's default on CUDA, that keeps 10 bits.
        # Not added up along the last axis: OpenVINO 2026.4 would then add the biases wrongly.
        x = sum_along(xp.expand_dims(x, axis=axis + 1) * weights, axis)
    if "scale" in buffers:
        x = x * _along(as_type(buffers["scale"], x.dtype), behind)
    if "bias" in buffers:
        x = x + _along(as_type(buffers["bias"], x.dtype), behind)
    return x


def _along(values: Array, behind: int) -> Array:
    """Numbers by class, with so many axes behind that of the classes."""
    if behind <= 0:
        return values
    return namespace(values).reshape(values, (*values.shape, *(1,) * behind))
