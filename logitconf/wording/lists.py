"""Long lists as people read them: the first few, and how many follow."""

from __future__ import annotations

from collections.abc import Sequence


def joined(names: Sequence[str]) -> str:
    """Names with commas and an "and".

    >>> joined(["energy", "gini", "margin"])
    'energy, gini and margin'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def first_few(items: Sequence[object], most: int = 3) -> str:
    """The first items with commas, and how many more there are.

    >>> first_few([3, 1, 4, 1, 5]), first_few(["a", "b"])
    ('3, 1, 4 and 2 more', 'a, b')
    """
    text = ", ".join(str(item) for item in items[:most])
    rest = len(items) - most
    return f"{text} and {rest:,} more" if rest > 0 else text
