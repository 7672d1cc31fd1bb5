"""Blocks side by side in threads: NumPy lets other threads run while it computes one."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from logitconf.telling.progress import Advance

Item = TypeVar("Item")
Result = TypeVar("Result")

# Beyond so many, memory is the limit.
_MOST_THREADS = 8
# Starting a thread costs as much as half a block.
_BLOCKS_A_THREAD = 2
# More than a block and what is made of it; each thread may keep twice that.
_LARGE = 8 << 20


def in_threads(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    advance: Advance | None = None,
    threads: int | None = None,
) -> list[Result]:
    """What the function gives for each of the items, in their order.

    The caller's own thread is one of the threads, and the one that tells of progress. A failure in
    one of them ends all.

    Args:
        function: called in any thread.
        items: such as blocks of rows; if they are slices, progress is their lengths.
        advance: is told how much is done.
        threads: at most so many; as there are cores unless given.

    >>> in_threads(abs, [-1, 2, -3])
    [1, 2, 3]
    """
    _keep_what_is_freed()
    results: list[Result | None] = [None] * len(items)
    waiting = deque(range(len(items)))
    done: deque[int] = deque()

    def take_turns(told: Advance | None) -> None:
        try:
            while waiting:
                try:
                    place = waiting.popleft()
                except IndexError:
                    return
                results[place] = function(items[place])
                done.append(_size(items[place]))
                if told is not None:
                    told(_taken(done))
        except BaseException:
            waiting.clear()
            raise

    others = min(threads or cores(), len(items) // _BLOCKS_A_THREAD) - 1
    if others < 1:
        take_turns(advance)
    else:
        with ThreadPoolExecutor(others) as pool:
            working = [pool.submit(take_turns, None) for _ in range(others)]
            take_turns(advance)
            for each in working:
                each.result()
    if advance is not None and done:
        advance(_taken(done))
    return results  # type: ignore[return-value]


def _keep_what_is_freed() -> None:
    """Makes the C library keep the memory of a block's arrays for the next block's.

    Until it has seen a large piece freed, glibc gives each array of 128 KiB and more back to the
    system and asks for it anew, page by page, which costs several times what is computed in it.
    """
    np.empty(_LARGE, np.uint8)


def cores() -> int:
    """Cores that this process may use, up to as many as are of use."""
    known = getattr(os, "sched_getaffinity", None)
    count = len(known(0)) if known is not None else os.cpu_count() or 1
    return min(_MOST_THREADS, count)


def _size(item: object) -> int:
    return item.stop - item.start if isinstance(item, slice) else 1


def _taken(done: deque[int]) -> int:
    """What other threads have done since it was last asked for."""
    total = 0
    while done:
        total += done.popleft()
    return total
