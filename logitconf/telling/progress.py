"""How far work is, told to whoever listens; nobody does unless asked, and nothing is drawn here.

Work with more than one step goes through `steps` or `work`. A command line, a notebook or a test
listens with `heard_by`, in the thread that does the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TypeAlias, TypeVar

Item = TypeVar("Item")
Advance: TypeAlias = Callable[[int], None]
"""Is told how many more parts are done."""
Listener: TypeAlias = Callable[[str, "int | None"], AbstractContextManager[Advance]]
"""Is told what begins and of how many parts it is, None if that is not known; it ends with the
context."""


def _unheard(what: str, total: int | None) -> AbstractContextManager[Advance]:
    del what, total
    return nullcontext(_forget)


def _forget(parts: int) -> None:
    del parts


_LISTENER: ContextVar[Listener] = ContextVar("listener", default=_unheard)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Lets a listener hear of the work in the block, in this thread.

    >>> heard = []
    >>> def listen(what, total):
    ...     heard.append((what, total))
    ...     return nullcontext(heard.append)
    >>> with heard_by(listen):
    ...     print(sum(steps([1, 2, 3], "Adding")))
    6
    >>> heard
    [('Adding', 3), 1, 1, 1]
    """
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def work(what: str, total: int | None) -> AbstractContextManager[Advance]:
    """Says that work begins; what comes with the context is told of each part that is done.

    Args:
        what: is done, such as ``"Running the model"``.
        total: parts, such as rows; None if that is not known.
    """
    return _LISTENER.get()(what, total)


def steps(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """The items; each is told of as done when the next one is asked for, or the end.

    Args:
        items: of the work.
        what: is done with them.
        total: how many there are; their length, if they have one, unless given.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with work(what, total) as advance:
        for item in items:
            yield item
            advance(1)
