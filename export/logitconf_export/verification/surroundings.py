"""What stands around the heads of a host: what they read, and what else could pass for a decision.

Nothing is run here. The host is read without its heads, so that no card can say what it shows.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import permutations

import onnx

from logitconf.errors import LogitconfError
from logitconf_export.attachment.recognition import drop
from logitconf_export.attachment.sklearn_hosts import SOURCE_PREFIX
from logitconf_export.heads.metadata import Attachment, HeadMetadata, HeadsMetadata
from logitconf_export.hosts.graph.ancestry import ancestors
from logitconf_export.hosts.graph.indexing import index_model
from logitconf_export.hosts.judging import Judgement, judged_by
from logitconf_export.hosts.operators.table import OPERATORS
from logitconf_export.onnx_files.loading import DEFAULT_DOMAINS, scopes_below
from logitconf_export.verification.report import Check

JUDGED = "the head reads what its output shows"
INPUTS_AND_OUTPUTS = "inputs and outputs are the card's"
NOTHING_BEHIND = "nothing lies between the head and its outputs"
ONE_HEAD = "no other head is there"
NO_DECOY = "no other output looks like a decision"
NAMED_AFTER = "the outputs are named after what they judge"
OTHERS = "the host's other outputs"

_HEAD_NAME = re.compile(r"logitconf\d*/")
_VERDICTS = {"agrees": True, "contradicts": False, "uncertain": None}
_MOST_OUTPUTS = 32
"""Outputs beyond these are not read one by one; real hosts have fewer."""


def prefixes_of(several: HeadsMetadata) -> tuple[str, ...]:
    """The prefixes of all heads, and of their joint decision."""
    prefixes = [head.prefix for head in several.heads]
    return tuple(prefixes if several.joint is None else [*prefixes, several.joint.prefix])


def listed(names: Iterable[str]) -> str:
    """The first five names in quotes, and how many there are besides."""
    unique = list(dict.fromkeys(name[:80] for name in names))
    more = f" and {len(unique) - 5} more" if len(unique) > 5 else ""
    return ", ".join(f"'{name}'" for name in unique[:5]) + more


def checks_around(model: onnx.ModelProto, several: HeadsMetadata) -> list[Check]:
    """Whether each head judges what it says, and no output but theirs passes for a decision.

    Args:
        model: the whole file.
        several: what it says of its heads.
    """
    places = [head.attached for head in several.heads if head.attached is not None]
    if not places:
        return [_alone(model, several.heads[0])]
    host = _without_heads(model, several)
    own = tuple(value.name for value in host.graph.output)
    findings = {
        NOTHING_BEHIND: _readers(model, host, several),
        ONE_HEAD: _unlisted(model, host, several, places),
        NO_DECOY: _decoy(model, own, places, several),
        NAMED_AFTER: _misnamed(places),
    }
    checks = [Check(name, not wrong, wrong) for name, wrong in findings.items()]
    judged: set[str] = set()
    for head, place in zip(several.heads, places, strict=True):
        name = f"{place.output}: " if len(places) > 1 else ""
        try:
            judgement = _judgement(host, head, place)
            judged |= {place.output, *_shown_too(host, place, own)}
        except LogitconfError as error:
            judgement = Judgement("contradicts", f"the host cannot be read: {error}")
        detail = judgement.reason if judgement.verdict != "agrees" else ""
        checks.append(Check(f"{name}{JUDGED}", _VERDICTS[judgement.verdict], detail))
    others = [name for name in own if name not in judged]
    if others:
        checks.append(Check(OTHERS, None, f"what {listed(others)} show is judged by no head"))
    return checks


def _without_heads(model: onnx.ModelProto, several: HeadsMetadata) -> onnx.ModelProto:
    """The host without what the metadata list, to the letter; ``detach`` follows other tools."""
    host = onnx.ModelProto()
    host.CopyFrom(model)
    prefixes, names = prefixes_of(several), _head_outputs(several)
    graph = host.graph
    drop(graph.node, [_is_heads(node, prefixes, names) for node in graph.node])
    drop(graph.initializer, [t.name.startswith(prefixes) for t in graph.initializer])
    drop(graph.output, [value.name in names for value in graph.output])
    for values in (graph.input, graph.value_info):
        drop(values, [value.name.startswith(prefixes) for value in values])
    return host


def _head_outputs(several: HeadsMetadata) -> set[str]:
    names = {name for head in several.heads for name in head.outputs}
    return names if several.joint is None else names | set(several.joint.outputs)


def _is_heads(node: onnx.NodeProto, prefixes: tuple[str, ...], names: set[str]) -> bool:
    return node.name.startswith(prefixes) or bool(names & set(node.output))


def _alone(model: onnx.ModelProto, head: HeadMetadata) -> Check:
    """A head that stands alone takes logits and gives what its card says, and nothing else."""
    wanted = head.outputs
    defaults = {tensor.name for tensor in model.graph.initializer}
    inputs = [value.name for value in model.graph.input if value.name not in defaults]
    outputs = [value.name for value in model.graph.output]
    if inputs == ["logits"] and sorted(outputs) == sorted(wanted):
        return Check(INPUTS_AND_OUTPUTS, True)
    detail = f"logits to {list(wanted)} were expected, got {inputs} to {outputs}"
    return Check(INPUTS_AND_OUTPUTS, False, detail)


def _judgement(host: onnx.ModelProto, head: HeadMetadata, place: Attachment) -> Judgement:
    """What an independent reading of the host says of the tensor that the head reads."""
    shown = {value.name for value in host.graph.output}
    if place.output == place.tensor and place.tensor not in shown:
        return _unshown(host, place.tensor, shown)
    judged = judged_by(
        host,
        place.tensor,
        place.output,
        kind=head.form.kind,
        task=head.card.task,
        class_axis=head.form.class_axis,
    )
    counts = (judged.n_classes, head.form.n_classes)
    if judged.verdict == "agrees" and None not in counts and counts[0] != counts[1]:
        reason = f"'{place.tensor[:80]}' has {counts[0]} classes, the head {counts[1]}"
        return Judgement("contradicts", reason)
    return judged


def _unshown(host: onnx.ModelProto, tensor: str, shown: set[str]) -> Judgement:
    """Of an inner value that the user named: it must have a part in what the host gives.

    The calibration that another library fitted is computed for the head alone, from such a value.
    """
    needed = ancestors(index_model(host, OPERATORS), shown)
    if tensor in needed:
        return Judgement("uncertain", f"'{tensor[:80]}' is a value that no output shows")
    numbers = {number.name for number in host.graph.initializer}
    made = {name: node for node in host.graph.node for name in node.output}
    bases, pending = set(), [tensor]
    while pending:
        name = pending.pop()
        if name.startswith(SOURCE_PREFIX) and name in made:
            pending += [value for value in made[name].input if value not in numbers]
        else:
            bases.add(name)
    if len(bases) == 1 and bases <= needed:
        reason = f"'{tensor[:80]}' is computed for the head alone, from {listed(bases)}"
        return Judgement("uncertain", reason)
    return Judgement("contradicts", f"'{tensor[:80]}' leads to no output of the host")


def _shown_too(host: onnx.ModelProto, place: Attachment, own: tuple[str, ...]) -> Iterator[str]:
    """The other outputs that show the same logits, such as labels beside probabilities."""
    for name in own[:_MOST_OUTPUTS]:
        if name != place.output and judged_by(host, place.tensor, name).verdict == "agrees":
            yield name


def _readers(model: onnx.ModelProto, host: onnx.ModelProto, several: HeadsMetadata) -> str:
    """Nodes of the host that read what a head computes."""
    prefixes, names = prefixes_of(several), _head_outputs(several)
    readers = [
        node.name or node.op_type
        for scope in scopes_below([host.graph])
        for node in scope.node
        if any(name in names or name.startswith(prefixes) for name in node.input)
    ]
    if readers:
        return f"{listed(readers)} of the host read what the head computes"
    made = {name: node for node in model.graph.node for name in node.output}
    foreign = [
        name
        for name in names
        if name in made
        and not made[name].name.startswith(prefixes)
        and made[name].name not in names
    ]
    return f"{listed(foreign)} come from nodes that are not the head's" if foreign else ""


def _unlisted(
    model: onnx.ModelProto,
    host: onnx.ModelProto,
    several: HeadsMetadata,
    places: Iterable[Attachment],
) -> str:
    """Heads that no metadata list: by their names, or by a graph that is a listed head's."""
    prefixes = prefixes_of(several)
    named = [
        node.name
        for scope in scopes_below([host.graph])
        for node in scope.node
        if any(_HEAD_NAME.match(name) for name in (node.name, *node.output))
    ]
    named = [name for name in named if not name.startswith(prefixes)]
    if named:
        return f"{listed(named)} belong to a head that the metadata do not list"
    own = {value.name for value in host.graph.output}
    alike = []
    for place in places:
        whole = _Shapes(model, place.tensor)
        decision = whole.of(place.mask)
        alike += [name for name in own if whole.of(name) == decision]
    return f"{listed(alike)} are computed as a head computes" if alike else ""


class _Shapes:
    """Graphs above values, as numbers that are equal where the operators and wiring are."""

    def __init__(self, model: onnx.ModelProto, tensor: str) -> None:
        self._made = {name: node for node in model.graph.node for name in node.output if name}
        self._numbers: dict[object, int] = {}
        self._known: dict[str, int] = {tensor: self._number("what the head reads")}

    def of(self, name: str) -> int:
        """The number of the graph above a value; constants count as alike."""
        pending = [name]
        while pending:
            current = pending[-1]
            node = self._made.get(current)
            if current in self._known:
                pending.pop()
                continue
            if node is None:
                self._known[current] = self._number("a number or an input")
                continue
            left = [value for value in node.input if value and value not in self._known]
            if left and not any(value in pending for value in left):
                pending += left
                continue
            domain = "" if node.domain in DEFAULT_DOMAINS else node.domain
            above = tuple(self._known.get(value, -1) for value in node.input)
            place = list(node.output).index(current)
            self._known[current] = self._number((domain, node.op_type, place, above))
        return self._known[name]

    def _number(self, key: object) -> int:
        return self._numbers.setdefault(key, len(self._numbers))


def _decoy(
    model: onnx.ModelProto,
    own: tuple[str, ...],
    places: Iterable[Attachment],
    several: HeadsMetadata,
) -> str:
    """An output of the host under a name that a caller would take for the head's decision."""
    declared = {value.name: value.type.tensor_type for value in model.graph.output}
    pairs = [(place.mask, word) for place in places for word in ("mask", f"mask_{place.output}")]
    if several.joint is not None:
        pairs = [(several.joint.mask, "mask")]
    for mask, word in pairs:
        if word == mask or word not in own or mask not in declared:
            continue
        real, other = declared[mask], declared[word]
        same_rank = len(real.shape.dim) == len(other.shape.dim)
        if same_rank and other.elem_type in (onnx.TensorProto.BOOL, real.elem_type):
            return f"'{word}' is the host's own, and the decision of the head is '{mask}'"
    return ""


def _misnamed(places: Iterable[Attachment]) -> str:
    """An output of one head under the name that belongs to another's, or two under one name."""
    for left, right in permutations(places, 2):
        for word, name in left.names.items():
            if name == f"{word}_{right.output}" and left.output != right.output:
                return f"'{name}' is of the head that judges '{left.output}'"
        if set(left.outputs) & set(right.outputs) or left.prefix == right.prefix:
            return f"two heads share the names of '{left.output}'"
    return ""
