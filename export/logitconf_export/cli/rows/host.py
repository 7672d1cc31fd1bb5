"""Rows for fitting, collected from a host and its inputs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from logitconf.errors import LogitconfError
from logitconf.tasks import (
    Layout,
    check_task,
    logits_of,
)
from logitconf_export.attachment.detaching import detach
from logitconf_export.attachment.ensembles import STACKED
from logitconf_export.cli.common.options import LogitsLocation
from logitconf_export.cli.results.models import told_task
from logitconf_export.cli.rows.npz import LabelledRows
from logitconf_export.hosts.reading import read_host
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.feeds import host_input_names
from logitconf_export.runtimes.host_runs import run_host
from logitconf_export.runtimes.stored_arrays import LABELS, host_feeds, named_array, read_arrays


@dataclass(frozen=True, slots=True)
class HostRows:
    """Which rows a host is asked for.

    Attributes:
        model: the ONNX file.
        data: its inputs by name, and ``labels``.
        where: the tensor to take.
        task: what the columns mean.
        per_member: whether the tensor is (N, K, M), the members of an ensemble last.
        ignored: labels whose rows are left out.
    """

    model: Path
    data: Path
    where: LogitsLocation
    task: str
    per_member: bool = False
    ignored: tuple[int, ...] = ()


def told_by_host(ask: HostRows, logits: str | None) -> str:
    """The task that the graph tells of its place of that name, else the one asked for."""
    return told_task(read_host(detach(ask.model)), logits) or ask.task


def rows_from_host(ask: HostRows) -> LabelledRows:
    """What a host says of labelled rows, as logits; a head that it already has is left out.

    Raises:
        LogitconfError: if the logits are not certain, or the rows do not fit the host.
    """
    where = ask.where
    arrays = read_arrays(ask.data)
    labels = named_array(arrays, LABELS, ask.data)
    host = detach(ask.model)
    if ask.per_member and where.logits is None:
        raise LogitconfError(
            "the graph does not tell an ensemble's logits from other tensors; name theirs with "
            f"--logits ({STACKED} in what the command ensemble wrote)"
        )
    axis = 1 if ask.per_member and where.class_axis is None else where.class_axis
    candidate = read_host(host).choose(where.logits, where.kind, ask.task, class_axis=axis)
    feeds = host_feeds(arrays, host_input_names(host), ask.data)
    values = run_host(
        host,
        feeds,
        candidate,
        folder=ask.model.parent,
        per_member=ask.per_member,
    )
    n_classes = 1 if values.ndim == 1 else values.shape[1]
    layout = Layout(check_task(ask.task), n_classes)
    rows = logits_of(np.ascontiguousarray(values), layout, candidate.kind)
    # a reading alone may be refuted by the rows; what the user says, or made them logits, is not
    kind = where.kind if candidate.kind == "logits" else "logits"
    of_rows = labels_of_rows(labels, len(rows), layout, candidate.class_axis)
    return LabelledRows(rows, of_rows, kind).without(ask.ignored)


def labels_of_rows(labels: Array, rows: int, layout: Layout, class_axis: int) -> Array:
    """Labels of positions as rows: (rows,) of classes, (rows, L) of labels; others as they are.

    Args:
        labels: one for each position, with the axes of the tensor, the class axis of size one or
            left out; for labels with its class axis where the tensor has it, or last.
        rows: how many rows the tensor has, positions counted.
        layout: what its columns mean.
        class_axis: where the tensor has them.

    >>> labels_of_rows(np.zeros((6, 1, 5, 7)), 210, Layout("binary", 1), 1).shape
    (210,)
    """
    wide = layout.family != "categorical" and not layout.one_logit
    expected = rows * (layout.n_classes or 1) if wide else rows
    if labels.ndim <= (2 if wide else 1) or labels.size != expected:
        return labels
    if not wide:
        return labels.reshape(-1)
    if labels.shape[-1] != layout.n_classes:
        labels = np.moveaxis(labels, class_axis, -1)
    return labels.reshape(rows, -1)
