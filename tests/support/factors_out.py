"""onnxruntime behind an optimiser that takes factors out of sums, as tract 0.23 has one."""

from collections.abc import Sequence

import onnx
from onnx import helper

from logitconf.scores.bands import Sums
from logitconf_export.runtimes.protocol import Answer, Gap, Job
from logitconf_export.runtimes.targets.onnxruntime import OnnxRuntime


def factors_out(model: onnx.ModelProto) -> int:
    """Puts each ReduceSum of a tensor times a scalar of the graph before the factor; how many."""
    graph, moved = model.graph, 0
    scalars = {tensor.name for tensor in graph.initializer if not tensor.dims}
    makers = {name: node for node in graph.node for name in node.output}
    nodes = []
    for node in graph.node:
        product = makers.get(node.input[0]) if node.op_type == "ReduceSum" else None
        factors = set() if product is None else scalars & {*product.input}
        if product is None or product.op_type not in ("Mul", "Div") or len(factors) != 1:
            nodes.append(node)
            continue
        inner = f"{node.output[0]}/before"
        of = next(name for name in product.input if name not in factors)
        total = helper.make_node("ReduceSum", [of, *node.input[1:]], [inner])
        total.attribute.extend(node.attribute)
        operands = [inner if name == of else name for name in product.input]
        nodes += [total, helper.make_node(product.op_type, operands, node.output)]
        moved += 1
    del graph.node[:]
    graph.node.extend(nodes)
    return moved


class FactorsOut:
    """A runtime that does so to every model."""

    name = "factors out"
    gaps: tuple[Gap, ...] = ()
    sums: Sums = "pinned"

    def load(self) -> str:
        return OnnxRuntime().load()

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        changed: dict[bytes, bytes] = {}
        for job in jobs:
            if job.model not in changed:
                model = onnx.load_model_from_string(job.model)
                factors_out(model)
                changed[job.model] = model.SerializeToString()
        return OnnxRuntime().run([Job(changed[j.model], j.feeds, j.outputs) for j in jobs])
