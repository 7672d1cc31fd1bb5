"""Says whether a tensor that a card names leads to the output that its head judges.

Reads the host alone, without its head and without trust in the card: the tensor must hold what the
card says, and nothing may lie between it and the output but operations that keep its meaning.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import onnx

from logitconf_export.hosts.candidates import (
    TASKS,
    Candidate,
    Family,
    Kind,
    task_conflict,
)
from logitconf_export.hosts.graph.ancestry import ancestors
from logitconf_export.hosts.graph.axes import axis_after, normalised
from logitconf_export.hosts.graph.facts import short
from logitconf_export.hosts.graph.indexing import FunctionTable, index_model
from logitconf_export.hosts.graph.scope import Scope, captured, plain_domain
from logitconf_export.hosts.operators.movement import trains
from logitconf_export.hosts.operators.table import OPERATORS, reader_of
from logitconf_export.hosts.reader import Reader, Reading, Unread, passes

Verdict = Literal["agrees", "contradicts", "uncertain"]

_MOST_AXES = 16


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a tensor leads to an output, and what it holds as far as the graph tells.

    Attributes:
        verdict: ``"agrees"``, ``"contradicts"``, or ``"uncertain"`` where the graph cannot tell.
        reason: the evidence, a sentence without the full stop.
        kind: what the tensor holds, None where it is not known.
        n_classes: its columns along the class axis; 1 for one logit; None where not known.
        class_axis: the axis of its classes, from the front where its rank is known; equal to its
            rank where every element is one binary logit.
        tensor: the value that the reading itself takes for the output's logits.
    """

    verdict: Verdict
    reason: str
    kind: Kind | None = None
    n_classes: int | None = None
    class_axis: int | None = None
    tensor: str | None = None


def judged_by(
    model: onnx.ModelProto,
    tensor: str,
    output: str,
    *,
    kind: str | None = None,
    task: str | None = None,
    class_axis: int | None = None,
) -> Judgement:
    """Whether the tensor leads to the output by operations that keep its meaning.

    ``"contradicts"``: the tensor does not lead there or is a constant; another value holds the
    output's logits; it holds another kind, or classes of another task or axis, than what is said;
    randomness lies between. ``"uncertain"``: the output cannot be read or not for certain; a switch
    (``If``, ``Loop``), a value that depends on the batch's size or on other inputs lies between;
    what is before the tensor is random.

    Args:
        model: the host without its head.
        tensor: the value that the head reads.
        output: the graph output that the head judges.
        kind: what the card says that the tensor holds.
        task: the card's task.
        class_axis: the card's class axis, from either end.

    Raises:
        LogitconfError: if the graph has a cycle, a value without a producer or one with two.

    Example:
        >>> host = onnx.parser.parse_model(
        ...     '<ir_version: 8, opset_import: ["": 17]>'
        ...     'agraph (float[N, 10] x) => (float[N, 10] y, float[N, 10] z)'
        ...     '{ y = Softmax(x) z = Tanh(x) }'
        ... )
        >>> judged_by(host, "x", "y").verdict, judged_by(host, "z", "y").verdict
        ('agrees', 'contradicts')
    """
    scope = index_model(model, OPERATORS)
    absent = _absent(scope, tensor, output)
    if absent is not None:
        return Judgement("contradicts", absent)
    reader = reader_of(model)
    meant = reader.read(scope, output)
    root = meant.tensor if isinstance(meant, Reading) else None
    way = _way(scope, tensor, output, root)
    if way is None:
        return Judgement("contradicts", f"{short(tensor)} does not lead to {short(output)}")
    if isinstance(meant, Unread):
        return Judgement("uncertain", f"{short(output)} cannot be read: {meant.reason}")
    if root is None:
        return Judgement("uncertain", f"{meant.reason}, but no float tensor holds its logits")
    judged = _located(scope, reader, way, meant, root)
    if judged.verdict == "contradicts" and not meant.certain:
        judged = replace(judged, verdict="uncertain")
    if judged.verdict != "agrees":
        return judged
    doubt = (
        _claim_refuted(scope, judged, tensor, meant.family, _Claim(kind, task, class_axis))
        or _between(scope, reader.functions, way.base, output)
        or (None if meant.certain else Judgement("uncertain", meant.reason))
        or _before(scope, reader.functions, way.base)
    )
    return judged if doubt is None else replace(judged, verdict=doubt.verdict, reason=doubt.reason)


@dataclass(frozen=True, slots=True)
class _Claim:
    """What the card says of the tensor; None where it does not say."""

    kind: str | None
    task: str | None
    class_axis: int | None


@dataclass(frozen=True, slots=True)
class _Way:
    """From the tensor back to the first value that the output is made of, by exact copies."""

    base: str
    copies: Sequence[onnx.NodeProto]


def _absent(scope: Scope, tensor: str, output: str) -> str | None:
    """Which of the two the graph does not compute, None if it does."""
    if output not in scope.outputs:
        return f"the model has no output {short(output)}"
    if scope.owner(tensor) is None:
        return f"the model has no value {short(tensor)}"
    if scope.is_constant(tensor):
        return f"{short(tensor)} is a constant that no input changes"
    return None


def _way(scope: Scope, tensor: str, output: str, root: str | None) -> _Way | None:
    """The way back, None where there is none.

    The scores of a classifier do not lead to its labels, but the same node makes both.
    """
    needed = ancestors(scope, (output, *((root,) if root is not None else ())))
    copies: list[onnx.NodeProto] = []
    name = tensor
    while name not in needed:
        node = scope.standard(name)
        copied = node is not None and _copies_exactly(scope, node) and node.output[0] == name
        if node is None or not copied or trains(scope, node):
            return None
        copies.append(node)
        name = node.input[0]
    return _Way(name, tuple(reversed(copies)))


def _copies_exactly(scope: Scope, node: onnx.NodeProto) -> bool:
    row = scope.operators.row(node)
    return row.copies and not row.rounds


def _located(scope: Scope, reader: Reader, way: _Way, meant: Reading, root: str) -> Judgement:
    """What the tensor holds, by where it lies on the way from the output's logits to the output."""
    base = way.base
    kind, axis = meant.tensor_kind, meant.tensor_axis
    if base in ancestors(scope, (root,)):
        path = _moves(scope, base, root)
        if path is None:
            return _not_the_logits(scope, base, root)
        axis = _axis_before(scope, path, base, axis)
    elif root in ancestors(scope, (base,)):
        own = reader.read(scope, base)
        if isinstance(own, Unread) or own.tensor != root:
            reason = own.reason if isinstance(own, Unread) else "it is read otherwise"
            return Judgement("uncertain", f"{short(base)} cannot be read: {reason}", tensor=root)
        if not own.direct:
            reason = f"{short(base)} is no row of classes: {own.reason}"
            return Judgement("contradicts", reason, tensor=root)
        kind, axis = own.kind, own.axis
    else:
        reason = f"the output's logits are {short(root)}, not {short(base)}"
        return Judgement("contradicts", reason, tensor=root)
    rows: int | None = 0
    for node in way.copies:
        axis, rows = axis_after(scope, node, axis), axis_after(scope, node, rows)
    lost = "class axis" if axis is None and meant.n_classes != 1 else ""
    lost = "rows" if rows is None and axis != 0 else lost
    if lost:
        return Judgement("uncertain", f"its {lost} cannot be followed", kind, tensor=root)
    return Judgement("agrees", meant.reason, kind, meant.n_classes, axis, root)


def _not_the_logits(scope: Scope, base: str, root: str) -> Judgement:
    reason = f"the output's logits are {short(root)}, made of {short(base)}"
    if _scaled(scope, base, root):
        # A temperature of the host's own: the same classes, on another scale.
        return Judgement("uncertain", f"{reason} by scaling with a constant", tensor=root)
    return Judgement("contradicts", f"{reason} by more than moves and copies", tensor=root)


def _moves(scope: Scope, base: str, root: str) -> list[onnx.NodeProto] | None:
    """The copying and moving nodes from one value to another, None if others lie between."""
    path: list[onnx.NodeProto] = []
    name = root
    while name != base:
        node = scope.producers.get(name)
        if node is None or node.output[0] != name or not passes(scope, node):
            return None
        path.append(node)
        name = node.input[0]
    return path[::-1]


def _scaled(scope: Scope, base: str, root: str) -> bool:
    name = root
    while name != base:
        node = scope.standard(name)
        if node is None or node.op_type not in ("Mul", "Div", "Identity", "Cast"):
            return False
        varying = [n for n in node.input if not scope.is_constant(n)]
        factors = [scope.scalar(n) for n in node.input if scope.is_constant(n)]
        if varying != list(node.input[:1]) or any(f is None or f <= 0 for f in factors):
            return False
        name = varying[0]
    return True


def _axis_before(
    scope: Scope, path: Sequence[onnx.NodeProto], base: str, wanted: int | None
) -> int | None:
    """The axis of the first value that becomes the wanted one of the last."""
    rank = scope.fact(base).rank
    for start in range(min(rank, _MOST_AXES)) if rank is not None else (wanted,):
        axis = start
        for node in path:
            axis = axis_after(scope, node, axis)
        if axis is not None and axis == wanted:
            return start
    return None


def _claim_refuted(
    scope: Scope, judgement: Judgement, tensor: str, family: Family | None, claim: _Claim
) -> Judgement | None:
    """What the card says of the tensor against what the graph says."""
    if judgement.kind is None:
        return None
    if claim.kind not in (None, judgement.kind):
        return Judgement("contradicts", f"{short(tensor)} holds {judgement.kind}, not {claim.kind}")
    rank, axis = scope.fact(tensor).rank, judgement.class_axis
    if claim.class_axis is not None and axis is not None and judgement.n_classes != 1:
        claimed, read = normalised(claim.class_axis, rank), normalised(axis, rank)
        if claimed != read and (claimed < 0) == (read < 0):
            return Judgement(
                "contradicts", f"the classes of {short(tensor)} are on axis {read}, not {claimed}"
            )
    named = next((word for word in TASKS if word == claim.task), None)
    if named is not None:
        place = Candidate(
            tensor=tensor, kind=judgement.kind, task=named, n_classes=judgement.n_classes,
            class_axis=axis or 0, rank=rank, dtype="float32", output="", certain=True,
            reason="", family=family,
        )  # fmt: skip
        conflict = task_conflict(place, named)
        if conflict is not None:
            return Judgement("contradicts", f"{short(tensor)} cannot be {named}: {conflict}")
    return None


def _between(scope: Scope, functions: FunctionTable, base: str, output: str) -> Judgement | None:
    """What lies between the tensor and the output and does not keep its meaning for each row."""
    needed = ancestors(scope, (output,))
    derived = {base}
    for node in scope.nodes:
        inputs = [n for n in (*node.input, *captured(node)) if n]
        on_way = needed.intersection(node.output) and base not in node.output
        row = scope.operators.row(node)
        if not on_way or not derived.intersection(inputs) or row.sizes:
            continue
        derived.update(node.output)
        operator = _unsteady(scope, functions, node)
        if operator is not None:
            return Judgement("contradicts", f"{_article(operator)} lies between, which is random")
        bodies = _inside(functions, node)
        switch = next((n.op_type for n in bodies if scope.operators.row(n).switches), None)
        if switch is not None:
            return Judgement(
                "uncertain", f"{_article(switch)} lies between, which may switch from row to row"
            )
        for place, name in enumerate(node.input):
            steady = not name or name in derived or scope.is_constant(name)
            if steady or (place > 0 and row.reshapes):
                continue
            random = _random_before(scope, functions, name)
            if random is not None:
                return Judgement("contradicts", f"{_article(random)} lies between, which is random")
            return Judgement(
                "uncertain", f"{short(name)}, which the {node.op_type[:60]} between takes, depends "
                "on other inputs or on the size of the batch",
            )  # fmt: skip
    return None


def _before(scope: Scope, functions: FunctionTable, base: str) -> Judgement | None:
    random = _random_before(scope, functions, base)
    if random is None:
        return None
    return Judgement("uncertain", f"what is before it is random: it has {_article(random)}")


def _random_before(scope: Scope, functions: FunctionTable, name: str) -> str | None:
    needed = ancestors(scope, (name,))
    for node in scope.nodes:
        if needed.intersection(node.output):
            operator = _unsteady(scope, functions, node)
            if operator is not None:
                return operator
    return None


def _unsteady(scope: Scope, functions: FunctionTable, node: onnx.NodeProto) -> str | None:
    """The random operator that the node is or has in its body, None if there is none."""
    if trains(scope, node):
        return "Dropout in training mode"
    bodies = _inside(functions, node)
    return next((n.op_type for n in bodies if scope.operators.row(n).random), None)


def _article(operator: str) -> str:
    """The operator's name in a sentence."""
    return f"{'an' if operator[0] in 'AEIO' else 'a'} {operator}"


def _inside(functions: FunctionTable, node: onnx.NodeProto) -> Iterable[onnx.NodeProto]:
    """The nodes that a node runs: itself, those of its subgraphs and of functions called."""
    pending = deque((node,))
    called: set[tuple[str, str]] = set()
    while pending:
        inner = pending.popleft()
        key = (plain_domain(inner.domain), inner.op_type)
        if key in functions:
            if key not in called:
                called.add(key)
                pending.extend(functions[key].node)
            continue
        yield inner
        for attribute in inner.attribute:
            for graph in (attribute.g, *attribute.graphs):
                pending.extend(graph.node)
