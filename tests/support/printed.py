"""Whether what was printed is what a page shows: the words exactly, the numbers nearly."""

import re
from collections.abc import Callable, Iterator

_NUMBER = re.compile(r"(?<![\w.])[-−+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
NEAR = 0.1
"""How far numbers may lie apart, relatively: other processors train another network."""
ROUNDING = 1e-5
"""Below this a number is an error of rounding, and any other such number is as good."""


def alike(shown: str, printed: str) -> bool:
    """Whether two texts are the same but for blanks, rounding, and numbers a little apart.

    >>> alike("4.1 ms, 2e-7, 90.1%", "4.2 ms,  8e-8, 90.00%"), alike("0 of 5", "1 of 5")
    (True, False)
    >>> alike("card.json (984 bytes)", "card.json (1.6 kB)")
    True
    """
    return _agree(_folded(shown), _folded(printed), _near)


def _folded(text: str) -> str:
    """The text on one line without sizes of files: a card that says more makes larger ones."""
    return " ".join(re.sub(r"\([\d.]+ (bytes|kB|MB)\)", "(its size)", text).split())


def check_printed(printed: str, expected: str) -> None:
    """Checks that every character is as expected but for numbers, which are close.

    `...` is anything.
    """
    assert _agree(expected, printed, _closer), f"printed:\n{printed}\nexpected:\n{expected}"


def _agree(shown: str, printed: str, near: Callable[[str, str, str], bool]) -> bool:
    """Whether the words are those shown, and each number is near the one in its place.

    Args:
        shown: as it should be; ``...`` is anything on its line.
        printed: as it is.
        near: of a number that is shown, the one that was printed, and the character behind.
    """
    pattern, numbers, place = "", [], 0
    for number in _NUMBER.finditer(shown):
        pattern += f"{_words(shown[place : number.start()])}({_NUMBER.pattern})"
        numbers.append((number.group(), shown[number.end() : number.end() + 1]))
        place = number.end()
    match = re.fullmatch(pattern + _words(shown[place:]), printed)
    return match is not None and all(
        near(wanted, got, after)
        for got, (wanted, after) in zip(match.groups(), numbers, strict=True)
    )


def _words(text: str) -> str:
    return re.escape(text).replace(re.escape("..."), ".*")


def _values(*texts: str) -> Iterator[float]:
    return (float(text.replace(",", "").replace("−", "-")) for text in texts)


def _near(shown: str, printed: str, _: str) -> bool:
    one, other = _values(shown, printed)
    largest = max(abs(one), abs(other))
    return abs(one - other) <= NEAR * largest or 0 < abs(one) < ROUNDING > abs(other) > 0


def _closer(shown: str, printed: str, after: str) -> bool:
    """Whether a number is off by no more than a network from another processor: a row or two."""
    one, other = _values(shown, printed)
    if one == 0.0:
        most = 0.5 if "." in shown else 0.0
    elif after == "%":
        most = 0.5
    else:
        most = 0.02 * abs(one) + (2.0 if one.is_integer() and "." not in shown else 0.0)
    return abs(one - other) <= most
