"""Reprs of frozen values that stay short, however much they hold."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from logitconf.notebook.html import cut, table

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MOST_CHARACTERS = 2000
_MOST_OF_A_PART = 160
_MOST_ITEMS = 4


def brief(value: DataclassInstance) -> str:
    """The repr of a frozen value: its fields, without defaults, each cut where it is long.

    One that is short enough can be evaluated again.

    >>> from logitconf.card.parts import Split
    >>> brief(Split(0.5, 7))
    'Split(holdout=0.5, seed=7)'
    """
    parts = [f"{name}={text}" for name, text in _told(value)]
    return cut(f"{type(value).__name__}({', '.join(parts)})", MOST_CHARACTERS)


def brief_of(value: object) -> str:
    """The repr of anything, cut where it is long.

    >>> brief_of(tuple(range(1000)))
    '(0, 1, 2, 3, and 996 more)'
    """
    return cut(_BRIEF.repr(value), MOST_CHARACTERS)


def brief_table(value: DataclassInstance) -> str:
    """A frozen value as an HTML table, one field a row."""
    return table(_told(value), type(value).__name__)


def _told(value: DataclassInstance) -> list[tuple[str, str]]:
    """The fields that are worth telling and their values, briefly."""
    pairs = [(field, getattr(value, field.name)) for field in fields(value) if field.repr]
    return [(field.name, _BRIEF.repr(own)) for field, own in pairs if not _is_default(field, own)]


def _is_default(field: Field[Any], value: object) -> bool:
    if field.default is not MISSING:
        return type(value) is type(field.default) and bool(value == field.default)
    empty = field.default_factory is not MISSING and isinstance(value, (Mapping, tuple, list))
    return empty and not value


class _Brief(reprlib.Repr):
    """The standard library's cutting repr, with what it does not know: arrays, mappings, values."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3

    def repr1(self, x: Any, level: int) -> str:
        if isinstance(x, str):
            return cut(repr(x), _MOST_OF_A_PART)
        if hasattr(x, "shape") and hasattr(x, "dtype"):
            dtype = str(x.dtype).split(".")[-1]
            return repr(x.item()) if x.shape == () else f"<{dtype} {tuple(x.shape)}>"
        if isinstance(x, (tuple, list)):
            return self._items(x, level)
        if isinstance(x, Mapping):
            return self._mapping(x, level)
        if is_dataclass(x) and not isinstance(x, type):
            return cut(repr(x), 2 * _MOST_OF_A_PART)
        return cut(repr(x), _MOST_OF_A_PART)

    def _items(self, x: tuple[Any, ...] | list[Any], level: int) -> str:
        left, right = "()" if isinstance(x, tuple) else "[]"
        if x and level <= 0:
            return f"{left}{len(x):,} items{right}"
        shown = [self.repr1(item, level - 1) for item in x[:_MOST_ITEMS]]
        if len(x) > _MOST_ITEMS:
            shown.append(f"and {len(x) - _MOST_ITEMS:,} more")
        comma = "," if isinstance(x, tuple) and len(x) == 1 else ""
        return f"{left}{', '.join(shown)}{comma}{right}"

    def _mapping(self, x: Mapping[Any, Any], level: int) -> str:
        if x and level <= 0:
            return f"{{{len(x):,} items}}"
        keys = list(x)
        most = 2 * _MOST_ITEMS
        shown = [
            f"{self.repr1(key, level - 1)}: {self.repr1(x[key], level - 1)}" for key in keys[:most]
        ]
        if len(keys) > most:
            shown.append(f"and {len(keys) - most:,} more")
        return f"{{{', '.join(shown)}}}"


_BRIEF = _Brief()
