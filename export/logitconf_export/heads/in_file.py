"""The head in a file: its nodes and initializers, alone or cut out of a host."""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper

from logitconf.errors import LogitconfError
from logitconf.head_spec import dropped_axes
from logitconf.notebook.brief import brief
from logitconf_export.heads.conversion import optional_inputs_of
from logitconf_export.heads.metadata import HeadMetadata, read_metadata
from logitconf_export.onnx_files.element_types import ELEMENT_TYPES, FLOAT_WORDS
from logitconf_export.onnx_files.loading import DEFAULT_DOMAINS, array_of, host_opset


@dataclass(frozen=True, slots=True)
class EmbeddedHead:
    """A head as a file holds it.

    Attributes:
        metadata: what the file says of it.
        opset: default-domain opset that its nodes are written in.
        prefix: start of its names.
        tensor: the value that it reads; ``"logits"`` for a head that stands alone.
        outputs: names of score, mask and what else was asked for, in the order of the form.
        nodes: its nodes, in order.
        initializers: its initializers by name.
        logits_dtype: floating dtype of what it reads, None where the file does not say.
    """

    metadata: HeadMetadata
    opset: int
    prefix: str
    tensor: str
    outputs: tuple[str, ...]
    nodes: tuple[onnx.NodeProto, ...]
    initializers: dict[str, onnx.TensorProto]
    logits_dtype: str | None

    __repr__ = brief

    @property
    def attached(self) -> bool:
        """Whether it sits in a host."""
        return self.metadata.attached is not None

    def value(self, name: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]] | None":
        """An initializer by its name without prefix, None if there is none."""
        tensor = self.initializers.get(f"{self.prefix}{name}")
        return None if tensor is None else array_of(tensor)

    def reading_nodes(self) -> tuple[str, ...]:
        """Names of the nodes that depend on what the head reads, not on its constants alone.

        Without the cast at the door: onnxruntime drops it where the host computes in that type.
        """
        known, names = {self.tensor, self.widened}, []
        for node in self.nodes:
            if known & set(node.input) and self.widened not in node.output:
                known.update(node.output)
                names.append(node.name)
        return tuple(names)

    @property
    def widened(self) -> str:
        """The value behind the cast at the door; what the head reads itself where there is none.

        A CPU computes a float16 host in float32 and rounds only what it hands out, so this is what
        the head gets.
        """
        for node in self.nodes:
            if node.op_type == "Cast" and list(node.input) == [self.tensor]:
                return str(node.output[0])
        return self.tensor


def head_in(model: onnx.ModelProto) -> EmbeddedHead:
    """The head in a model, as its metadata say where it is.

    Raises:
        LogitconfError: if there is none, or its outputs are not where the metadata say.
    """
    metadata = read_metadata(model)
    prefix, tensor, outputs = metadata.prefix, metadata.tensor, metadata.outputs
    declared = {value.name for value in model.graph.output}
    missing = [name for name in outputs if name not in declared]
    if missing:
        raise LogitconfError(
            f"the head's outputs must be outputs of the model, but {missing} are not; "
            f"the outputs are {sorted(declared)}"
        )
    alone = metadata.attached is None
    return EmbeddedHead(
        metadata=metadata,
        opset=host_opset(model),
        prefix=prefix,
        tensor=tensor,
        outputs=outputs,
        nodes=tuple(
            node
            for node in model.graph.node
            if alone or node.name.startswith(prefix) or set(node.output) & set(outputs)
        ),
        initializers={
            t.name: t for t in model.graph.initializer if alone or t.name.startswith(prefix)
        },
        logits_dtype=_declared_dtype(model, tensor),
    )


def _declared_dtype(model: onnx.ModelProto, tensor: str) -> str | None:
    graph = model.graph
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.name == tensor and value.type.tensor_type.elem_type in FLOAT_WORDS:
            return FLOAT_WORDS[value.type.tensor_type.elem_type]
    return None


def head_model(model: onnx.ModelProto, head: EmbeddedHead, logits_dtype: str) -> onnx.ModelProto:
    """The head alone, its own nodes and initializers as they are in the file.

    Args:
        model: the file that the head was found in.
        head: the head.
        logits_dtype: floating dtype of its input.
    """
    onnx_type = ELEMENT_TYPES[logits_dtype]
    declared = {value.name: value for value in model.graph.output}
    form = head.metadata.form
    dims = [
        form.n_classes if axis == form.class_axis and form.n_classes else f"D{axis}"
        for axis in range(form.input_rank)
    ]
    if form.members is not None:
        dims[-1] = form.members
    outputs = []
    for output, name in zip(form.outputs, head.outputs, strict=True):
        element = declared[name].type.tensor_type.elem_type
        dropped = dropped_axes(head.metadata.card, form, output)
        kept = [dim for axis, dim in enumerate(dims) if axis not in dropped]
        outputs.append(helper.make_tensor_value_info(name, element, kept))
    inputs = [helper.make_tensor_value_info(head.tensor, onnx_type, dims)]
    if model.ir_version < 4:
        inputs += [
            helper.make_tensor_value_info(t.name, t.data_type, list(t.dims))
            for t in head.initializers.values()
        ]
    else:
        inputs += optional_inputs_of(form, head.initializers.values(), head.prefix)
    graph = helper.make_graph(
        list(head.nodes), "head", inputs, outputs, list(head.initializers.values())
    )
    imports = [entry for entry in model.opset_import if entry.domain in DEFAULT_DOMAINS]
    return helper.make_model(graph, opset_imports=imports, ir_version=model.ir_version)
