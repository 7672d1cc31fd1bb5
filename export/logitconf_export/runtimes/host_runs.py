"""The one way to run a host on many rows: typed, cut into runs and filled up as it declares."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx

from logitconf.errors import LogitconfError
from logitconf.telling.progress import work
from logitconf_export.hosts.candidates import Candidate
from logitconf_export.onnx_files.loading import own_copy
from logitconf_export.onnx_files.types import Array, Arrays
from logitconf_export.runtimes.feeds import Chunk, HostFeeds, joined_each
from logitconf_export.runtimes.sessions import Session


def run_host(
    host: onnx.ModelProto,
    arrays: Arrays,
    candidate: Candidate,
    *,
    folder: Path,
    per_member: bool = False,
) -> Array:
    """What a tensor of the host holds for every row, classes last.

    Args:
        host: without a head; it is not changed.
        arrays: one for each input, as :meth:`HostFeeds.of` takes them.
        candidate: the tensor, and where its classes lie.
        folder: where the host's external weights lie, if it has any.
        per_member: whether the tensor is (N, K, M), the members of an ensemble last.

    Returns:
        (N,) for a tensor of rank one, (N, K, M) of members, else (N, K), N rows or positions.

    Raises:
        LogitconfError: if the host cannot be loaded or run on these inputs.
        MissingExtraError: without onnxruntime.
    """
    feeds = HostFeeds.of(host, arrays)
    exposed = with_output(host, candidate.tensor)
    parts = []
    with Session(exposed, folder=folder.resolve(), profile=False) as session:
        for chunk in _chunks(feeds):
            values = np.asarray(session.run(chunk.feeds, [candidate.tensor])[0])
            rows = _rows_first(values, candidate, chunk.sent)
            parts.append(rows if chunk.sent == 1 else rows[: chunk.rows])
    collected = np.concatenate(parts)
    if per_member:
        if collected.ndim != 3:
            raise LogitconfError(
                f"'{candidate.tensor}' must be (N, K, M), the members last, got {collected.ndim} "
                "axes; save its logits to an .npz file and fit on that"
            )
        return np.moveaxis(collected, -1, 1)
    return collected.reshape(-1, collected.shape[-1]) if collected.ndim > 1 else collected


def run_rows(
    session: Session,
    feeds: HostFeeds,
    outputs: Sequence[str],
) -> list[Array]:
    """Outputs of all rows, put together along their axis of rows.

    Args:
        session: the model, with or without a head.
        feeds: its rows.
        outputs: names of tensors.

    Raises:
        LogitconfError: if a run fails, or an output of several runs has no axis of rows.
    """
    runs = []
    for chunk in _chunks(feeds):
        runs.append((chunk, session.run(chunk.feeds, outputs)))
    return joined_each(runs, outputs)


def _chunks(feeds: HostFeeds) -> Iterator[Chunk]:
    """The runs, one after the other; whoever listens is told how many rows are done."""
    with work("Running the model", feeds.rows) as advance:
        for start in feeds.starts:
            chunk = feeds.chunk(start)
            yield chunk
            advance(chunk.rows)


def with_output(model: onnx.ModelProto, tensor: str) -> onnx.ModelProto:
    """A copy of the model that hands out one more value."""
    copy = own_copy(model)
    if all(value.name != tensor for value in copy.graph.output):
        copy.graph.output.append(onnx.ValueInfoProto(name=tensor))
    return copy


def _rows_first(values: Array, candidate: Candidate, sent: int) -> Array:
    """Rows on the first axis and classes on the last; one logit an element has no class axis.

    Raises:
        LogitconfError: unless there are as many rows as were sent.
    """
    batch = _row_axis(values, candidate, sent)
    if not -values.ndim <= candidate.class_axis < values.ndim:
        moved = np.moveaxis(values, batch, 0) if values.ndim else values
        moved = moved[..., np.newaxis] if moved.ndim > 1 else moved
    elif values.ndim < 2:
        moved = values
    else:
        moved = np.moveaxis(values, (batch, candidate.class_axis), (0, -1))
    # whatever comes out for one row alone is that row's, such as its positions
    if moved.ndim == 0 or (sent > 1 and len(moved) != sent):
        raise LogitconfError(
            f"'{candidate.tensor}' must have one row for each row of input, got "
            f"{len(moved) if moved.ndim else 0} for {sent}; save its logits to an .npz file and "
            "fit on that"
        )
    return moved


def _row_axis(values: Array, candidate: Candidate, sent: int) -> int:
    """The axis that is read as the batch's, or one of positions where only that fits the rows.

    Some hosts take steps in time as rows, with a batch of one besides.
    """
    batch = candidate.batch_axis or 0
    if batch < values.ndim and values.shape[batch] == sent:
        return batch
    others = (axis for axis in candidate.position_axes if axis < values.ndim)
    return next((axis for axis in others if values.shape[axis] == sent), batch)
