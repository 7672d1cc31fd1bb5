"""Terms of minima and maxima: first, second and last of the classes, however they are found."""

import itertools
from functools import reduce

import pytest

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


def halved_tournament(n: int) -> tuple[Choice, Choice]:
    """The same where each class of one half meets one of the other first."""
    half = n // 2
    met = [(Choice.of(i), Choice.of(i + half)) for i in range(half)]
    lost = [smallest_of(a, b) for a, b in met]
    alive = [largest_of(a, b) for a, b in met] + [Choice.of(i) for i in range(2 * half, n)]
    first = alive[0]
    for other in alive[1:]:
        assert first is not None
        assert other is not None
        lost.append(smallest_of(first, other))
        first = largest_of(first, other)
    second = reduce(largest_of, lost)  # type: ignore[arg-type]
    assert first is not None
    assert second is not None
    return first, second


@pytest.mark.parametrize("n", [4, 5, 6])
def test_so_does_one_whose_halves_meet_first(n: int) -> None:
    first, second = halved_tournament(n)
    assert first.is_largest(n)
    assert second.is_second(n)
    for row in itertools.product(range(3), repeat=n):
        assert [value(first, list(row)), value(second, list(row))] == sorted(row)[:-3:-1]


def test_a_tournament_that_leaves_a_class_out_is_not_the_second() -> None:
    _, second = tournament(4)
    assert not second.is_second(5)


def test_the_smallest_of_all_is_the_last() -> None:
    last = reduce(lambda a, b: smallest_of(a, b) or a, map(Choice.of, range(6)))
    assert last.is_smallest(6)
    assert not last.is_smallest(7)
