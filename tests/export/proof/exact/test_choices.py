"""Terms of minima and maxima: first, second and last of the classes, however they are found."""

import itertools
from functools import reduce

from logitconf_export.proof.exact.choices import Choice, largest_of, smallest_of


def value(choice: Choice, row: list[int]) -> int:
    if choice.singles is None:
        assert choice.least is not None
        return min(row[i] for i in choice.least)
    singles = [row[i] for i in choice.singles]
    return max([*singles, *(min(row[i], row[j]) for i, j in choice.pairs)])


def tournament(n: int) -> tuple[Choice, Choice]:
    """The two largest, as heads for few classes find them."""
    first, second = Choice.of(0), None
    for other in map(Choice.of, range(1, n)):
        loser = smallest_of(first, other)
        second = loser if second is None else largest_of(loser, second)  # type: ignore[arg-type]
        first = largest_of(first, other)  # type: ignore[assignment]
    assert second is not None
    return first, second


def test_a_tournament_finds_the_two_largest() -> None:
    first, second = tournament(5)
    assert first.is_largest(5)
    assert second.is_second(5)
    for row in itertools.product(range(3), repeat=5):
        assert [value(first, list(row)), value(second, list(row))] == sorted(row)[:-3:-1]


def test_a_tournament_that_leaves_a_class_out_is_not_the_second() -> None:
    _, second = tournament(4)
    assert not second.is_second(5)


def test_the_smallest_of_all_is_the_last() -> None:
    last = reduce(lambda a, b: smallest_of(a, b) or a, map(Choice.of, range(6)))
    assert last.is_smallest(6)
    assert not last.is_smallest(7)
