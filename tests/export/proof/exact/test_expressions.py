"""Expressions that are equal have a difference of 0, and others have not."""

from fractions import Fraction

import pytest

from logitconf_export.proof.exact.expressions import (
    Expression,
    NoNormalFormError,
    exponential,
    is_zero,
    logarithm,
    never_negative,
    number,
    of_class,
    power,
    row,
    size,
    sum_over_classes,
)

X, M = of_class("below"), row("largest")
B = Fraction(2, 3)


def softmax_of_shifted() -> Expression:
    return power(sum_over_classes(exponential(X * number(B)), 10), -1)


def entropy_by_probabilities() -> Expression:
    total = sum_over_classes(exponential((M + X) * number(B)), 10)
    p = exponential((M + X) * number(B)) * power(total, -1)
    return -sum_over_classes(p * logarithm(p), 10)


def entropy_by_moments() -> Expression:
    terms = exponential(X * number(B))
    total = sum_over_classes(terms, 10)
    moment = sum_over_classes(terms * X * number(B), 10)
    return logarithm(total) - moment * power(total, -1)


def test_the_entropy_of_probabilities_is_that_of_moments() -> None:
    assert is_zero(entropy_by_probabilities() - entropy_by_moments())


def test_the_largest_probability_is_one_over_the_sum() -> None:
    largest = exponential(M * number(B))
    total = sum_over_classes(exponential((M + X) * number(B)), 10)
    assert is_zero(largest * power(total, -1) - softmax_of_shifted())


def test_the_sum_of_both_probabilities_of_a_pair_is_one() -> None:
    odds = exponential(-size(row("logit")))
    both = power(number(1) + odds, -1)
    assert is_zero(both + odds * both - number(1))


@pytest.mark.parametrize(
    "other",
    [
        power(sum_over_classes(exponential(X * number(B + Fraction(1, 2**40))), 10), -1),
        power(sum_over_classes(exponential(X * number(B)), 10), -1) * number(2),
        power(sum_over_classes(exponential(X * number(B)), 10) + number(1), -1),
        power(sum_over_classes(exponential(X * number(B)) * X, 10), -1),
        -softmax_of_shifted(),
    ],
    ids=["temperature", "factor", "one more", "moment", "sign"],
)
def test_another_expression_is_not_equal(other: Expression) -> None:
    assert not is_zero(other - softmax_of_shifted())


def test_the_size_of_a_negative_multiple_is_the_multiple_of_the_size() -> None:
    assert size(X * number(-3)) == size(X) * number(3)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (exponential(X * number(B)), True),
        (sum_over_classes(exponential(X), 10) * exponential(M), True),
        (power(sum_over_classes(exponential(X), 10), -1) + number(2), True),
        (exponential(X) - exponential(M), False),
        (exponential(X) * X, False),
        (sum_over_classes(exponential(X) * X, 10), False),
        (logarithm(sum_over_classes(exponential(X), 10)), False),
        (M, False),
    ],
)
def test_sums_of_exponentials_are_never_negative(x: Expression, expected: bool) -> None:
    assert never_negative(x) == expected


def test_a_large_power_is_one_of_an_exponential_or_none() -> None:
    large = Fraction(10**30)
    assert power(exponential(X), large) == exponential(X * number(large))
    with pytest.raises(NoNormalFormError, match="too many factors"):
        power(X + number(1), large)
