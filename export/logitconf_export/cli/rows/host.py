"""Rows for fitting, collected from a host and its inputs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from logitconf.errors import LogitconfError
from logitconf.tasks import (
    Layout,
    check_task,
    logits_of,
)
from logitconf_export.attachment.detaching import detach
from logitconf_export.attachment.ensembles import STACKED
from logitconf_export.cli.common.options import LogitsLocation
from logitconf_export.cli.common.output import with_progress
from logitconf_export.cli.rows.npz import LABELS, LabelledRows, host_feeds, named_array, read_arrays
from logitconf_export.hosts.reading import read_host
from logitconf_export.runtimes.host_runs import host_input_names, run_host


@dataclass(frozen=True, slots=True)
class HostRows:
    """Which rows a host is asked for.

    Attributes:
        model: the ONNX file.
        data: its inputs by name, and ``labels``.
        where: the tensor to take.
        task: what the columns mean.
        per_member: whether the tensor is (N, K, M), the members of an ensemble last.
    """

    model: Path
    data: Path
    where: LogitsLocation
    task: str
    per_member: bool = False


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
    inputs = {name: array for name, array in arrays.items() if name != LABELS}
    feeds = host_feeds(inputs, host_input_names(host), ask.data)
    values = run_host(
        host,
        feeds,
        candidate,
        folder=ask.model.parent,
        per_member=ask.per_member,
        follow=lambda starts, total: with_progress(starts, "Running the model", total=total),
    )
    n_classes = 1 if values.ndim == 1 else values.shape[1]
    layout = Layout(check_task(ask.task), n_classes)
    tensor = torch.from_numpy(np.ascontiguousarray(values))
    rows = logits_of(tensor, layout, candidate.kind).numpy()
    if labels.ndim > 1 and len(labels) != len(rows) and layout.family == "categorical":
        labels = labels.reshape(-1)
    return LabelledRows(rows, labels)
