"""Chunks of logits and labels: checks at the door, and blocks of limited size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from logitconf.arrays import Array, aligned, beside, dtype_name, to_numpy
from logitconf.blocks.cutting import CACHED_ELEMENTS, cut, elements_of, stays
from logitconf.errors import LogitconfError
from logitconf.tasks import ArrayLike, Family, as_array

# (logits, labels) or (logits, labels, weights)
Chunk: TypeAlias = Sequence[ArrayLike]

_FLOATS = ("float16", "bfloat16", "float32", "float64")


def check_chunk(chunk: Chunk, family: Family) -> tuple[Array, ...]:
    """The chunk's parts as arrays, of checked shapes and dtypes; reads no logits.

    Raises:
        LogitconfError: where they are not as `Chunk` and `family` say.
    """
    if family not in ("categorical", "bernoulli"):
        raise LogitconfError(f"family must be 'categorical' or 'bernoulli', got {family!r}")
    if len(chunk) not in (2, 3):
        raise LogitconfError(
            f"a chunk must be (logits, labels) or (logits, labels, weights), got {len(chunk)} parts"
        )
    parts = tuple(map(as_array, chunk, ("logits", "labels", "weights")))
    shapes = [tuple(part.shape) for part in parts]
    if len(shapes[0]) != 2 or shapes[0][1] == 0:
        columns = "(N, K)" if family == "categorical" else "(N, L)"
        raise LogitconfError(f"{family} logits must be {columns}, got shape {shapes[0]}")
    wanted = shapes[0] if family == "bernoulli" else shapes[0][:1]
    if shapes[1] != wanted:
        raise LogitconfError(
            f"labels must have shape {wanted} beside logits {shapes[0]}, got {shapes[1]}"
        )
    if len(chunk) == 3 and shapes[2] != shapes[0][:1]:
        raise LogitconfError(f"weights must have shape {shapes[0][:1]}, got {shapes[2]}")
    if dtype_name(parts[0]) not in _FLOATS:
        raise LogitconfError(
            f"logits must be one of {list(_FLOATS)}, got {dtype_name(parts[0])}; convert them"
        )
    return parts


def check_values(chunk: Sequence[Array], family: Family) -> None:
    """Checks the values of labels and weights.

    Raises:
        LogitconfError: for labels beyond the classes or [0, 1], NaN, or a weight that is negative
            or not finite.
    """
    labels, n_classes = to_numpy(chunk[1]), int(chunk[0].shape[1])
    if labels.shape[0] == 0:
        return
    smallest, largest = float(labels.min()), float(labels.max())
    if family == "categorical":
        if labels.dtype.kind not in "iu":
            raise LogitconfError(
                f"categorical labels must be integers, got {dtype_name(labels)}; convert them"
            )
        if smallest < 0 or largest >= n_classes:
            raise LogitconfError(
                f"labels must lie in [0, {n_classes}) for {n_classes} classes, got "
                f"{smallest:.0f} to {largest:.0f}"
            )
    elif not (smallest >= 0.0 and largest <= 1.0):
        raise LogitconfError(f"labels must lie in [0, 1], got {smallest} to {largest}")
    if len(chunk) == 3:
        weights = to_numpy(chunk[2])
        lightest, heaviest = float(weights.min()), float(weights.max())
        if not (lightest >= 0.0 and heaviest < float("inf")):
            raise LogitconfError(
                f"weights must be finite and not negative, got {lightest} to {heaviest}"
            )


def blocks(parts: Sequence[Array]) -> list[slice]:
    """Consecutive rows of a chunk in blocks of limited size, whatever computes them."""
    elements = elements_of(parts[0]) if stays(parts[0]) else CACHED_ELEMENTS
    return cut(int(parts[0].shape[0]), int(parts[0].shape[1]), elements)


def block_of(parts: Sequence[Array], rows: slice) -> tuple[Array, Array, Array | None]:
    """Some rows of a chunk, where they are computed: NumPy's, or an accelerator's own."""
    own = [part[rows, ...] for part in parts]
    if stays(parts[0]):
        own[1:] = [beside(to_numpy(part), own[0]) for part in own[1:]]
    else:
        own = [aligned(to_numpy(part)) for part in own]
    return own[0], own[1], own[2] if len(own) == 3 else None


def first_rows(chunks: Iterable[Chunk], rows: int, family: Family) -> list[Chunk]:
    """The beginning of `chunks`, at most `rows` rows of it."""
    taken: list[Chunk] = []
    missing = rows
    for chunk in chunks:
        parts = check_chunk(chunk, family)
        taken.append(tuple(part[:missing, ...] for part in parts))
        missing -= int(parts[0].shape[0])
        if missing <= 0:
            break
    return taken
