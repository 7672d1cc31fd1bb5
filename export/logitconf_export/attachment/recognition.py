"""Heads in a graph that other tools have changed since: found by what their values lead to.

Tools rename outputs, put text before every name, cast, fuse, fold constants and drop metadata. What
stays is this: a host never reads what a head computes, so every output behind a value of the head
is the head's, and what only these outputs need is the head.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from logitconf.card.score_card import OUTPUTS, ScoreCard
from logitconf.errors import LogitconfError
from logitconf_export.heads.metadata import HeadsMetadata
from logitconf_export.onnx_files.loading import array_of, scopes_below

_ANY_PREFIX = re.compile(r"logitconf\d*/(?:\d+/)?")
_PASSING = frozenset({"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
_SCALINGS = frozenset({"Div", "Mul", "Reciprocal"})
_COMPARISONS = frozenset({"Less", "LessOrEqual", "Greater", "GreaterOrEqual"})


@dataclass(frozen=True, slots=True)
class HeadPlace:
    """Where the heads of a model are, whatever their names.

    Attributes:
        outputs: graph outputs that they give, in the graph's order.
        nodes: positions of the nodes that nothing else needs.
        reads: values of the host that they read.
        before: text that a tool put before every name.
        named: constants and declarations that bear the heads' names.
    """

    outputs: tuple[str, ...]
    nodes: frozenset[int]
    reads: tuple[str, ...]
    before: str
    named: frozenset[str]


def find_heads(
    model: onnx.ModelProto, known: HeadsMetadata | None, card: ScoreCard | None = None
) -> HeadPlace | None:
    """Where the heads are, None if there is no sign of one.

    Args:
        model: a host with heads.
        known: what the model says of them, None if it no longer says anything.
        card: of the head, which tells its threshold where its names are gone.

    Raises:
        LogitconfError: if what is there is not all of the heads and nothing but them.
    """
    graph = model.graph
    pattern = _pattern(known)
    marks, before = _marks(graph, pattern, known, card)
    if not marks:
        return None
    behind = _forward(graph, marks)
    shown = [value.name for value in graph.output]
    outputs = [name for name in shown if name in behind]
    if known is not None:
        _check_outputs(outputs, known, before)
    elif any(_ANY_PREFIX.search(name) for name in marks):
        _check_readers(graph, behind)
    elif not 2 <= len(outputs) <= len(OUTPUTS):
        raise LogitconfError(
            f"what is compared with the card's threshold must make a score and a mask, but makes "
            f"{outputs}; attach the card to the model as it was before"
        )
    if len(outputs) == len(shown):
        raise LogitconfError("the model must be a host with a head, got a head that stands alone")
    needed = _needed(graph, [name for name in shown if name not in behind], stop=())
    tensors = {before + head.tensor for head in known.heads} if known else set()
    nodes = _needed(graph, outputs, stop=tensors) - needed
    # what a tool left unused
    nodes |= {i for i, node in enumerate(graph.node) if marks & {*node.output} and i not in needed}
    made = {name for i in nodes for name in graph.node[i].output}
    constants = {tensor.name for tensor in graph.initializer}
    reads = dict.fromkeys(
        name
        for i in sorted(nodes)
        for name in graph.node[i].input
        if name and name not in made and name not in constants
    )
    declared = {value.name for value in (*graph.input, *graph.value_info)}
    named = {
        n for n in constants | declared if n.startswith(before) and pattern.match(n, len(before))
    }
    return HeadPlace(tuple(outputs), frozenset(nodes), tuple(reads), before, frozenset(named))


def remove_heads(graph: onnx.GraphProto, place: HeadPlace) -> None:
    """Takes the heads off in place; all that remains is as it was."""
    gone = [node for i, node in enumerate(graph.node) if i in place.nodes]
    made = {name for node in gone for name in node.output if name}
    used = {name for node in gone for name in _reads(node)}
    drop(graph.node, (i in place.nodes for i in range(len(graph.node))))
    drop(graph.output, (value.name in place.outputs for value in list(graph.output)))
    left = {name for node in graph.node for name in _reads(node)}
    left |= {value.name for value in graph.output}
    if made & left:
        raise LogitconfError(
            f"the host must not read the head's values, but reads {sorted(made & left)[:5]}; "
            "take off what reads them first"
        )
    unused = (used | place.named) - left
    drop(graph.initializer, (tensor.name in unused for tensor in list(graph.initializer)))
    names = made | (unused - set(place.reads))
    for values in (graph.input, graph.value_info):
        drop(values, (value.name in names for value in list(values)))


def drop(items: "object", unwanted: Iterable[bool]) -> None:
    """Deletes the items of a protobuf list that are not wanted."""
    for index, is_unwanted in reversed(list(enumerate(unwanted))):
        if is_unwanted:
            del items[index]  # type: ignore[attr-defined]


def _pattern(known: HeadsMetadata | None) -> re.Pattern[str]:
    """How the names of the heads' values start."""
    if known is None:
        return _ANY_PREFIX
    prefixes = [head.prefix for head in known.heads]
    if known.joint is not None:
        prefixes.append(known.joint.prefix)
    return re.compile("|".join(map(re.escape, prefixes)))


def _marks(
    graph: onnx.GraphProto,
    pattern: re.Pattern[str],
    known: HeadsMetadata | None,
    card: ScoreCard | None,
) -> tuple[set[str], str]:
    """Values that are certainly the heads', and the text before their names."""
    matches = {
        name: match
        for node in graph.node
        for name in (*node.output, node.name)
        if (match := pattern.search(name))
    }
    numbers = {
        tensor.name: match
        for tensor in graph.initializer
        if (match := pattern.search(tensor.name))
        and tensor.name[match.end() :].startswith("threshold")
    }
    texts = {name[: m.start()] for name, m in (matches | numbers).items()}
    before = "" if "" in texts or len(texts) != 1 else texts.pop()
    if (numbers and known is None) or (known is not None and (matches or numbers)):
        kept = {name for name, match in matches.items() if match.start() == len(before)}
        marks = {
            name
            for node in graph.node
            if node.name in kept or kept & {*node.output}
            for name in node.output
            if name
        }
        return marks | set(numbers), before
    cards = [head.card for head in known.heads] if known else [card] if card else []
    return _marks_by_value(graph, cards), ""


def _marks_by_value(graph: onnx.GraphProto, cards: Sequence[ScoreCard]) -> set[str]:
    """What is compared with the cards' thresholds, or divided by their temperatures."""
    constants = [(tensor.name, tensor) for tensor in graph.initializer]
    constants += [
        (node.output[0], attribute.t)
        for node in graph.node
        if node.op_type == "Constant" and node.output
        for attribute in node.attribute
        if attribute.name == "value"
    ]
    thresholds, factors = (
        {name for name, tensor in constants if any(_is_equal(tensor, n) for n in numbers)}
        for numbers in (
            [card.threshold for card in cards if card.threshold is not None],
            # folded or not; by 1 anyone multiplies
            [x for c in cards if c.temperature != 1 for x in (c.temperature, 1 / c.temperature)],
        )
    )
    compared = [n for n in graph.node if n.op_type in _COMPARISONS and thresholds & {*n.input}]
    if not compared:
        return set()
    scaled = [n for n in graph.node if n.op_type in _SCALINGS and factors & {*n.input}]
    marks = {name for node in compared for name in (*node.input, *node.output)}
    return (marks - thresholds) | {name for node in scaled for name in node.output}


def _is_equal(tensor: onnx.TensorProto, number: float | tuple[float, ...]) -> bool:
    value = np.array(number, dtype=np.float32).reshape(-1)
    inside = tensor.data_location != onnx.TensorProto.EXTERNAL
    if tensor.data_type != onnx.TensorProto.FLOAT or not inside:
        return False
    try:
        return np.array_equal(array_of(tensor).reshape(-1), value)
    except LogitconfError:  # damaged; a constant of the host is not ours to check
        return False


def _check_outputs(outputs: Sequence[str], known: HeadsMetadata, before: str) -> None:
    """Checks that the outputs behind the heads' values are those of the heads, renamed or not."""
    names = {name for head in known.heads for name in head.outputs}
    if known.joint is not None:
        names -= {name for head in known.heads for name in head.outputs[:2]}
        names |= {*known.joint.outputs}
    if len(outputs) < len(names):
        raise LogitconfError(
            f"the head must have {len(names)} outputs, but of its values only {outputs} are made; "
            "take the model as it was before"
        )
    if len(outputs) > len(names):
        others = [name for name in outputs if name.removeprefix(before) not in names]
        raise LogitconfError(
            f"the outputs {others} must not be made of the head's values; take them off first"
        )


def _check_readers(graph: onnx.GraphProto, behind: Collection[str]) -> None:
    """Checks that nothing but the head itself, whose outputs no one tells, reads its values."""
    for node in graph.node:
        names = (*_reads(node), *node.output, node.name)
        read = [name for name in _reads(node) if name in behind]
        own = node.op_type in _PASSING or any(_ANY_PREFIX.search(name) for name in names)
        if read and not own:
            raise LogitconfError(
                f"the head's values must not be read by others, but {read[:3]} are, for "
                f"{list(node.output)[:3]}; take that off first"
            )


def _forward(graph: onnx.GraphProto, start: Collection[str]) -> set[str]:
    """The values, and all that is made of them."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in _reads(node):
            readers.setdefault(name, []).append(node)
    behind, pending = set(start), list(start)
    while pending:
        for node in readers.get(pending.pop(), ()):
            fresh = [name for name in node.output if name and name not in behind]
            behind.update(fresh)
            pending += fresh
    return behind


def needed_by(graph: onnx.GraphProto, name: str) -> set[int]:
    """Positions of the nodes that a value needs."""
    return _needed(graph, [name], stop=())


def _needed(graph: onnx.GraphProto, names: Iterable[str], stop: Collection[str]) -> set[int]:
    """Positions of the nodes that values need, no further back than where to stop."""
    makers: dict[str, list[int]] = {}
    for index, node in enumerate(graph.node):
        for name in node.output:
            makers.setdefault(name, []).append(index)
    needed: set[int] = set()
    seen, pending = set(stop), list(names)
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        for index in makers.get(name, ()):
            if index not in needed:
                needed.add(index)
                pending += _reads(graph.node[index])
    return needed


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """What a node reads, in its subgraphs too."""
    yield from (name for name in node.input if name)
    graphs = [a.g for a in node.attribute if a.HasField("g")]
    graphs += [graph for a in node.attribute for graph in a.graphs]
    for scope in scopes_below(graphs):
        yield from (value.name for value in scope.output)
        for inner in scope.node:
            yield from (name for name in inner.input if name)
