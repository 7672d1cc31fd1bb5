"""Results that several formulas share on the same block: each is made once."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import numpy as np

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class _Memory(threading.local):
    known: dict[Hashable, tuple[Any, Any]] | None = None


_MEMORY = _Memory()


@contextmanager
def remembering() -> Iterator[None]:
    """In this thread, what is `remembered` of an array is made once, and kept until the end."""
    before, _MEMORY.known = _MEMORY.known, {}
    try:
        yield
    finally:
        _MEMORY.known = before


def remembered(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The function; within `remembering`, of the same NumPy arrays what it gave before.

    Its result depends on nothing but its arguments and is never changed. Of an argument with a
    `memory_key` nothing else counts.

    >>> with remembering():
    ...     one = np.ones(3)
    ...     twice = [remembered(np.cumsum)(one) for _ in range(2)]
    >>> twice[0] is twice[1]
    True
    """

    @functools.wraps(function)
    def once(*arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
        if not isinstance(arguments[0], np.ndarray) or _MEMORY.known is None:
            return function(*arguments, **options)
        key = (function, *map(_key, arguments), *map(_key, options.items()))
        if key not in _MEMORY.known:
            # which keeps the arrays, so that no other gets their ids
            _MEMORY.known[key] = function(*arguments, **options), arguments
        made: Result = _MEMORY.known[key][0]
        return made

    return once


def _key(argument: Any) -> Hashable:
    if isinstance(argument, np.ndarray):
        return id(argument) if argument.ndim else (argument.dtype.str, argument.tobytes())
    own: Hashable = getattr(argument, "memory_key", argument)
    return own
