"""What a softmax, a sigmoid or rows divided by their own sum mean, however they are written."""

from logitconf_export.hosts.graph.axes import normalised
from logitconf_export.hosts.graph.scope import Scope
from logitconf_export.hosts.linear_layers import linear_source
from logitconf_export.hosts.reader import Kind, Reading, Result, Site, Unread
from logitconf_export.hosts.softmax_parts import unshifted


def categorical(scope: Scope, logits: str, axis: int, *, kind: Kind, reason: str) -> Result:
    """The reading of a softmax of ``logits`` along one axis, however it is written.

    Cases: one column is always 1.0 and refused; axis 0 of two axes is the batch and refused; an
    axis other than the classes of the last layer, an input that is a probability already, and
    classes that the graph does not count, are doubted.
    """
    facts = scope.fact(logits)
    source = linear_source(scope, logits)
    axis = normalised(axis, facts.rank)
    if facts.rank is not None and not 0 <= axis < facts.rank:
        return Unread(f"{reason} runs over axis {axis} of {facts.rank} axes")
    n_classes = facts.size(axis)
    if n_classes is None and source is not None and source.axis == axis:
        n_classes = source.n_classes
    if n_classes == 1:
        return Unread(f"{reason} runs over one column, which is always 1.0")
    if axis == 0 and facts.rank == 2 and facts.size(0) is None:
        return Unread(f"{reason} runs over axis 0 of two, which is the batch")
    reading = Reading(kind, "categorical", axis, n_classes, logits, "logits", axis, True, reason)
    if axis == 0 and facts.rank is not None:
        reading = reading.doubted("it runs over axis 0, so the model has no batch axis there")
    other = source.axis if source is not None else None
    if source is not None and other is not None and other != axis and (other < 0) == (axis < 0):
        reading = reading.doubted(
            f"it runs over axis {axis}, but the {source.operator} before it has its outputs on "
            f"axis {other}, so this may be time or attention"
        )
    elif source is None and n_classes is None:
        reading = reading.doubted("the graph does not say how many classes there are")
    return _doubted_behind_activation(scope, logits, reading)


def bernoulli(scope: Scope, logits: str, *, kind: Kind, reason: str) -> Reading:
    """The reading of a sigmoid of ``logits``, however it is written.

    Cases: one axis or a dropped class axis is one logit a position; the axis of the last layer's
    outputs holds the labels; without a layer in sight, axis 1 of two; else the axis is unknown.
    """
    facts = scope.fact(logits)
    source = linear_source(scope, logits)
    axis: int | None
    n_classes: int | None
    if facts.rank == 1 or (source is not None and source.axis is None and source.n_classes == 1):
        axis, n_classes = facts.rank, 1
    elif source is not None and source.axis is not None:
        axis = source.axis
        size = facts.size(axis)
        n_classes = size if size is not None else source.n_classes
    elif facts.rank == 2:
        axis, n_classes = 1, facts.size(1)
    else:
        axis, n_classes = None, None
    reading = Reading(kind, "bernoulli", axis, n_classes, logits, "logits", axis, True, reason)
    if axis is None:
        reading = reading.doubted("which axis holds the labels cannot be told")
    elif n_classes is None and source is None:
        reading = reading.doubted("the graph does not say how many labels there are")
    return _doubted_behind_activation(scope, logits, reading)


def _doubted_behind_activation(scope: Scope, logits: str, reading: Reading) -> Reading:
    producer = scope.standard(logits)
    if producer is not None and scope.operators.row(producer).activation:
        return reading.doubted(f"its input is a {producer.op_type} already")
    return reading


def normalised_rows(site: Site, upper: str, axis: int) -> Result:
    """Rows over their own sum: a softmax if they are exponentials, probabilities in any case."""
    scope, name = site.scope, site.name
    producer = scope.standard(upper)
    if producer is not None and producer.op_type == "Exp":
        logits, how = unshifted(scope, producer.input[0], axis)
        reason = f"softmax written as Exp, ReduceSum and {how}"
        return categorical(scope, logits, axis, kind="probabilities", reason=reason)
    inner = site.read(upper)
    n_classes = scope.fact(name).size(axis)
    reading = Reading(
        "probabilities", "categorical", axis, n_classes, name, "probabilities", axis, True,
        "rows divided by their own sum",
    )  # fmt: skip
    if n_classes == 1:
        return Unread("one column divided by itself is always 1.0")
    if isinstance(inner, Unread) or inner.kind != "probabilities":
        return reading.doubted("whether they are never negative cannot be told")
    return reading
