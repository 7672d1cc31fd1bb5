"""What operators that choose, average, join or branch say of their output."""

from dataclasses import replace

from logitconf_export.hosts.graph.axes import axis_after, normalised
from logitconf_export.hosts.graph.indexing import index_function, index_subgraph
from logitconf_export.hosts.graph.scope import Scope
from logitconf_export.hosts.reader import (
    OperatorKey,
    Pattern,
    Reading,
    Result,
    Site,
    Unread,
)
from logitconf_export.onnx_files.element_types import FLOAT_WORDS

_MOST_JOINED = 64


def _winner(site: Site) -> Result:
    """ArgMax or TopK along the class axis: labels, which tell where the classes are."""
    scope, node = site.scope, site.node
    inner = site.read(node.input[0])
    if isinstance(inner, Unread):
        return inner
    default = 0 if node.op_type == "ArgMax" else -1
    axis = normalised(scope.integer(node, "axis", default), scope.fact(node.input[0]).rank)
    if inner.axis is not None and inner.axis != axis:
        return inner.indirect(f"{node.op_type} runs over axis {axis}").doubted(
            f"but its classes are on axis {inner.axis}"
        )
    if inner.family is None:
        inner = replace(inner, family="categorical")
    return inner.indirect(f"the output is {node.op_type} of it")


def _compared(site: Site) -> Result | None:
    """A comparison with a constant: accepted or positive labels."""
    scope, node = site.scope, site.node
    varying = [n for n in node.input if not scope.is_constant(n)]
    if len(varying) != 1:
        return None
    inner = site.read(varying[0])
    return inner if isinstance(inner, Unread) else inner.indirect("the output compares it")


def _cast(site: Site) -> Result | None:
    """Cast to anything but floats: labels. Casts between floats are passed."""
    scope, node = site.scope, site.node
    if scope.integer(node, "to", 0) in FLOAT_WORDS:
        return None
    inner = site.read(node.input[0])
    return inner if isinstance(inner, Unread) else inner.indirect("the output holds whole numbers")


def _selected(site: Site) -> Result | None:
    """Gather, Slice or Split of probabilities: chosen classes, or chosen positions.

    Chosen classes leave the logits where they are; chosen positions make the chosen part the only
    place with as many rows as the output. A Gather from a constant table is a lookup of labels.
    """
    scope, node, name = site.scope, site.node, site.name
    if node.op_type == "Gather" and scope.is_constant(node.input[0]):
        inner = site.read(node.input[1])
        return inner if isinstance(inner, Unread) else inner.indirect("looked up in a table")
    inner = site.read(node.input[0])
    if isinstance(inner, Unread):
        return inner
    if inner.kind == "logits":
        return None
    rank = scope.fact(node.input[0]).rank
    if node.op_type == "Slice":
        axes = scope.integers(node, "axes", position=3) or []
    else:
        axes = [scope.integer(node, "axis", 0)]
    chosen = {normalised(a, rank) for a in axes}
    if inner.axis is None or not chosen:
        return inner.indirect(f"{node.op_type} takes a part of it").doubted("which is not known")
    if inner.axis in chosen:
        return inner.indirect(f"{node.op_type} takes some of its classes")
    axis = axis_after(scope, node, inner.axis)
    return replace(inner, axis=axis, reason=f"{inner.reason}, of chosen positions").at_value(name)


def _averaged(site: Site) -> Result | None:
    """The mean of probabilities over members or positions: still probabilities, without logits."""
    scope, node, name = site.scope, site.node, site.name
    readings = [site.read(n) for n in node.input[:_MOST_JOINED] if n]
    if node.op_type == "ReduceMean":
        readings = readings[:1]
    first = readings[0]
    if isinstance(first, Unread) or first.kind != "probabilities":
        return None if isinstance(first, Reading) else first
    alike = all(
        isinstance(r, Reading)
        and (r.kind, r.family, r.axis) == (first.kind, first.family, first.axis)
        for r in readings
    )
    axis = axis_after(scope, node, first.axis)
    single = first.family == "bernoulli" and first.n_classes == 1
    if not alike or (axis is None and not single):
        return Unread(f"it is a {node.op_type} over classes or of unlike values")
    if axis == 0 and first.family == "categorical":
        return Unread(f"it is a {node.op_type} over the batch")
    reason = f"mean of several: {first.reason}"
    return replace(first, axis=axis, reason=reason, direct=True).at_value(name)


def _joined(site: Site) -> Result | None:
    """Concat: columns 1 - p and p of one sigmoid, labels, members, or a detector's output."""
    scope, node, name = site.scope, site.node, site.name
    parts = list(node.input)[:_MOST_JOINED]
    axis = normalised(scope.integer(node, "axis", 0), scope.fact(name).rank)
    readings = [site.read(n) for n in parts]
    activated = [r for r in readings if isinstance(r, Reading) and r.kind != "logits"]
    if not activated:
        return Unread("it comes from a Concat, which joins several values")
    if len(activated) < len(parts):
        return Unread("it joins probabilities with other values, as a detector's boxes and classes")
    base = _complemented(scope, parts)
    if base is not None and all(r.tensor == activated[base].tensor for r in activated):
        first = activated[base]
        return replace(first, axis=axis, reason=f"two columns, 1 - p and p, of a {first.reason}")
    first = activated[0]
    alike = all((r.kind, r.family, r.axis) == (first.kind, first.family, first.axis)
                for r in activated)  # fmt: skip
    if alike and first.direct and first.axis not in (None, axis):
        return replace(first, reason=f"several stacked: {first.reason}").at_value(name)
    if not all(_is_column(scope, n, r, axis) for n, r in zip(parts, activated, strict=True)):
        return Unread("it joins the softmax outputs of several heads")
    n_classes = scope.fact(name).size(axis)
    reason = f"several joined: {first.reason}"
    joined = replace(
        first, family="bernoulli", axis=axis, n_classes=n_classes, direct=True, reason=reason
    ).at_value(name)
    return joined.doubted("whether they are labels or positions cannot be told")


def _is_column(scope: Scope, name: str, reading: Reading, axis: int) -> bool:
    """Whether a part stands for itself: a sigmoid, or one column taken from a classifier."""
    if reading.kind != "probabilities":
        return False
    return reading.family == "bernoulli" or (
        not reading.direct and scope.fact(name).size(axis) == 1
    )


def _complemented(scope: Scope, parts: list[str]) -> int | None:
    """The place of p among two values of which the other is 1 - p; None if they are not."""
    if len(parts) != 2:
        return None
    for place, (one, other) in enumerate((parts, parts[::-1])):
        node = scope.standard(other)
        subtracted = node is not None and node.op_type == "Sub"
        if node is not None and subtracted and node.input[1] == one:
            return place if scope.scalar(node.input[0]) == 1.0 else None
    return None


def _branched(site: Site) -> Result:
    """If: both branches must say the same; values inside a branch cannot be tapped."""
    scope, node, name = site.scope, site.node, site.name
    place = list(node.output).index(name)
    readings: list[Reading] = []
    for attribute in node.attribute:
        if attribute.name not in ("then_branch", "else_branch"):
            continue
        site.reader.steps -= len(attribute.g.node)
        body = index_subgraph(attribute.g, scope)
        if place >= len(body.outputs) or site.reader.steps < 0:
            return Unread("it comes from an If whose branches cannot be read")
        result = site.reader.read(body, body.outputs[place], site.depth + 1)
        if isinstance(result, Unread):
            return Unread(f"it comes from an If whose branch cannot be read: {result.reason}")
        outside = result.tensor is not None and scope.owner(result.tensor) is not None
        inner = result.tensor in body.producers
        readings.append(result if outside and not inner else result.at_value(None))
    if len(readings) != 2:
        return Unread("it comes from an If without two branches")
    first, second = readings
    if (first.kind, first.family) != (second.kind, second.family):
        return Unread("it comes from an If whose branches mean different things")
    rank = scope.fact(name).rank
    axis = first.axis if first.axis == second.axis else None
    n_classes = first.n_classes if first.n_classes == second.n_classes else None
    joined = replace(
        first,
        axis=axis,
        n_classes=n_classes,
        certain=first.certain and second.certain,
        direct=first.direct and second.direct,
    )
    if rank is not None and axis is not None:
        joined = replace(joined, axis=normalised(axis, rank))
    if first.tensor is not None and first.tensor == second.tensor:
        return replace(joined, reason=f"both branches of an If give: {first.reason}")
    reason = f"an If, whose branches cannot be tapped, gives: {first.reason}"
    return replace(joined, reason=reason).at_value(name)


def _called(site: Site) -> Result:
    """A model-local function: its inputs can be tapped, the values inside cannot."""
    scope, node, name = site.scope, site.node, site.name
    function = site.reader.functions["" if node.domain == "ai.onnx" else node.domain, node.op_type]
    site.reader.steps -= len(function.node)
    body = index_function(function, node, scope)
    place = list(node.output).index(name)
    if place >= len(body.outputs) or site.reader.steps < 0:
        return Unread(f"it comes from the function {node.op_type[:60]!r}, which cannot be read")
    result = site.reader.read(body, body.outputs[place], site.depth + 1)
    if isinstance(result, Unread):
        return Unread(f"in the function {node.op_type[:60]!r}, {result.reason}")
    outer = dict(zip(function.input, node.input, strict=False))
    reason = f"{result.reason} in the function {node.op_type[:60]!r}"
    if result.tensor is not None and outer.get(result.tensor):
        return replace(result, tensor=outer[result.tensor], reason=reason)
    return replace(result, reason=reason).at_value(name)


def _looped(site: Site) -> Result:
    """Loop, Scan and sequences: made anew in every round, with nothing to tap outside."""
    node = site.node
    return Unread(f"it is made inside a {node.op_type}, whose body cannot be tapped from outside")


BODY_PATTERNS: dict[OperatorKey, Pattern] = {
    ("", "ArgMax"): _winner,
    ("", "TopK"): _winner,
    **{("", op): _compared for op in ("Greater", "GreaterOrEqual", "Less", "LessOrEqual")},
    ("", "Cast"): _cast,
    **{("", op): _selected for op in ("Gather", "Slice", "Split")},
    ("", "ReduceMean"): _averaged,
    ("", "Mean"): _averaged,
    ("", "Concat"): _joined,
    ("", "If"): _branched,
    ("", "function"): _called,
    **{("", op): _looped for op in ("Loop", "Scan", "SequenceMap")},
}
"""Operators that choose, average, join or branch."""
