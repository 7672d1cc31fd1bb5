"""Runs rows through a host, and takes from a reading of it what they refute."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from logitconf.errors import LogitconfError
from logitconf_export.hosts.candidates import Candidate, HostReading, Refusal
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.onnx_files.types import ModelSource
from logitconf_export.runtimes.sessions import session_errors
from logitconf_export.verification.refutation import contradicted


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


def _values(
    source: ModelSource,
    names: list[str],
    feeds: Mapping[str, NDArray[Any]],
) -> dict[str, NDArray[Any]]:
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
