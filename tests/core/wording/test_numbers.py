"""Numbers as people read them: few digits, and no share that looks certain but is not."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logitconf.wording.numbers import counted, percent, percent_at_most, short

SHARES = st.floats(min_value=0.0, max_value=1.0)
FLOATS = st.floats(min_value=-1e300, max_value=1e300)


def value_of(text: str) -> float:
    return float(text.replace("−", "-").replace(" %", ""))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (-0.699999988079071, "−0.70"),
        (0.701, "0.701"),
        (-3.7264, "−3.726"),
        (3.7, "3.70"),
        (15.0, "15"),
        (15.25, "15.25"),
        (123456.7, "123457"),
        (12345678.0, "1.235e7"),
        (0.00012344, "0.0001234"),
        (0.5, "0.50"),
        (1.0, "1"),
        (0.0, "0"),
        (-0.0, "0"),
        (0.99994, "0.99994"),
        (0.9999999, "0.9999999"),
        (-3.4028234663852886e38, "−3.403e38"),
        (2.5e-7, "2.5e-7"),
        (math.inf, "infinity"),
        (-math.inf, "−infinity"),
        (math.nan, "NaN"),
    ],
)
def test_numbers_have_few_digits_and_two_decimals_where_they_have_any(
    number: float, text: str
) -> None:
    assert short(number) == text


@given(FLOATS)
def test_short_numbers_are_near_what_they_stand_for(number: float) -> None:
    assert value_of(short(number)) == pytest.approx(number, rel=5.1e-4, abs=0.0)


@given(st.floats(min_value=0.0, max_value=1.0, exclude_min=True, exclude_max=True))
def test_what_lies_between_zero_and_one_is_never_shown_as_one_of_them(share: float) -> None:
    assert 0.0 < value_of(short(share)) < 1.0 or 1.0 - share < 1e-15
    assert percent(share) not in ("0 %", "100 %")
    assert percent_at_most(share) != "0 %"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.3, "30 %"),
        (0.091, "9.1 %"),
        (0.95, "95 %"),
        (0.999, "99.9 %"),
        (0.9993, "99.93 %"),
        (0.88119, "88.1 %"),
        (0.00012345, "0.012 %"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (1e-7, "under 0.0001 %"),
        (1.0 - 1e-9, "above 99.9999 %"),
        (1.5, "150 %"),
        (-0.02, "−2 %"),
    ],
)
def test_shares_keep_two_digits_of_the_rarer_side(share: float, text: str) -> None:
    assert percent(share) == text


@given(SHARES)
def test_a_bound_is_rounded_up_so_that_what_is_shown_is_a_bound_too(share: float) -> None:
    text = percent_at_most(share)
    shown = value_of(text.replace("under ", "").replace("above ", ""))
    if "above" not in text:
        assert shown >= 100.0 * share * (1.0 - 1e-9)
    assert shown <= 100.0 * share * 1.11 + 2e-4


def test_bounds_that_are_short_already_stay_as_they_are() -> None:
    assert [percent_at_most(x) for x in (0.07, 0.1, 0.29, 0.0911)] == [
        "7 %",
        "10 %",
        "29 %",
        "9.2 %",
    ]


def test_counts_have_their_noun_in_the_right_number() -> None:
    assert [counted(n, "class", "classes") for n in (0, 1, 1234)] == [
        "0 classes",
        "1 class",
        "1,234 classes",
    ]
