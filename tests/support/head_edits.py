"""Heads that are changed on purpose: what builds a change, harmless ones and others.

A change takes a value of the graph and puts another in its place, for all that read it or for one.
Whether it changes a decision is not asked here.
"""

from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import ArrayLike, NDArray
from onnx import helper, numpy_helper


class Editor:
    """A copy of a head whose nodes can be added to and connected otherwise."""

    def __init__(self, head: onnx.ModelProto) -> None:
        self.model = onnx.ModelProto()
        self.model.CopyFrom(head)
        self.graph = self.model.graph
        self._count = 0

    def name(self) -> str:
        """One that nothing has."""
        self._count += 1
        return f"changed/{self._count}"

    def number(self, values: ArrayLike, kind: Any = np.float32) -> str:
        """A constant."""
        name = self.name()
        self.graph.initializer.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def node(self, operation: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """A node; the name of its last output."""
        names = [self.name() for _ in range(outputs)]
        made = helper.make_node(operation, list(inputs), names, name=names[0], **attributes)
        self.graph.node.append(made)
        return names[-1]

    def made_by(self, operation: str, place: int = 0) -> onnx.NodeProto:
        """The head's first node of a kind, or a later one."""
        nodes: list[onnx.NodeProto] = [n for n in self.graph.node if n.op_type == operation]
        return nodes[place]

    def instead(self, old: str, new: str, *readers: onnx.NodeProto) -> None:
        """Lets nodes read another value; all that do not lead to it unless some are given."""
        behind = self.before(new)
        for node in readers or self.graph.node:
            if node.output[0] not in behind:
                node.input[:] = [new if name == old else name for name in node.input]

    def before(self, name: str) -> set[str]:
        """All values that lead to one, and itself."""
        makers = {output: node for node in self.graph.node for output in node.output}
        wanted, seen = [name], set()
        while wanted:
            one = wanted.pop()
            if one in makers and one not in seen:
                seen.add(one)
                wanted.extend(makers[one].input)
        return seen

    def inner(self, output: str) -> str:
        """The value behind an output, which becomes a copy of it."""
        own = self.name()
        for node in self.graph.node:
            node.output[:] = [own if name == output else name for name in node.output]
            node.input[:] = [own if name == output else name for name in node.input]
        self.graph.node.append(helper.make_node("Identity", [own], [output], name=output))
        return own

    def ready(self) -> onnx.ModelProto:
        """The head, its nodes in an order that runs."""
        known = {t.name for t in self.graph.initializer} | {v.name for v in self.graph.input}
        waiting, kept = list(self.graph.node), []
        while waiting:
            free = [n for n in waiting if all(not i or i in known for i in n.input)]
            if not free:
                raise ValueError("the changed graph has a circle")
            for node in free:
                known.update(node.output)
            kept += free
            waiting = [n for n in waiting if not any(n is f for f in free)]
        del self.graph.node[:]
        self.graph.node.extend(kept)
        return self.model


def results_of(
    head: onnx.ModelProto, logits: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Score and mask in onnxruntime, node by node as the file has them."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        head.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    score, mask = session.run(["score", "mask"], {"logits": logits})
    return np.asarray(score), np.asarray(mask)
