"""JSON from outside: exact numbers, each key once, and a sentence for all else."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logitconf.errors import LogitconfError
from logitconf.typed_json import (
    LARGEST_INTEGER,
    MOST_BYTES,
    MOST_DEPTH,
    check_count,
    check_number,
    check_text,
    json_values,
    parse_json,
    read_json,
    shown,
    value_of,
)

WHAT = "a card"


@dataclass(frozen=True, slots=True)
class Inner:
    """A part."""

    count: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Outer:
    """A whole."""

    share: float
    parts: Inner | None
    numbers: tuple[float, ...] = ()
    free: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        check_number(self.share, "share", 0.0, 1.0)


@settings(derandomize=True, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_exact(number: float) -> None:
    read = parse_json(f"{number!r}", WHAT)
    assert isinstance(read, float)
    assert math.copysign(1.0, read) == math.copysign(1.0, number)
    assert read == number


TEXTS: Mapping[str, tuple[str | bytes, str]] = {
    "nothing": ("", "a card must be JSON: Expecting value"),
    "half": ('{"a": ', "must be JSON: Expecting value"),
    "not UTF-8": (b'{"a": "\xff"}', "must be JSON: 'utf-8' codec"),
    "NaN": ('{"a": NaN}', "every number must be finite, got NaN"),
    "infinity": ("[-Infinity]", "every number must be finite, got -Infinity"),
    "beyond floats": ("[1e999]", "every number must be finite, got '1e999'"),
    "a key twice": ('{"a": 1, "b": 2, "a": 1}', "each key must stand once, got 'a' twice"),
    "a key twice below": ('[{"b": {"a": 1, "a": 2}}]', "got 'a' twice"),
    "escaped twice": (r'{"a": 1, "\u0061": 1}', "got 'a' twice"),
    "many digits": ("1" * 5000, "at most 128 bits, got more"),
    "too deep": ("[" * 100_000, f"nested at most {MOST_DEPTH} deep"),
    "too long": (" " * MOST_BYTES + "1", f"at most {MOST_BYTES} bytes"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_other_texts_are_refused_with_a_sentence(name: str) -> None:
    text, words = TEXTS[name]
    with pytest.raises(LogitconfError, match=words) as refusal:
        parse_json(text, WHAT)
    assert str(refusal.value).startswith(WHAT)
    assert len(str(refusal.value)) < 300


def test_the_longest_text_is_read() -> None:
    assert parse_json(" " * (MOST_BYTES - 1) + "1", WHAT) == 1


def test_a_file_is_read_no_further_than_its_limit() -> None:
    with pytest.raises(LogitconfError, match=f"/dev/zero: a card must have at most {MOST_BYTES}"):
        read_json(Path("/dev/zero"), WHAT)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(LogitconfError, match="must be a card in JSON, but it is a folder"):
        read_json(tmp_path, WHAT)


def test_values_become_frozen_types_and_values_again() -> None:
    values = {"share": 1, "parts": {"count": 3}, "numbers": [1, 2.5], "free": {"x": [1]}}
    made = value_of(Outer, values, WHAT)
    assert made == Outer(1.0, Inner(3), (1.0, 2.5), {"x": [1]})
    assert isinstance(made.share, float)
    assert json_values(made) == {
        "share": 1.0,
        "parts": {"count": 3},
        "numbers": (1.0, 2.5),
        "free": {"x": [1]},
    }
    assert json_values(Outer(0.5, None)) == {"share": 0.5, "parts": None, "numbers": ()}


def nested(depth: int) -> Any:
    return [] if not depth else [nested(depth - 1)]


VALUES: Mapping[str, tuple[Any, str]] = {
    "a list": ([], r"a card must be an object, got \[\]"),
    "a missing key": ({"share": 1}, r"keys \['parts', 'share'\], got no \['parts'\]"),
    "another key": ({"share": 1, "parts": None, "b": 2}, r"no other keys .* got \['b'\] too"),
    "another key below": (
        {"share": 1, "parts": {"count": 1, "b": 2}},
        r"'parts' in a card must have no other keys than .* got \['b'\] too",
    ),
    "a part that is none": ({"share": 1, "parts": 5}, "'parts' in a card must be an object, got 5"),
    "a text": ({"share": "1", "parts": None}, "'share' in a card must be a number, got a text"),
    "true": ({"share": True, "parts": None}, "'share' .* must be a number, got true or false"),
    "a fraction": (
        {"share": 1, "parts": {"count": 1.0}},
        r"'parts\.count' in a card must be a whole number, got a number",
    ),
    "a range": ({"share": 2, "parts": None}, r"'share' must be a finite number in \[0, 1\], got 2"),
    "NaN": ({"share": math.nan, "parts": None}, "finite numbers, got nan"),
    "infinity in what is free": (
        {"share": 1, "parts": None, "free": {"a": [math.inf]}},
        "finite numbers, got inf",
    ),
    "a key that is no text": ({"share": 1, "parts": None, 3: 4}, "texts as keys, got 3"),
    "a wide integer": (
        {"share": 1, "parts": None, "free": {"a": LARGEST_INTEGER + 1}},
        "at most 128 bits",
    ),
    "a wide integer for a number": ({"share": 2**128 - 1, "parts": None}, "finite number in"),
    "what JSON has not": ({"share": 1, "parts": None, "free": {"a": {1}}}, "as JSON has them"),
    "too deep": ({"share": 1, "parts": None, "free": {"a": nested(MOST_DEPTH)}}, "at most 12 deep"),
    "half a character": ({"share": 1, "parts": {"count": 1, "note": "\udc00"}}, "texts of Unicode"),
}


@pytest.mark.parametrize("name", VALUES)
def test_other_values_are_refused_with_a_sentence(name: str) -> None:
    values, words = VALUES[name]
    with pytest.raises(LogitconfError, match=words):
        value_of(Outer, values, WHAT)


def test_a_value_that_holds_itself_is_too_deep() -> None:
    free: dict[str, Any] = {}
    free["a"] = free
    with pytest.raises(LogitconfError, match="nested at most"):
        value_of(Outer, {"share": 1, "parts": None, "free": free}, WHAT)


@pytest.mark.parametrize("value", [-1, 2**53 + 1, True, 1.0, "1", None, 10**5000], ids=shown)
def test_what_is_no_count_is_refused(value: object) -> None:
    with pytest.raises(LogitconfError, match=r"'rows' must be a count in 0\.\.9007199254740992"):
        check_count(value, "rows")


@pytest.mark.parametrize("value", [0.0, 1.0, math.nan, True, "0.5", None, 10**5000], ids=shown)
def test_what_is_not_inside_is_refused(value: object) -> None:
    with pytest.raises(LogitconfError, match=r"'risk' must be a finite number in \(0, 1\), got"):
        check_number(value, "risk", 0.0, 1.0, open_=True)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_number_without_limits_is_finite(value: float) -> None:
    with pytest.raises(LogitconfError, match="must be a finite number"):
        check_number(value, "nll")


def test_texts_are_one_of_those_allowed() -> None:
    check_text("a", "word", ["a", "b"])
    with pytest.raises(LogitconfError, match=r"'word' must be one of \['a', 'b'\], got 'c'"):
        check_text("c", "word", ["a", "b"])
    with pytest.raises(LogitconfError, match=r"'word' must be a text, got \['a'\]"):
        check_text(["a"], "word", ["a", "b"])


def test_long_values_are_shown_in_few_characters() -> None:
    assert shown("x" * 1000).endswith("...")
    assert len(shown("x" * 1000)) == 80
    assert shown(10**5000) == "an integer of more than 128 bits"
    assert json.loads(shown(5)) == 5
