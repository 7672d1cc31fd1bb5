"""JSON from outside, read strictly and made into frozen types; what it is made with loads late."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Collection
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, get_args, get_type_hints

from logitconf.errors import LogitconfError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")

# a threshold and its counts for each of 20 000 classes, certified, take 14 MiB; a reader of JSON
# takes some ten times as much memory as its text
MOST_BYTES = 16 * 2**20
# a card in the metadata of several heads has seven
MOST_DEPTH = 12
# seeds have up to 128 bits; everything else is a count
LARGEST_INTEGER = 2**128 - 1
LARGEST_COUNT = 2**53


def read_json(path: str | Path, what: str) -> object:
    """The values in a JSON file.

    Args:
        path: of the file.
        what: it should be, for messages.

    Raises:
        LogitconfError: as :func:`parse_json`, or if the file cannot be read.
    """
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        from logitconf.telling.file_words import unreadable  # words for errors load with these

        raise unreadable(path, f"{what} in JSON", error) from error
    try:
        return parse_json(content, what)
    except LogitconfError as error:
        from logitconf.telling.file_words import misfit, other_kind

        if other_kind(content, "card") is not None:
            raise misfit(path, f"{what} in JSON", "card", content, str(error)) from error
        raise LogitconfError(f"{path}: {error}") from error


def parse_json(text: str | bytes, what: str) -> object:
    """The values in a JSON text: numbers are exact, and each key stands once.

    Args:
        text: at most 16 MiB in UTF-8.
        what: it should be, for messages.

    Raises:
        LogitconfError: for another text, one too long, a key that stands twice, or a number that no
            card has: NaN, infinities, integers of more than 128 bits.

    >>> parse_json('{"threshold": -0.5}', "a score card")
    {'threshold': -0.5}
    """
    if len(text) > MOST_BYTES:
        raise LogitconfError(f"{what} must have at most {MOST_BYTES} bytes of JSON, got more")
    try:
        return json.loads(
            text.decode() if isinstance(text, bytes) else text,
            object_pairs_hook=_once,
            parse_constant=_no_number,
            parse_float=_finite,
            parse_int=_integer,
        )
    except (UnicodeError, json.JSONDecodeError) as error:
        raise LogitconfError(f"{what} must be JSON: {error}") from error
    except RecursionError as error:
        raise LogitconfError(f"{what} must be nested at most {MOST_DEPTH} deep") from error
    except LogitconfError as error:
        raise LogitconfError(f"{what} must be plain JSON: {error}") from error


def value_of(kind: type[T], values: object, what: str) -> T:
    """The value of a frozen dataclass that JSON values describe, with all that it holds.

    Args:
        kind: the dataclass; what it holds are others, and plain values.
        values: an object with a key for each field that has no default, and no other keys.
        what: they should be, for messages.

    Raises:
        LogitconfError: for other keys or types, numbers that are not finite, or what the dataclass
            refuses.
    """
    import msgspec

    _check_plain(values, what)
    _check_keys(kind, values, what, at="")
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, LogitconfError):
            raise LogitconfError(f"{what} is not valid: {error.__cause__}") from error
        raise LogitconfError(_sentence(str(error), what)) from error


def json_values(value: DataclassInstance) -> dict[str, Any]:
    """The fields as JSON values; those that are None by default and are so are left out."""
    held = {f.name: getattr(value, f.name) for f in fields(value)}
    optional = {f.name for f in fields(value) if f.default is None}
    return {
        name: json_values(part) if is_dataclass(part) and not isinstance(part, type) else part
        for name, part in held.items()
        if part is not None or name not in optional
    }


def check_count(value: object, name: str, *, least: int = 0, most: int = LARGEST_COUNT) -> None:
    """Checks that a value is a whole number in a range.

    Raises:
        LogitconfError: if it is not.
    """
    if type(value) is not int or not least <= value <= most:
        raise LogitconfError(f"'{name}' must be a count in {least}..{most}, got {shown(value)}")


def check_number(
    value: object, name: str, low: float = -math.inf, high: float = math.inf, *, open_: bool = False
) -> None:
    """Checks that a value is a finite number in a range.

    Args:
        value: to check.
        name: of the value, for messages.
        low: lowest value allowed.
        high: highest value allowed.
        open_: whether the ends themselves are not allowed.

    Raises:
        LogitconfError: if it is not.
    """
    allowed = type(value) in (int, float) and value not in (math.inf, -math.inf)
    if allowed and open_:
        allowed = low < value < high  # type: ignore[operator]
    elif allowed:
        allowed = low <= value <= high  # type: ignore[operator]
    if not allowed:
        ends = f"({low:g}, {high:g})" if open_ else f"[{low:g}, {high:g}]"
        raise LogitconfError(f"'{name}' must be a finite number in {ends}, got {shown(value)}")


def check_text(value: object, name: str, allowed: Collection[str] | None = None) -> None:
    """Checks that a value is a text, or one of a few.

    Raises:
        LogitconfError: if it is not.
    """
    if not isinstance(value, str):
        raise LogitconfError(f"'{name}' must be a text, got {shown(value)}")
    if allowed is not None and value not in allowed:
        raise LogitconfError(f"'{name}' must be one of {list(allowed)}, got {shown(value)}")


def shown(value: object) -> str:
    """A value in few characters, for messages."""
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return "an integer of more than 128 bits"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


_SHOWN = 80


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise LogitconfError(f"each key must stand once, got {shown(twice)} twice")
    return values


def _no_number(word: str) -> NoReturn:
    raise LogitconfError(f"every number must be finite, got {word}")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise LogitconfError(f"every number must be finite, got {shown(text)}")
    return number


def _integer(text: str) -> int:
    # Python refuses texts of some thousand digits in words of its own
    if len(text) > len(str(LARGEST_INTEGER)) + 1:
        raise LogitconfError("an integer must have at most 128 bits, got more")
    return int(text)


def _check_plain(values: object, what: str, depth: int = 0) -> None:
    """Checks that values are such as JSON has, finite, of Unicode and not too deep."""
    if depth > MOST_DEPTH:
        raise LogitconfError(f"{what} must be nested at most {MOST_DEPTH} deep, got more")
    if isinstance(values, dict):
        for name, value in values.items():
            if not isinstance(name, str):
                raise LogitconfError(f"{what} must have texts as keys, got {shown(name)}")
            _check_plain(name, what, depth)
            _check_plain(value, what, depth + 1)
    elif isinstance(values, (list, tuple)):
        for value in values:
            _check_plain(value, what, depth + 1)
    else:
        _check_single(values, what)


def _check_single(value: object, what: str) -> None:
    if isinstance(value, str):
        # halves of surrogate pairs, which no stream takes
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise LogitconfError(f"{what} must have texts of Unicode, got {shown(ascii(value))}")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise LogitconfError(f"{what} must have finite numbers, got {value}")
    elif isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise LogitconfError(f"{what} must have integers of at most 128 bits, got more")
    elif value is not None:
        raise LogitconfError(f"{what} must have values as JSON has them, got {type(value)}")


def _check_keys(kind: type, values: object, what: str, *, at: str) -> None:
    """Checks that an object has the keys of a dataclass, and so on in what it holds."""
    if not isinstance(values, dict):
        where = f"'{at}' in {what}" if at else what
        raise LogitconfError(f"{where} must be an object, got {shown(values)}")
    known = {f.name: f for f in fields(kind)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        where = f"'{at}' in {what}" if at else what
        raise LogitconfError(
            f"{where} must have no other keys than {sorted(known)}, got {shown(unknown)} too"
        )
    needed = {n for n, f in known.items() if f.default is f.default_factory is MISSING}
    missing = sorted(needed - set(values))
    if missing:
        where = f"'{at}' in {what}" if at else what
        raise LogitconfError(f"{where} must have the keys {sorted(needed)}, got no {missing}")
    for name, part in _parts(kind).items():
        if values.get(name) is not None:
            _check_keys(part, values[name], what, at=f"{at}.{name}" if at else name)


@functools.cache
def _parts(kind: type) -> dict[str, type]:
    """The dataclasses that a dataclass holds, by the names of their fields."""
    return {
        name: part
        for name, hint in get_type_hints(kind).items()
        for part in (hint, *get_args(hint))
        if isinstance(part, type) and is_dataclass(part)
    }


def _sentence(message: str, what: str) -> str:
    """What msgspec says, in our words: a sentence with the place first."""
    match = re.fullmatch(r"Expected `(.*)`, got `(.*?)`(?: - at `\$\.?(.*)`)?", message)
    if match is None:
        return f"{what} is not valid: {message}"
    expected, actual, place = match.groups()
    names = {"str": "a text", "float": "a number", "int": "a whole number", "bool": "true or false"}
    words = " or ".join(names.get(word, word) for word in expected.split(" | "))
    return f"'{place}' in {what} must be {words}, got {names.get(actual, actual)}"
