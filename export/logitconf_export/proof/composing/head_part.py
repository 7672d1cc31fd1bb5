"""The part of a file that makes score and mask from what the head reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper

from logitconf_export.heads.metadata import HeadMetadata
from logitconf_export.onnx_files.loading import DEFAULT_DOMAINS, array_of, host_opset
from logitconf_export.proof.composing.nodes import Node, constant_node
from logitconf_export.proof.composing.tensors import CannotProveError, Known, Value, key_of


class WrongConnectionError(Exception):
    """Score or mask depends on something that the card does not name; the message says on what."""


@dataclass(frozen=True, slots=True)
class HeadPart:
    """Nodes from the tensor that the head reads to score and mask, whatever wrote them.

    Attributes:
        tensor: what the head reads, as the card says.
        score: name of the score.
        mask: name of the mask.
        nodes: in their order, Constant nodes left out.
        constants: by the names of what they are.
        opset: of the default domain.
    """

    tensor: str
    score: str
    mask: str
    nodes: tuple[onnx.NodeProto, ...]
    constants: Mapping[str, Known]
    opset: int

    @classmethod
    def of(cls, model: onnx.ModelProto, metadata: HeadMetadata) -> HeadPart:
        """The part of a file.

        Raises:
            CannotProveError: if an output is not made where the card says.
            WrongConnectionError: if it reads something else.
        """
        graph = model.graph
        score, mask = metadata.outputs[:2]
        makers = {name: node for node in graph.node for name in node.output if name}
        numbers = {t.name: t for t in graph.initializer}
        _check_makers(graph, (score, mask), makers)
        wanted, seen, reads = [score, mask], set(), False
        while wanted:
            name = wanted.pop()
            if name in seen or not name:
                continue
            seen.add(name)
            if name == metadata.tensor:
                reads = True
            elif name in makers:
                wanted.extend(makers[name].input)
            elif name not in numbers:
                raise WrongConnectionError(
                    f"score and mask depend on '{name}', and the card says that the head reads "
                    f"'{metadata.tensor}'"
                )
        if not reads:
            raise WrongConnectionError(
                f"score and mask do not depend on '{metadata.tensor}', which the card says that "
                "the head reads"
            )
        nodes = [
            node
            for node in graph.node
            if seen & set(node.output) and metadata.tensor not in node.output
        ]
        constants = {name: _known(t) for name, t in numbers.items() if name in seen}
        for node in nodes:
            if node.op_type == "Constant":
                constants[node.output[0]] = constant_node(node)
            elif node.op_type == "ConstantOfShape" and node.input[0] in constants:
                constants[node.output[0]] = _filled(node, constants[node.input[0]])
        kept = tuple(node for node in nodes if node.output[0] not in constants)
        return cls(metadata.tensor, score, mask, kept, constants, host_opset(model))

    def node(self, proto: onnx.NodeProto, values: Mapping[str, Value]) -> Node:
        """A node with what it is given."""
        if proto.domain not in DEFAULT_DOMAINS:
            raise CannotProveError(
                f"{proto.domain}.{proto.op_type} is not among the operators of ONNX"
            )
        attributes = {a.name: helper.get_attribute_value(a) for a in proto.attribute}
        unknown = [name for name in proto.input if name and name not in values]
        if unknown:
            raise CannotProveError(f"what '{unknown[0]}' is, is not followed")
        inputs = tuple(values[name] if name else None for name in proto.input)
        return Node(proto.op_type, inputs, attributes, self.opset, len(proto.output))

    def floats(self) -> Iterator[float]:
        """Every number that a constant holds throughout, however it is called."""
        for constant in self.constants.values():
            values = constant.values
            if values.dtype.kind == "f" and values.size and (values == values.ravel()[0]).all():
                yield float(values.ravel()[0])


def spell(node: onnx.NodeProto) -> str:
    """A node, for people."""
    return f"{node.op_type} '{node.name or ', '.join(node.output)}'"


def _check_makers(
    graph: onnx.GraphProto, outputs: tuple[str, str], makers: Mapping[str, onnx.NodeProto]
) -> None:
    """Checks that a node makes each output, and that no value is made in another way, too."""
    for output in outputs:
        if output not in makers:
            raise CannotProveError(f"no node makes the output '{output}'")
    twice = {t.name for t in graph.initializer} & makers.keys()
    if twice:
        raise CannotProveError(f"'{min(twice)}' is a constant and is made by a node")
    if graph.sparse_initializer:
        raise CannotProveError("the graph has constants that are sparse")


def _filled(node: onnx.NodeProto, shape: Known) -> Known:
    """A tensor of one number."""
    values = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    value = array_of(values["value"]) if "value" in values else np.zeros(1, dtype=np.float32)
    array = np.full(tuple(shape.values.ravel().tolist()), value.ravel()[0])
    return Known(array, key_of("Constant", [], array.dtype.str, array.shape, array.tobytes()))


def _known(tensor: onnx.TensorProto) -> Known:
    array = array_of(tensor)
    key = key_of("Constant", [], array.dtype.str, array.shape, array.tobytes())
    return Known(array, key)
