"""Whether card, initializers and graph of a file say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from logitconf.errors import LogitconfError
from logitconf.head_spec import Head, map_buffers
from logitconf_export.heads.conversion import LOGITS_DTYPES, head_graph
from logitconf_export.heads.graph_writer import PREFIX
from logitconf_export.heads.in_file import EmbeddedHead
from logitconf_export.heads.sources import HeadSource
from logitconf_export.onnx_files.loading import DEFAULT_DOMAINS, array_of


def rebuilt_head(head: EmbeddedHead) -> Head:
    """The head that the file's card and form describe.

    Raises:
        LogitconfError: if they describe none.
    """
    return Head.of_card(head.metadata.card, head.metadata.form)


def initializer_disagreements(head: EmbeddedHead) -> tuple[str, ...]:
    """In words, where the numbers in the graph are not the card's, bit for bit.

    These are temperature and threshold, and those of the calibration map if there is one.
    """
    card = head.metadata.card
    wanted = {"temperature": card.temperature, "threshold": card.threshold, **map_buffers(card)}
    problems = []
    for name, values in wanted.items():
        expected = np.asarray(values, dtype=np.float32)
        value = head.value(name)
        if value is None:
            problems.append(f"the graph has no initializer '{head.prefix}{name}'")
        elif value.dtype != np.float32 or value.shape != expected.shape:
            problems.append(
                f"initializer '{head.prefix}{name}' must be float32 {expected.shape}, "
                f"got {value.dtype} {value.shape}"
            )
        elif value.tobytes() != expected.tobytes():
            problems.append(
                f"initializer '{head.prefix}{name}' is {value.tolist()!r}, "
                f"the card says {expected.tolist()!r}"
            )
    return tuple(problems)


def graph_disagreements(
    head: EmbeddedHead, expected: HeadSource, logits_dtype: str
) -> tuple[str, ...]:
    """In words, the first place where the file's graph is not what the head converts to.

    Names do not matter; operators, attributes, constants and wiring do.

    Args:
        head: the head in the file.
        expected: the head rebuilt from card and form.
        logits_dtype: floating dtype of what it reads.
    """
    if logits_dtype not in LOGITS_DTYPES:
        return (f"the head reads {logits_dtype}, which no head takes",)
    try:
        graph = head_graph(expected, opset=head.opset, logits_dtype=logits_dtype)
    except LogitconfError as error:
        return (f"the card's head cannot be converted at opset {head.opset}: {error}",)
    tuned = frozenset({"temperature", "threshold", *map_buffers(head.metadata.card)})
    constants = {t.name: t for t in graph.initializer}
    ours = _Side(tuple(graph.node), constants, PREFIX, "logits", tuned)
    theirs = _Side(head.nodes, head.initializers, head.prefix, head.tensor, tuned)
    wanted = [value.name for value in graph.output]
    if len(wanted) != len(head.outputs):
        return (f"the head must have the outputs {wanted}, got {list(head.outputs)}",)
    seen: dict[str, str] = {}
    for left, right in zip(wanted, head.outputs, strict=True):
        difference = next(_differences(ours, left, theirs, right, seen), None)
        if difference is not None:
            return (f"the graph is not what its card converts to: {difference}",)
    extra = len(head.nodes) - len(graph.node)
    if extra:
        return (f"the head must have {len(graph.node)} nodes, got {len(head.nodes)}",)
    return ()


@dataclass(frozen=True, slots=True)
class _Side:
    """One of two graphs that are compared, and what its initializers of numbers are called."""

    nodes: Sequence[onnx.NodeProto]
    initializers: Mapping[str, onnx.TensorProto]
    prefix: str
    tensor: str
    numbers: frozenset[str]

    def producer(self, name: str) -> tuple[onnx.NodeProto, int] | None:
        """The node that makes a value, and which of its outputs it is."""
        for node in self.nodes:
            if name in node.output:
                return node, list(node.output).index(name)
        return None


def _differences(
    ours: _Side, left: str, theirs: _Side, right: str, seen: dict[str, str]
) -> Iterator[str]:
    """Walks both graphs up from a pair of values; what matches is walked once."""
    if left in seen:
        if seen[left] != right:
            yield f"'{right}' stands where '{seen[left]}' belongs"
        return
    seen[left] = right
    made, given = ours.producer(left), theirs.producer(right)
    if made is None or given is None:
        if (made is None) != (given is None):
            yield f"'{right}' is {'read' if given is None else 'computed'}, expected the opposite"
        else:
            yield from _leaf_difference(ours, left, theirs, right)
        return
    (node, place), (other, other_place) = made, given
    if _operator(node) != _operator(other) or place != other_place:
        yield f"'{right}' comes from {_spell(other)}, expected {_spell(node)}"
        return
    if len(node.input) != len(other.input):
        yield f"node '{other.name}' has {len(other.input)} inputs, expected {len(node.input)}"
        return
    for mine, yours in zip(node.input, other.input, strict=True):
        yield from _differences(ours, mine, theirs, yours, seen)


def _leaf_difference(ours: _Side, left: str, theirs: _Side, right: str) -> Iterator[str]:
    if left == ours.tensor or right == theirs.tensor:
        if (left == ours.tensor) != (right == theirs.tensor):
            yield f"'{right}' is read where '{left}' belongs; the head reads '{theirs.tensor}'"
    elif not left or not right:  # an optional input that is left out, such as Clip's lower bound
        if left != right:
            yield f"'{right}' is read where '{left}' belongs"
    elif left not in ours.initializers or right not in theirs.initializers:
        yield f"'{right}' is read, but it is no initializer of the head"
    elif left.removeprefix(PREFIX) in ours.numbers:
        if left.removeprefix(PREFIX) != right.removeprefix(theirs.prefix):
            yield f"'{right}' is read where '{left}' belongs"
    else:
        mine = numpy_helper.to_array(ours.initializers[left])
        yours = array_of(theirs.initializers[right])
        same = mine.dtype == yours.dtype and mine.shape == yours.shape
        if not same or mine.tobytes() != yours.tobytes():
            yield f"constant '{right}' is {yours.tolist()}, expected {mine.tolist()}"


def _operator(node: onnx.NodeProto) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    attributes = sorted((a.name, repr(helper.get_attribute_value(a))) for a in node.attribute)
    domain = "" if node.domain in DEFAULT_DOMAINS else node.domain
    return domain, node.op_type, tuple(attributes)


def _spell(node: onnx.NodeProto) -> str:
    _, op, attributes = _operator(node)
    inside = ", ".join(f"{name}={value}" for name, value in attributes)
    return f"{op}({inside})"
