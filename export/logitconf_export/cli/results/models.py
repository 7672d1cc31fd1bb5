"""What the commands say of a model as such: its inputs and outputs, and what was read from it."""

from dataclasses import asdict
from typing import Any

import onnx

from logitconf_export.hosts.candidates import HostReading
from logitconf_export.onnx_files.loading import host_inputs, host_opset

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
        ("inputs", ", ".join(_port(value) for value in host_inputs(model))),
        ("outputs", ", ".join(_port(value) for value in model.graph.output)),
    ]


def model_facts(model: onnx.ModelProto) -> Pairs:
    """Its ports, and which operators it is written with."""
    return [*port_facts(model), ("opset", f"{host_opset(model)}, IR {model.ir_version}")]


def _port(value: onnx.ValueInfoProto) -> str:
    element, dims = _type(value)
    return f"{value.name} {element} [{', '.join(map(str, dims))}]" if element else value.name


def _type(value: onnx.ValueInfoProto) -> tuple[str, list[int | str]]:
    """Element type and dims; no type for what is no tensor."""
    if not value.type.HasField("tensor_type"):
        return "", []
    tensor = value.type.tensor_type
    known = tensor.elem_type in onnx.TensorProto.DataType.values()
    element = (
        onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
        if known
        else f"type {tensor.elem_type}"
    )
    return element, [
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?"
        for dim in tensor.shape.dim
    ]


def reading_values(reading: HostReading) -> dict[str, Any]:
    """What was read from a host, as JSON values."""
    return {
        "candidates": [asdict(place) for place in reading.candidates],
        "refused": [f"{refusal}" for refusal in reading.refused],
        "notes": [*reading.notes],
    }


def port_values(value: onnx.ValueInfoProto) -> dict[str, Any]:
    """An input or output as JSON values."""
    element, dims = _type(value)
    return {"name": value.name, "type": element, "dims": dims}
