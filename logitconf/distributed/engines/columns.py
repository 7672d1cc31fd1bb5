"""Which columns of a table hold the logits and the labels: by name, or by a pattern with a star."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from logitconf.errors import LogitconfError, closest
from logitconf.wording.lists import first_few

_MOST_LISTED = 12


@dataclass(frozen=True, slots=True)
class Matched:
    """Columns that a pattern matches, in the order of the classes.

    Attributes:
        names: of the columns.
        parts: what the star stands for in each; the names themselves without one star.
        numbered: whether the parts are the numbers of the classes.
    """

    names: tuple[str, ...]
    parts: tuple[str, ...]
    numbered: bool

    def in_order_of(self, others: Matched) -> Matched:
        """These columns in the order of others, where both name the same classes."""
        if sorted(self.parts) != sorted(others.parts) or self.parts == others.parts:
            return self
        places = [self.parts.index(part) for part in others.parts]
        return Matched(tuple(self.names[place] for place in places), others.parts, self.numbered)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of labelled logits.

    Attributes:
        logits: one column of lists, or a column for each class.
        labels: one column, or one for each label; none for rows without labels.
    """

    logits: tuple[str, ...]
    labels: tuple[str, ...]

    @classmethod
    def among(
        cls, names: Sequence[str], logits: str | Sequence[str], labels: str | Sequence[str] | None
    ) -> Columns:
        """Those that are asked for, among all of a table.

        Args:
            names: of all columns.
            logits: a name, a pattern such as ``"logit_*"``, or names.
            labels: the same; None for rows without labels.

        Raises:
            LogitconfError: if there are none such; it lists the columns that there are.

        >>> Columns.among(["y", "z10", "z9"], "z*", "y")
        Columns(logits=('z9', 'z10'), labels=('y',))
        """
        own = _asked(names, logits)
        targets = None if labels is None else _asked(names, labels).in_order_of(own)
        return cls(own.names, () if targets is None else targets.names)

    @property
    def all(self) -> list[str]:
        """The names of all of them, each once."""
        return list(dict.fromkeys((*self.logits, *self.labels)))


def _asked(names: Sequence[str], wanted: str | Sequence[str]) -> Matched:
    if isinstance(wanted, str):
        return matching(wanted, names, "the dataset")
    each = [matching(name, names, "the dataset").names for name in wanted]
    own = tuple(name for group in each for name in group)
    return Matched(own, own, False)


def matching(pattern: str, names: Sequence[str], where: object) -> Matched:
    """The columns that a pattern matches; numbered ones in the order of their numbers.

    Args:
        pattern: a name, in which a star stands for anything.
        names: of all columns.
        where: they are, for the error.

    Raises:
        LogitconfError: if there are none, or numbers among them are missing.

    >>> matching("logit_*", ["label", "logit_dog", "logit_cat"], "a.csv").parts
    ('dog', 'cat')
    """
    matcher = re.compile(re.escape(pattern).replace(r"\*", "(.*)"))
    pairs = [(name, match) for name in names if (match := matcher.fullmatch(name)) is not None]
    if not pairs:
        meant = closest(pattern.replace("*", ""), names)
        hint = "" if meant is None else f"; did you mean {meant!r}?"
        what = "columns that match" if "*" in pattern else "the column"
        raise LogitconfError(f"{where} must have {what} {pattern!r}, {listed(names)}{hint}")
    one_star = pattern.count("*") == 1
    parts = [match[1] if one_star else name for name, match in pairs]
    own = [name for name, _ in pairs]
    if not (one_star and all(part.isascii() and part.isdigit() for part in parts)):
        return Matched(tuple(own), tuple(parts), False)
    order = sorted(range(len(parts)), key=lambda place: int(parts[place]))
    numbers = [int(parts[place]) for place in order]
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise LogitconfError(
            f"columns that match {pattern!r} in {where} must be numbered without gaps, got "
            f"{first_few(numbers, _MOST_LISTED)}"
        )
    return Matched(
        tuple(own[place] for place in order), tuple(parts[place] for place in order), True
    )


def listed(names: Sequence[str]) -> str:
    """Which columns there are, as the end of a sentence."""
    return f"its columns are {first_few([repr(name) for name in names], _MOST_LISTED)}"
