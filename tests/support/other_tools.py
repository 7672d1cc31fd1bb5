"""What other tools do to models: names, metadata and nodes change, decisions do not."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import onnxruntime
from onnx import compose, shape_inference, version_converter

Tool = Callable[[onnx.ModelProto], onnx.ModelProto]

_EXTENDED = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED


def renamed(model: onnx.ModelProto, names: Mapping[str, str]) -> onnx.ModelProto:
    """The model with other names for values, and none for its nodes."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    for node in graph.node:
        node.ClearField("name")
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*graph.initializer, *graph.value_info, *graph.output):
        value.name = names.get(value.name, value.name)
    return changed


def with_renamed_outputs(model: onnx.ModelProto) -> onnx.ModelProto:
    """All outputs have other names, as after sanitising."""
    return renamed(model, {v.name: f"output_{i}" for i, v in enumerate(model.graph.output)})


def with_renamed_values(model: onnx.ModelProto) -> onnx.ModelProto:
    """All values but inputs and outputs are numbered, as in models that were stripped."""
    shown = {value.name for value in (*model.graph.input, *model.graph.output)}
    inner = [name for node in model.graph.node for name in node.output]
    inner += [tensor.name for tensor in model.graph.initializer]
    return renamed(model, {name: str(i) for i, name in enumerate(inner) if name not in shown})


def optimised(
    model: onnx.ModelProto,
    level: onnxruntime.GraphOptimizationLevel = _EXTENDED,
) -> onnx.ModelProto:
    """As onnxruntime writes it at this level: constants folded, nodes fused."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = level
    with TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return onnx.load(options.optimized_model_filepath)


TOOLS: Mapping[str, Tool] = {
    "shapes inferred": shape_inference.infer_shapes,
    "prefix before all names": lambda model: compose.add_prefix(model, "first/"),
    "outputs renamed": with_renamed_outputs,
    "values renamed": with_renamed_values,
    "all renamed": lambda model: with_renamed_values(with_renamed_outputs(model)),
    "optimised": optimised,
    "opset 21": lambda model: version_converter.convert_version(model, 21),
}


def without_metadata(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without its metadata, as after three tools of 2026."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    bare.ClearField("metadata_props")
    return bare
