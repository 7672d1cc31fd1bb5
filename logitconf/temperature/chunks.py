"""Chunks of logits and labels: checks at the door, and slices of limited size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from logitconf.errors import LogitconfError
from logitconf.tasks import ArrayLike, Family

# (logits, labels) or (logits, labels, weights)
Chunk: TypeAlias = Sequence[ArrayLike]

_CPU_ELEMENTS = 1 << 22
_ACCELERATOR_ELEMENTS = 1 << 24
_MOST_CPU_ROWS = 1 << 15
_FLOATS = ("float16", "bfloat16", "float32", "float64")


def check_chunk(chunk: Chunk, family: Family) -> None:
    """Checks shapes and dtypes; reads no logits.

    Raises:
        LogitconfError: where they are not as `Chunk` and `family` say.
    """
    if family not in ("categorical", "bernoulli"):
        raise LogitconfError(f"family must be 'categorical' or 'bernoulli', got {family!r}")
    if len(chunk) not in (2, 3):
        raise LogitconfError(
            f"a chunk must be (logits, labels) or (logits, labels, weights), got {len(chunk)} parts"
        )
    shapes = [tuple(part.shape) for part in chunk]
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
    if dtype_name(chunk[0]) not in _FLOATS:
        raise LogitconfError(
            f"logits must be one of {list(_FLOATS)}, got {dtype_name(chunk[0])}; convert them"
        )


def check_values(chunk: Chunk, family: Family) -> None:
    """Checks the values of labels and weights.

    Raises:
        LogitconfError: for labels beyond the classes or [0, 1], NaN, or a weight that is negative
            or not finite.
    """
    labels, n_classes = chunk[1], int(chunk[0].shape[1])
    if labels.shape[0] == 0:
        return
    smallest, largest = float(labels.min()), float(labels.max())
    if family == "categorical":
        if not _is_integer(labels):
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
        lightest, heaviest = float(chunk[2].min()), float(chunk[2].max())
        if not (lightest >= 0.0 and heaviest < float("inf")):
            raise LogitconfError(
                f"weights must be finite and not negative, got {lightest} to {heaviest}"
            )


def sub_chunks(chunk: Chunk) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """Slices of a chunk, of limited size, as tensors on the device of the logits."""
    logits = chunk[0]
    device = logits.device if isinstance(logits, Tensor) else torch.device("cpu")
    rows = _ACCELERATOR_ELEMENTS // int(logits.shape[1])
    if device.type == "cpu":
        rows = min(_CPU_ELEMENTS // int(logits.shape[1]), _MOST_CPU_ROWS)
    rows = max(1, rows)
    for start in range(0, int(logits.shape[0]), rows):
        parts = [to_tensor(part[start : start + rows]).to(device) for part in chunk]
        yield parts[0], parts[1], parts[2] if len(parts) == 3 else None


def first_rows(chunks: Iterable[Chunk], rows: int, family: Family) -> list[Chunk]:
    """The beginning of `chunks`, at most `rows` rows of it."""
    taken: list[Chunk] = []
    missing = rows
    for chunk in chunks:
        check_chunk(chunk, family)
        taken.append(tuple(part[:missing] for part in chunk))
        missing -= int(chunk[0].shape[0])
        if missing <= 0:
            break
    return taken


def spread_rows(chunk: Chunk, rows: int) -> Chunk:
    """At most `rows` rows of a chunk, evenly spread, since files are often sorted by class."""
    total = int(chunk[0].shape[0])
    positions = np.linspace(0, total - 1, num=min(rows, total)).astype(np.int64)
    return tuple(
        part[torch.from_numpy(positions).to(part.device)]
        if isinstance(part, Tensor)
        else part[positions]
        for part in chunk
    )


def to_tensor(part: ArrayLike) -> Tensor:
    """A tensor over the same memory; over a copy where torch cannot share it (read-only maps)."""
    if isinstance(part, Tensor):
        return part.detach()
    array: npt.NDArray[Any] = np.asarray(part)
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)
    shareable = (
        array.flags.writeable and array.dtype.isnative and min(array.strides, default=0) >= 0
    )
    if not shareable:
        array = np.array(array, dtype=array.dtype.newbyteorder("="))
    return torch.from_numpy(array)


def dtype_name(part: ArrayLike) -> str:
    """The dtype in one word, such as ``"float32"``, for tensors and arrays alike."""
    return str(part.dtype).removeprefix("torch.") if isinstance(part, Tensor) else part.dtype.name


def _is_integer(part: ArrayLike) -> bool:
    if isinstance(part, Tensor):
        return not (part.is_floating_point() or part.is_complex() or part.dtype == torch.bool)
    return part.dtype.kind in "iu"
