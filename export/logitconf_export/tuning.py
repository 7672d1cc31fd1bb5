"""Changing temperature and threshold in a model, without torch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from logitconf.card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf.files import check_writable, write_atomically
from logitconf_export.loading import load_model
from logitconf_export.metadata import head_metadata, read_metadata, write_metadata
from logitconf_export.opsets import PREFIX
from logitconf_export.weights import check_weights_folder


def retune(
    model: str | Path | bytes | onnx.ModelProto,
    path: str | Path | None = None,
    *,
    temperature: float | None = None,
    threshold: float | tuple[float, ...] | None = None,
    force: bool = False,
) -> onnx.ModelProto:
    """The model with another temperature or threshold in initializers and card.

    What is not given stays. A certificate is dropped, since it was given for the old numbers. The
    result equals a fresh export of the new card.

    Args:
        model: a head, or a host with one; it is not changed.
        path: where to write the result too, whole or not at all.
        temperature: divides the logits, > 0.
        threshold: accept below; one number, or one for each class if the head has that many.
        force: whether a file at ``path`` may be replaced.

    Raises:
        LogitconfError: if neither is given, a number is not valid, or the model has no head.
    """
    if temperature is None and threshold is None:
        raise LogitconfError("retune needs a temperature or a threshold, got neither")
    if path is not None:
        check_writable(path, force=force)
    result = load_model(model)
    if path is not None:
        source = None if isinstance(model, bytes | onnx.ModelProto) else Path(model)
        check_weights_folder(result, source, Path(path), copy=False)
    if isinstance(model, onnx.ModelProto):
        result = onnx.ModelProto()
        result.CopyFrom(model)
    found = read_metadata(result)
    card = _retuned(found.card, temperature, threshold)
    prefix = (found.attached or {}).get("prefix", PREFIX)
    _set(result.graph, f"{prefix}temperature", card.temperature)
    _set(result.graph, f"{prefix}threshold", card.threshold)
    write_metadata(result, head_metadata(card, found.form, found.attached))
    if path is not None:
        write_atomically(path, result.SerializeToString(deterministic=True), force=force)
    return result


def _retuned(
    card: ScoreCard, temperature: float | None, threshold: float | tuple[float, ...] | None
) -> ScoreCard:
    changes: dict[str, object] = {"certificate": None}
    if temperature is not None:
        changes |= {"temperature": temperature, "temperature_fit": None}
    if threshold is not None:
        changes |= {"threshold": threshold, "policy": {"name": "value"}}
    new = replace(card, **changes)  # type: ignore[arg-type]
    sizes = [len(t) if isinstance(t, tuple) else 0 for t in (card.threshold, new.threshold)]
    if sizes[0] != sizes[1]:
        expected = f"{sizes[0]} thresholds" if sizes[0] else "one threshold"
        raise LogitconfError(f"this head has {expected}, got {threshold!r}")
    return new


def _set(graph: onnx.GraphProto, name: str, value: object) -> None:
    for tensor in graph.initializer:
        if tensor.name == name:
            tensor.CopyFrom(numpy_helper.from_array(np.array(value, dtype=np.float32), name))
            return
    raise LogitconfError(f"the head must have an initializer '{name}', got none")
