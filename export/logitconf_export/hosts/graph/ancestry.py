"""What the values of a graph are made of."""

from collections.abc import Iterable

from logitconf_export.hosts.graph.scope import Scope, captured


def ancestors(scope: Scope, names: Iterable[str]) -> set[str]:
    """The values that the given ones are made of, themselves included."""
    known = set(names)
    for node in reversed(scope.nodes):
        if known.intersection(node.output):
            known.update(n for n in (*node.input, *captured(node)) if n)
    return known
