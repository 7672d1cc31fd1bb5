"""What the commands say of a model as such: its inputs and outputs, and what was read from it."""

from dataclasses import asdict
from typing import Any

import onnx

from logitconf_export.hosts.candidates import HostReading
from logitconf_export.onnx_files.loading import host_inputs, host_opset
from logitconf_export.onnx_files.ports import port_type, port_words

Pairs = list[tuple[str, str]]


def told_task(reading: HostReading, logits: str | None = None) -> str | None:
    """The task that the graph tells of the place to take, None if it tells none.

    Args:
        reading: of the host.
        logits: name of the place, if it is named.
    """
    if logits is None:
        return None if reading.chosen is None else reading.chosen.task
    tasks = {c.task for c in reading.candidates if logits in (c.tensor, *c.outputs)}
    return tasks.pop() if len(tasks) == 1 else None


def port_facts(model: onnx.ModelProto) -> Pairs:
    """Inputs and outputs of a model with their types and dims."""
    return [
        ("inputs", ", ".join(port_words(value) for value in host_inputs(model))),
        ("outputs", ", ".join(port_words(value) for value in model.graph.output)),
    ]


def model_facts(model: onnx.ModelProto) -> Pairs:
    """Its ports, and which operators it is written with."""
    return [*port_facts(model), ("opset", f"{host_opset(model)}, IR {model.ir_version}")]


def reading_values(reading: HostReading) -> dict[str, Any]:
    """What was read from a host, as JSON values."""
    return {
        "candidates": [asdict(place) for place in reading.candidates],
        "refused": [f"{refusal}" for refusal in reading.refused],
        "notes": [*reading.notes],
    }


def port_values(value: onnx.ValueInfoProto) -> dict[str, Any]:
    """An input or output as JSON values."""
    element, dims = port_type(value)
    return {"name": value.name, "type": element, "dims": dims}
