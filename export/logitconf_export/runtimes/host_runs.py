"""Running a host in onnxruntime over many rows, to collect the logits that a score fits."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnx

from logitconf.errors import LogitconfError
from logitconf_export.hosts.candidates import Candidate
from logitconf_export.onnx_files.element_types import RUNTIME_WORDS
from logitconf_export.onnx_files.loading import host_inputs, own_copy
from logitconf_export.onnx_files.types import Array, Arrays
from logitconf_export.runtimes.sessions import Session

Follow: TypeAlias = Callable[[Iterable[int], int], Iterable[int]]
"""Wraps the rows where batches start, to show progress; the number says how many there are."""

_BATCH = 256


def host_input_names(host: onnx.ModelProto) -> tuple[str, ...]:
    """Names of the inputs that a run must be given."""
    return tuple(value.name for value in host_inputs(host))


def run_host(
    host: onnx.ModelProto,
    feeds: Arrays,
    candidate: Candidate,
    *,
    folder: Path,
    per_member: bool = False,
    follow: Follow = lambda starts, _: starts,
) -> Array:
    """What a tensor of the host holds for every row, classes last.

    Args:
        host: without a head; it is not changed.
        feeds: one array for each input, rows first; floats are cast to what the host takes.
        candidate: the tensor, and where its classes lie.
        folder: where the host's external weights lie, if it has any.
        per_member: whether the tensor is (N, K, M), the members of an ensemble last.
        follow: shows progress.

    Returns:
        (N,) for a tensor of rank one, (N, K, M) of members, else (N, K), N rows or positions.

    Raises:
        LogitconfError: if the host cannot be loaded or run on these inputs.
        MissingExtraError: without onnxruntime.
    """
    with Session(with_output(host, candidate.tensor), folder=folder.resolve()) as session:
        declared = session.inputs
        typed = typed_feeds(session, feeds)
        fixed = [shape[0] for _, shape in declared.values() if shape and isinstance(shape[0], int)]
        batch = fixed[0] if fixed else _BATCH
        starts = range(0, len(next(iter(typed.values()))), batch)
        parts = [
            _run_batch(session, candidate, typed, start, batch, padded=bool(fixed))
            for start in follow(starts, len(starts))
        ]
    collected = np.concatenate(parts)
    if per_member:
        if collected.ndim != 3:
            raise LogitconfError(
                f"'{candidate.tensor}' must be (N, K, M), the members last, got {collected.ndim} "
                "axes; save its logits to an .npz file and fit on that"
            )
        return np.moveaxis(collected, -1, 1)
    return collected.reshape(-1, collected.shape[-1]) if collected.ndim > 1 else collected


def with_output(model: onnx.ModelProto, tensor: str) -> onnx.ModelProto:
    """A copy of the model that hands out one more value."""
    copy = own_copy(model)
    if all(value.name != tensor for value in copy.graph.output):
        copy.graph.output.append(onnx.ValueInfoProto(name=tensor))
    return copy


def typed_feeds(session: Session, feeds: Arrays) -> dict[str, Array]:
    """The feeds with floats in the precision that the model takes."""
    return {
        name: _cast(array, session.inputs.get(name, ("", ()))[0]) for name, array in feeds.items()
    }


def _cast(array: Array, declared: str) -> Array:
    wanted = RUNTIME_WORDS.get(declared, "bfloat16")
    # NumPy has no bfloat16
    return array.astype(wanted) if wanted != "bfloat16" and array.dtype.kind == "f" else array


def _run_batch(
    session: Session, candidate: Candidate, feeds: Arrays, start: int, batch: int, *, padded: bool
) -> Array:
    """One batch; for a host whose batch is fixed, a short one is filled up with its last row."""
    pieces = {name: array[start : start + batch] for name, array in feeds.items()}
    rows = len(next(iter(pieces.values())))
    sent = batch if padded else rows
    if rows < sent:
        pieces = {name: _filled(piece, sent) for name, piece in pieces.items()}
    result = _rows_first(np.asarray(session.run(pieces, [candidate.tensor])[0]), candidate)
    if result.ndim == 0 or len(result) != sent:
        raise LogitconfError(
            f"'{candidate.tensor}' must have one row for each row of input, got "
            f"{len(result) if result.ndim else 0} for {sent}; save its logits to an .npz file and "
            "fit on that"
        )
    return result[:rows]


def _rows_first(values: Array, candidate: Candidate) -> Array:
    """Rows on the first axis and classes on the last; one logit an element has no class axis."""
    batch = candidate.batch_axis or 0
    if not -values.ndim <= candidate.class_axis < values.ndim:
        return np.moveaxis(values, batch, 0).reshape(-1) if values.ndim else values
    if values.ndim < 2:
        return values
    return np.moveaxis(values, (batch, candidate.class_axis), (0, -1))


def _filled(piece: Array, rows: int) -> Array:
    return np.concatenate([piece, np.repeat(piece[-1:], rows - len(piece), axis=0)])
