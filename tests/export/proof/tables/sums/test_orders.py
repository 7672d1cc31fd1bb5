"""The order of additions, found by probes, against sums whose order is known."""

from collections.abc import Callable

import numpy as np
import pytest

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables.sums.orders import (
    UnknownOrderError,
    deepest,
    deepest_of_positive,
)


def one_by_one(table: Array) -> Array:
    total = table[:, 0].copy()
    for place in range(1, table.shape[1]):
        total += table[:, place]
    return total


def backwards(table: Array) -> Array:
    return one_by_one(table[:, ::-1])


def by_halves(table: Array) -> Array:
    if table.shape[1] == 1:
        return table[:, 0]
    middle = table.shape[1] // 2
    return by_halves(table[:, :middle]) + by_halves(table[:, middle:])


def with_eight_sums(table: Array) -> Array:
    sums = [one_by_one(table[:, lane::8]) for lane in range(8)]
    return one_by_one(np.stack(sums, axis=1))


@pytest.mark.parametrize(
    ("add", "terms", "depth"),
    [
        (one_by_one, 37, 36),
        (backwards, 37, 36),
        (by_halves, 64, 6),
        (by_halves, 37, 6),
        # seven additions within a sum, and the first two sums pass seven more
        (with_eight_sums, 64, 14),
        (one_by_one, 2, 1),
    ],
)
def test_the_deepest_term_of_a_known_order_is_found(add: object, terms: int, depth: int) -> None:
    assert deepest(add, terms) == depth  # type: ignore[arg-type]


def test_a_long_chain_needs_no_deep_recursion() -> None:
    assert deepest(one_by_one, 1500) == deepest(backwards, 1500) == 1499


def test_what_is_no_sum_of_additions_is_not_taken_for_one() -> None:
    with pytest.raises(UnknownOrderError, match="a sum of 10 terms must be made of additions"):
        deepest(lambda table: one_by_one(table) + 0.5, 10)


def beyond_one(add: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda terms: add(terms.astype(np.float32)).astype(np.float64) - 1.0


@pytest.mark.parametrize(
    ("add", "terms", "depth"),
    [
        (one_by_one, 2, 1),
        (one_by_one, 37, 36),
        (backwards, 37, 36),
        (by_halves, 64, 6),
        (by_halves, 37, 6),
        (with_eight_sums, 64, 14),
        (with_eight_sums, 1000, 131),
    ],
)
def test_the_deepest_of_terms_that_are_positive_is_found(
    add: Callable[[Array], Array], terms: int, depth: int
) -> None:
    assert deepest_of_positive(beyond_one(add), terms) == depth


def test_both_kinds_of_probes_agree_on_random_trees() -> None:
    random = np.random.default_rng(0)
    for terms in random.integers(3, 60, 12).tolist():
        merges = [random.permutation(count)[:2] for count in range(terms, 1, -1)]

        def add(table: Array, merges: list[Array] = merges) -> Array:
            parts = [*table.T]
            for pair in merges:
                first, second = (parts[place] for place in pair)
                parts = [p for place, p in enumerate(parts) if place not in pair]
                parts.append(first + second)
            return np.asarray(parts[0])

        assert deepest_of_positive(beyond_one(add), terms) == deepest(add, terms)


def test_sums_in_double_precision_are_not_taken_for_float32() -> None:
    with pytest.raises(UnknownOrderError, match="a sum of 10 terms must be a float32"):
        deepest_of_positive(lambda terms: one_by_one(terms) - 1.0, 10)


def test_a_chain_too_long_to_tell_its_ends_apart_is_not_guessed() -> None:
    with pytest.raises(UnknownOrderError, match="terms must pass through 1 to 2999 additions"):
        deepest_of_positive(beyond_one(one_by_one), 3000)
