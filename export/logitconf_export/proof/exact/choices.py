"""Which values a maximum or minimum was taken of: min-max terms over the classes.

The value of a choice is the largest of its singles and of the smaller one of each of its pairs,
and, where it says so, the smallest of its least. So the largest of all classes has them all as
singles, the second largest has every pair and no single. By the law of absorption a pair adds
nothing beside one of its two as a single.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True, slots=True)
class Choice:
    """A min-max term over classes.

    Attributes:
        singles: classes whose largest value it is, with the pairs; None if it is no such term.
        pairs: two classes each, in order.
        least: classes whose smallest value it is; None if it is no such term.
    """

    singles: frozenset[int] | None
    pairs: frozenset[tuple[int, int]] = frozenset()
    least: frozenset[int] | None = None

    @classmethod
    def of(cls, index: int) -> Choice:
        """One class."""
        alone = frozenset((index,))
        return cls(alone, frozenset(), alone)

    @property
    def index(self) -> int | None:
        """The class that it is; None if there are several."""
        if self.singles is None or self.pairs or len(self.singles) != 1:
            return None
        return next(iter(self.singles))

    def is_largest(self, n_classes: int) -> bool:
        """Whether it is the largest of all."""
        return self.singles is not None and len(self.singles) == n_classes

    def is_second(self, n_classes: int) -> bool:
        """Whether it is the second largest of all, equal to the largest for a tie."""
        every = n_classes * (n_classes - 1) // 2
        return self.singles == frozenset() and len(self.pairs) == every

    def is_smallest(self, n_classes: int) -> bool:
        """Whether it is the smallest of all."""
        return self.least is not None and len(self.least) == n_classes


def largest_of(a: Choice, b: Choice) -> Choice | None:
    """The larger of two, None if that has no such form."""
    if a.singles is None or b.singles is None:
        return None
    singles = a.singles | b.singles
    pairs = frozenset((i, j) for i, j in a.pairs | b.pairs if i not in singles and j not in singles)
    alone = singles if len(singles) == 1 and not pairs else None
    return Choice(singles, pairs, alone)


def smallest_of(a: Choice, b: Choice) -> Choice | None:
    """The smaller of two, None if that has no such form."""
    least = None if a.least is None or b.least is None else a.least | b.least
    if a.singles is None or b.singles is None or a.pairs or b.pairs:
        return None if least is None else Choice(None, frozenset(), least)
    # by distribution: the smaller of two maxima is the largest of the smaller ones of all pairs
    common = a.singles & b.singles
    pairs = frozenset(
        (min(i, j), max(i, j))
        for i, j in product(a.singles, b.singles)
        if i != j and i not in common and j not in common
    )
    return Choice(common, pairs, least)
