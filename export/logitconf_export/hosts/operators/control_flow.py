"""Branches, loops and calls of model-local functions."""

from dataclasses import replace

from logitconf_export.hosts.graph.axes import normalised
from logitconf_export.hosts.graph.indexing import index_function, index_subgraph
from logitconf_export.hosts.graph.scope import plain_domain
from logitconf_export.hosts.reader import OperatorRow, Reading, Result, Site, Unread


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


def read_call(site: Site) -> Result:
    """A model-local function: its inputs can be tapped, the values inside cannot."""
    scope, node, name = site.scope, site.node, site.name
    function = site.reader.functions[plain_domain(node.domain), node.op_type]
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


ROWS = (
    OperatorRow(name="If", switches=True, read=_branched),
    *(
        OperatorRow(
            name=name, switches=True, read=_looped,
            hint="whose body cannot be tapped from outside",
        )
        for name in ("Loop", "Scan", "SequenceMap")
    ),
)  # fmt: skip
"""Operators with bodies of their own."""
