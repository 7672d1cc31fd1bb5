"""Rows cut into the runs of a host, as the types and shapes of its inputs are declared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import onnx

from logitconf.errors import LogitconfError
from logitconf_export.onnx_files.loading import host_inputs
from logitconf_export.onnx_files.types import Array, Arrays

Dims: TypeAlias = "tuple[int | str, ...] | None"
"""Declared sizes; a name, or nothing at all, where one is free; None for an unknown rank."""

_BATCH = 256
# Activations are larger than what goes in; this keeps the cut of the rows itself small.
_BATCH_BYTES = 128 * 2**20


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one run takes.

    Attributes:
        feeds: inputs by name, typed as declared.
        rows: how many rows of the user are in it.
        sent: how many rows run; more than ``rows`` where a fixed batch is filled up.
    """

    feeds: Arrays
    rows: int
    sent: int


@dataclass(frozen=True, slots=True)
class HostFeeds:
    """Rows for a host, and how they are cut into runs; nothing is copied but the run at hand.

    Attributes:
        arrays: by input, with all rows.
        axes: where the rows are in each input; None for one that is the same for all rows.
        types: of each input, as declared; None where it is taken as it comes.
        rows: how many rows there are.
        batch: how many one run takes.
        fixed: whether it takes no fewer.
    """

    arrays: Arrays
    axes: Mapping[str, int | None]
    types: Mapping[str, "np.dtype[np.generic] | None"]
    rows: int
    batch: int
    fixed: bool = False

    @classmethod
    def of(cls, host: onnx.ModelProto, arrays: Arrays) -> "HostFeeds":
        """The rows as the inputs of a host are declared.

        An input without axes is the same for all rows. Else the rows are on the axis that has the
        name of the batch, or on the first, or on the only one that is free; an input of the very
        shape that is declared, without an axis for the rows, is the same for all of them, too.

        Args:
            host: with or without a head.
            arrays: by the names of its inputs.

        Raises:
            LogitconfError: if the inputs do not have the same rows, at least one, or declare
                different batches.
        """
        declared = {value.name: value for value in host.graph.input}
        dims = {name: _dims(declared.get(name)) for name in arrays}
        rows, symbol = _rows_of(arrays, dims)
        axes = {name: _axis(dims[name], a.shape, rows, symbol) for name, a in arrays.items()}
        wrong = [name for name, axis in axes.items() if axis is not None and axis < 0]
        if wrong or not rows:
            counts = {name: a.shape[0] if a.ndim else None for name, a in arrays.items()}
            raise LogitconfError(f"all inputs must have the same rows, at least one: {counts}")
        for name, array in arrays.items():
            _check_shape(name, array.shape, dims[name], axes[name])
        batches = {
            name: size
            for name, axis in axes.items()
            if axis is not None and isinstance(size := _size(dims[name], axis), int)
        }
        if len(set(batches.values())) > 1:
            raise LogitconfError(f"all inputs must declare one batch, got {batches}")
        fixed = next(iter(batches.values()), None)
        return cls(
            arrays=arrays,
            axes=axes,
            types={name: _type(declared.get(name)) for name in arrays},
            rows=rows,
            batch=fixed or _batch(arrays, axes, rows),
            fixed=fixed is not None,
        )

    @classmethod
    def whole(cls, arrays: Arrays) -> "HostFeeds":
        """Arrays that run once, as they are."""
        nothing = dict.fromkeys(arrays)
        return cls(arrays, nothing, nothing, rows=1, batch=1)

    @property
    def starts(self) -> range:
        """The first row of every run."""
        return range(0, self.rows, self.batch)

    def chunk(self, start: int) -> Chunk:
        """The run that begins with a row; a fixed batch is filled up with its last row.

        Raises:
            LogitconfError: if a value does not fit the type that its input declares.
        """
        rows = min(self.batch, self.rows - start)
        sent = self.batch if self.fixed else rows
        feeds = {}
        for name, array in self.arrays.items():
            axis = self.axes[name]
            piece = array if axis is None else _filled(_cut(array, axis, start, rows), axis, sent)
            feeds[name] = _typed(name, piece, self.types[name])
        return Chunk(feeds, rows, sent)

    def spread(self, rows: int) -> "HostFeeds":
        """That many of the rows, as far apart as can be; all where there are no more."""
        if rows >= self.rows:
            return self
        places = np.linspace(0, self.rows - 1, rows).astype(np.int64)
        arrays = {
            name: array if axis is None else np.take(array, places, axis)
            for (name, array), axis in zip(self.arrays.items(), self.axes.values(), strict=True)
        }
        return replace(self, arrays=arrays, rows=rows)

    def few(self, rows: int) -> Arrays:
        """The first rows, typed as declared; fewer where there are no more."""
        return {
            name: _typed(
                name,
                array if axis is None else _cut(array, axis, 0, rows),
                self.types[name],
            )
            for (name, array), axis in zip(self.arrays.items(), self.axes.values(), strict=True)
        }


def joined(parts: Sequence[tuple[Chunk, Array]], name: str) -> Array:
    """What the runs gave for one output, put together; what filled up a batch is left out.

    Args:
        parts: of each run what it took and what came out.
        name: of the output, for messages.

    Raises:
        LogitconfError: if the output of several runs has no axis of rows.
    """
    values = [value for _, value in parts]
    whole = all(chunk.rows == chunk.sent for chunk, _ in parts)
    if len(parts) == 1 and whole:
        return values[0]
    rank = {value.ndim for value in values}
    axes = range(rank.pop() if len(rank) == 1 else 0)
    # several rows may come out for one that goes in, such as its positions
    axis = next((a for a in axes if all(v.shape[a] == c.sent for c, v in parts)), None)
    if axis is None:
        axis = next((a for a in axes if all(v.shape[a] % c.sent == 0 for c, v in parts)), None)
    if axis is None:
        shapes = sorted({value.shape for value in values})
        raise LogitconfError(
            f"'{name}' must have one row for each row of input, got shapes {shapes}"
        )
    pieces = [_cut(v, axis, 0, c.rows * (v.shape[axis] // c.sent)) for c, v in parts]
    return np.concatenate(pieces, axis=axis)


def joined_each(runs: Sequence[tuple[Chunk, Sequence[Array]]], names: Sequence[str]) -> list[Array]:
    """Several outputs of the same runs, each put together as `joined` does."""
    return [
        joined([(chunk, np.asarray(values[place])) for chunk, values in runs], name)
        for place, name in enumerate(names)
    ]


def host_input_names(host: onnx.ModelProto) -> tuple[str, ...]:
    """Names of the inputs that a run must be given."""
    return tuple(value.name for value in host_inputs(host))


def _dims(declared: onnx.ValueInfoProto | None) -> Dims:
    if declared is None or not declared.type.tensor_type.HasField("shape"):
        return None
    # paddle2onnx writes -1 for a free size, which onnxruntime takes as such
    return tuple(
        int(dim.dim_value) if dim.dim_value > 0 else dim.dim_param
        for dim in declared.type.tensor_type.shape.dim
    )


def _type(declared: onnx.ValueInfoProto | None) -> "np.dtype[np.generic] | None":
    element = 0 if declared is None else declared.type.tensor_type.elem_type
    try:
        wanted = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(element))
    except KeyError:
        return None
    return wanted if wanted.kind in "fiu" else None


def _size(dims: Dims, axis: int) -> int | str:
    return "" if dims is None or axis >= len(dims) else dims[axis]


def _rows_of(arrays: Arrays, dims: Mapping[str, Dims]) -> tuple[int, str]:
    """How many rows there are, and the name that the batch has, empty without one."""
    fitting = [
        name
        for name, array in arrays.items()
        if array.ndim and 0 in _fitting(dims[name], array.shape, len(array))
    ]
    free = [name for name in fitting if isinstance(_size(dims[name], 0), str)]
    others = [name for name, array in arrays.items() if array.ndim]
    first = next(iter(free or fitting or others), None)
    if first is None:
        return 0, ""
    size = _size(dims[first], 0)
    return len(arrays[first]), size if isinstance(size, str) else ""


def _fitting(dims: Dims, shape: tuple[int, ...], rows: int) -> list[int]:
    """The axes that can be the rows': the others are as declared."""
    if dims is None or len(dims) != len(shape):
        return [0]  # the runtime will say what it takes
    pairs = enumerate(zip(dims, shape, strict=True))
    off = {axis for axis, (size, given) in pairs if isinstance(size, int) and size != given}
    return [axis for axis in range(len(shape)) if shape[axis] == rows and off <= {axis}]


def _axis(dims: Dims, shape: tuple[int, ...], rows: int, symbol: str) -> int | None:
    """Where the rows are; None for what all rows share, -1 where there is no place for them."""
    if not shape:
        return None
    axes = [axis for axis in _fitting(dims, shape, rows) if shape[axis] == rows]
    free = [axis for axis in axes if isinstance(_size(dims, axis), str)]
    named = [axis for axis in free if symbol and _size(dims, axis) == symbol]
    if axes:
        return (named or free or axes)[0]
    if dims == shape:
        return None
    # of other sizes than declared: the runtime says which
    return 0 if shape[0] == rows else -1


def _check_shape(name: str, shape: tuple[int, ...], dims: Dims, axis: int | None) -> None:
    """Checks the sizes that an input declares, but that of the rows."""
    if dims is None or axis is None:
        return
    fixed = {at: size for at, size in enumerate(dims) if isinstance(size, int) and at != axis}
    if len(dims) != len(shape) or any(shape[at] != size for at, size in fixed.items()):
        declared = ["N" if at == axis else size or "?" for at, size in enumerate(dims)]
        raise LogitconfError(
            f"'{name}' must be ({', '.join(map(str, declared))}), as the model declares its input, "
            f"got {shape}; prepare the rows as for training"
        )


def _batch(arrays: Arrays, axes: Mapping[str, int | None], rows: int) -> int:
    size = sum(array.nbytes for name, array in arrays.items() if axes[name] is not None) // rows
    return max(1, min(_BATCH, _BATCH_BYTES // max(size, 1)))


def _cut(array: Array, axis: int, start: int, rows: int) -> Array:
    piece: Array = array[(slice(None),) * axis + (slice(start, start + rows),)]
    return piece


def _filled(piece: Array, axis: int, rows: int) -> Array:
    missing = rows - piece.shape[axis]
    if not missing:
        return piece
    last = _cut(piece, axis, piece.shape[axis] - 1, 1)
    return np.concatenate([piece, np.repeat(last, missing, axis=axis)], axis=axis)


def _typed(name: str, piece: Array, wanted: "np.dtype[np.generic] | None") -> Array:
    """The piece in the type declared, if that is of the same kind of numbers."""
    if wanted is None or piece.dtype == wanted:
        return piece
    floats = piece.dtype.kind == wanted.kind == "f"
    if not floats and not (piece.dtype.kind in "iu" and wanted.kind in "iu"):
        raise LogitconfError(
            f"'{name}' must be {wanted}, as the model declares its input, got {piece.dtype}; "
            "prepare the rows as for training"
        )
    with np.errstate(over="ignore", under="ignore"):
        typed = piece.astype(wanted)
    kept = np.isfinite(typed) | ~np.isfinite(piece) if floats else typed == piece
    if not np.all(kept):
        raise LogitconfError(f"'{name}' must hold values that fit the host's {wanted}, got others")
    return typed
