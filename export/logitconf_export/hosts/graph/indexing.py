"""Builds the index of a model, with shapes inferred where the graph tells them."""

from collections.abc import Iterable, Mapping

import onnx

from logitconf.errors import LogitconfError
from logitconf_export.hosts.graph.facts import (
    UNKNOWN,
    Dimension,
    TensorFacts,
    tensor_facts,
    value_facts,
)
from logitconf_export.hosts.graph.scope import Operator, OperatorTable, Scope, plain_domain
from logitconf_export.hosts.graph.shape_inference import forward_facts
from logitconf_export.onnx_files.loading import DEFAULT_DOMAINS

FunctionTable = Mapping[tuple[str, str], onnx.FunctionProto]


def index_model(model: onnx.ModelProto, operators: OperatorTable[Operator]) -> Scope:
    """The model's main graph, indexed; inferred shapes count more than declared ones.

    Args:
        model: it is not changed.
        operators: what is known of each operator.

    Raises:
        LogitconfError: if the graph has a cycle, a value without a producer or one with two, or if
            a function calls itself.
    """
    graph = model.graph
    _check_functions(model)
    facts = value_facts((*graph.value_info, *graph.output, *graph.input))
    for tensor in graph.initializer:
        facts[tensor.name] = tensor_facts(tensor)
    for sparse in graph.sparse_initializer:
        facts[sparse.values.name] = TensorFacts(sparse.values.data_type, None)
    scope = Scope(
        # A function of the model's own goes before the operator of its name.
        operators=operators.without(function_table(model)),
        nodes=list(graph.node),
        inputs=frozenset(value.name for value in graph.input)
        | {sparse.values.name for sparse in graph.sparse_initializer},
        outputs=tuple(value.name for value in graph.output),
        opsets=opset_table(model.opset_import),
        initializers={tensor.name: tensor for tensor in graph.initializer},
        facts=facts,
    )
    _spread_shapes(scope, facts)
    return scope


def _spread_shapes(scope: Scope, facts: dict[str, TensorFacts]) -> None:
    """Infers shapes forwards, then backwards over operators that keep them, then forwards again.

    Backwards, a declared output behind an Identity tells the shape of the softmax before it.
    """
    _infer(scope, facts)
    gained = False
    for node in reversed(scope.nodes):
        kept = _keeper(scope, node)
        shape = facts.get(node.output[0], UNKNOWN).shape if kept is not None else None
        before = UNKNOWN if kept is None else facts.get(kept, UNKNOWN)
        if kept is not None and shape is not None and before.shape is None:
            facts[kept] = TensorFacts(before.dtype, shape)
            gained = True
    if gained:
        _infer(scope, facts)


def _infer(scope: Scope, facts: dict[str, TensorFacts]) -> None:
    for node in scope.nodes:
        inferred = forward_facts(scope, node)
        for name, derived in zip(node.output, inferred, strict=False):
            if name:
                facts[name] = _merged(facts.get(name, UNKNOWN), derived)


def _merged(declared: TensorFacts, derived: TensorFacts) -> TensorFacts:
    dtype = derived.dtype or declared.dtype
    if derived.shape is None:
        return TensorFacts(dtype, declared.shape)
    if declared.shape is None or len(declared.shape) != len(derived.shape):
        # ddddocr 1.6.1 declares [1, seqlen] for what is [T, 1, 8210].
        return TensorFacts(dtype, derived.shape)
    return TensorFacts(dtype, tuple(map(_better, derived.shape, declared.shape)))


def _better(inferred: Dimension, declared: Dimension) -> Dimension:
    if isinstance(inferred, int) or declared is None:
        return inferred
    return declared


def _keeper(scope: Scope, node: onnx.NodeProto) -> str | None:
    """The input whose shape the first output has, None where there is none."""
    rule = scope.operators.row(node).same_shape
    return None if rule is None or not node.input or not node.output else rule(scope, node)


def index_subgraph(graph: onnx.GraphProto, parent: Scope) -> Scope:
    """The body of an ``If``, ``Loop`` or ``Scan``, which sees the values around it."""
    facts = value_facts((*graph.value_info, *graph.output, *graph.input))
    scope = Scope(
        operators=parent.operators,
        nodes=list(graph.node),
        inputs=frozenset(value.name for value in graph.input),
        outputs=tuple(value.name for value in graph.output),
        opsets=parent.opsets,
        initializers={tensor.name: tensor for tensor in graph.initializer},
        facts=facts,
        parent=parent,
        bindings=parent.bindings,
    )
    _spread_shapes(scope, facts)
    return scope


def index_function(function: onnx.FunctionProto, caller: onnx.NodeProto, around: Scope) -> Scope:
    """The body of a model-local function, with the types and attributes of one call."""
    facts = {
        inner: around.fact(outer)
        for inner, outer in zip(function.input, caller.input, strict=False)
    }
    bindings = {a.name: a for a in function.attribute_proto}
    for attribute in caller.attribute:
        bound = around.bindings.get(attribute.ref_attr_name, attribute)
        bindings[attribute.name] = bound
    scope = Scope(
        operators=around.operators,
        nodes=list(function.node),
        inputs=frozenset(function.input),
        outputs=tuple(function.output),
        opsets=opset_table(function.opset_import),
        facts=facts,
        bindings=bindings,
        constants={
            inner
            for inner, outer in zip(function.input, caller.input, strict=False)
            if outer and around.is_constant(outer)
        },
    )
    _spread_shapes(scope, facts)
    return scope


def opset_table(imports: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    """Version of each domain; of two imports the last counts, as in onnxruntime 1.31."""
    return {
        "" if entry.domain in DEFAULT_DOMAINS else entry.domain: int(entry.version)
        for entry in imports
    }


def function_table(model: onnx.ModelProto) -> dict[tuple[str, str], onnx.FunctionProto]:
    """The model-local functions by domain and name."""
    return {(plain_domain(f.domain), f.name): f for f in model.functions}


def _check_functions(model: onnx.ModelProto) -> None:
    """Refuses functions that call themselves, directly or through others."""
    table = function_table(model)
    done: set[tuple[str, str]] = set()
    for start in table:
        pending = [(start, False)]
        open_calls: set[tuple[str, str]] = set()
        while pending:
            key, leaving = pending.pop()
            if leaving:
                open_calls.discard(key)
                done.add(key)
            elif key not in done:
                open_calls.add(key)
                pending.append((key, True))
                inner = {c for c in _calls(table[key].node, table) if c not in done}
                if inner & open_calls:
                    raise LogitconfError(f"a function must not call itself, but {key[1]!r} does")
                pending += ((call, False) for call in sorted(inner))


def _calls(nodes: Iterable[onnx.NodeProto], table: FunctionTable) -> set[tuple[str, str]]:
    called: set[tuple[str, str]] = set()
    pending = list(nodes)
    while pending:
        node = pending.pop()
        key = (plain_domain(node.domain), node.op_type)
        if key in table:
            called.add(key)
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                pending.extend(graph.node)
    return called
