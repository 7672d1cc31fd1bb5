"""Normalisations: those of embeddings, and lengths that make probabilities."""

from logitconf_export.hosts.graph.axes import normalised
from logitconf_export.hosts.graph.scope import first_input
from logitconf_export.hosts.graph.shapes import same_shape
from logitconf_export.hosts.meanings import normalised_rows
from logitconf_export.hosts.reader import OperatorRow, Result, Site


def _length_one(site: Site) -> Result | None:
    """LpNormalization with p = 1 of values that are never negative: divided by their own sum."""
    scope, node = site.scope, site.node
    if scope.integer(node, "p", 2) != 1:
        return None
    axis = normalised(scope.integer(node, "axis", -1), scope.fact(site.name).rank)
    return normalised_rows(site, node.input[0], axis)


_OF_EMBEDDINGS = "a normalisation, as embeddings have"

ROWS = (
    OperatorRow(
        name="BatchNormalization", shape=same_shape, follows=first_input, softens=True,
        hint=_OF_EMBEDDINGS,
    ),
    OperatorRow(name="LayerNormalization", shape=same_shape, hint=_OF_EMBEDDINGS),
    OperatorRow(
        name="LpNormalization", inputs=1, shape=same_shape, read=_length_one, hint=_OF_EMBEDDINGS,
    ),
    *(
        OperatorRow(name=name, shape=same_shape)
        for name in ("InstanceNormalization", "GroupNormalization")
    ),
)  # fmt: skip
"""Operators that bring values to a common scale."""
