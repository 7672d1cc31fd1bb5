"""Runs rows through a host to refute a reading of it; rows never decide one."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from logitconf.errors import LogitconfError, MissingExtraError
from logitconf_export.hosts.candidates import Candidate, HostReading, Refusal
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.onnx_files.types import ModelSource

_SUM_TOLERANCE = 1e-3
"""float16 probabilities of thousands of classes sum to 1 within this."""


def refute(
    model: ModelSource,
    reading: HostReading,
    feeds: Mapping[str, NDArray[Any]],
) -> HostReading:
    """The reading without the candidates that the rows contradict, which become refusals.

    Contradictions: another rank or number of classes; logits that are all in [0, 1] with rows that
    sum to 1; probabilities outside [0, 1] or, for classes that compete, not summing to 1;
    log-probabilities above 0 or whose exponentials do not sum to 1.

    Raises:
        LogitconfError: if the host does not run on the rows.
        MissingExtraError: if onnxruntime is not installed.
    """
    if not reading.candidates:
        return reading
    values = _values(model, [c.tensor for c in reading.candidates], feeds)
    kept: list[Candidate] = []
    refused = list(reading.refused)
    notes = list(reading.notes)
    for candidate in reading.candidates:
        array = values.get(candidate.tensor)
        if array is None or array.size == 0:
            notes.append(f"no row reached {candidate.tensor!r}, so nothing was checked there")
            kept.append(candidate)
            continue
        contradiction = contradicted(candidate, array)
        if contradiction is None:
            kept.append(candidate)
        else:
            refused.append(Refusal(candidate.output, f"{candidate.reason}, but {contradiction}"))
    return replace(reading, candidates=tuple(kept), refused=tuple(refused), notes=tuple(notes))


def contradicted(candidate: Candidate, values: NDArray[Any]) -> str | None:
    """How the values of the candidate's tensor contradict it, None if they do not."""
    axis = candidate.class_axis
    if candidate.rank not in (None, values.ndim) or not -values.ndim <= axis <= values.ndim:
        return f"its tensor has {values.ndim} axes"
    rows = values.astype(np.float64)
    rows = rows[..., None] if axis == values.ndim else np.moveaxis(rows, axis, -1)
    n_classes = rows.shape[-1]
    if candidate.n_classes not in (None, n_classes):
        return f"its tensor has {n_classes} columns and not {candidate.n_classes}"
    rows = rows.reshape(-1, n_classes)
    rows = rows[np.isfinite(rows).all(axis=1)]
    return _KIND_CHECKS[candidate.kind](candidate, rows) if rows.size else None


def _as_logits(candidate: Candidate, rows: NDArray[Any]) -> str | None:  # noqa: ARG001
    """Logits look like probabilities only if they are some."""
    if rows.shape[1] > 1 and _in_unit_interval(rows) and _sum_to_one(rows):
        return "all its values are in [0, 1] and every row sums to 1, as with probabilities"
    return None


def _as_probabilities(candidate: Candidate, rows: NDArray[Any]) -> str | None:
    """Probabilities lie in [0, 1]; those of classes that compete sum to 1."""
    if not _in_unit_interval(rows):
        return f"its values reach from {rows.min():.4g} to {rows.max():.4g}"
    if candidate.family == "categorical" and not _sum_to_one(rows):
        return "its rows do not sum to 1"
    return None


def _as_log_probabilities(candidate: Candidate, rows: NDArray[Any]) -> str | None:
    """Log-probabilities are 0 at most; those of classes that compete are the logs of a sum of 1."""
    if rows.max() > _SUM_TOLERANCE:
        return f"its values reach {rows.max():.4g}, above 0"
    if candidate.family == "categorical" and not _sum_to_one(np.exp(rows)):
        return "the exponentials of its rows do not sum to 1"
    return None


_KIND_CHECKS = {
    "logits": _as_logits,
    "probabilities": _as_probabilities,
    "log-probabilities": _as_log_probabilities,
}


def _in_unit_interval(rows: NDArray[Any]) -> bool:
    return bool(((rows >= -_SUM_TOLERANCE) & (rows <= 1 + _SUM_TOLERANCE)).all())


def _sum_to_one(rows: NDArray[Any]) -> bool:
    return bool(np.all(np.abs(rows.sum(axis=1) - 1) <= _SUM_TOLERANCE))


def _values(
    source: ModelSource,
    names: list[str],
    feeds: Mapping[str, NDArray[Any]],
) -> dict[str, NDArray[Any]]:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(
            "checking a reading against rows needs onnxruntime; pip install 'logitconf[cpu]'"
        ) from error
    from logitconf_export.runtimes.sessions import session_errors

    model = onnx.ModelProto()
    model.CopyFrom(load_model(source))
    known = {value.name for value in model.graph.output}
    inputs = {value.name for value in model.graph.input}
    for name in dict.fromkeys(names):
        if name not in known and name not in inputs:
            model.graph.output.add(name=name)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # Fusions would change which values exist, and here only values matter.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if isinstance(source, str | Path):
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(Path(source).parent)
        )
    wanted = [name for name in dict.fromkeys(names) if name not in inputs]
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        results = session.run(wanted, dict(feeds)) if wanted else []
    except session_errors() as error:
        raise LogitconfError(f"the host must run on the rows given: {error}") from error
    values = {name: np.asarray(feeds[name]) for name in names if name in feeds}
    values.update(zip(wanted, results, strict=True))
    return values
