"""Blocks in threads: in order, each once, and no failure is lost."""

import threading

import pytest

from logitconf.blocks.threads import cores, in_threads


@pytest.mark.parametrize("threads", [1, 2, 5, None])
def test_results_come_in_the_order_of_the_items(threads: int | None) -> None:
    assert in_threads(lambda i: i * i, range(50), threads=threads) == [i * i for i in range(50)]
    assert in_threads(abs, [], threads=threads) == []


def test_several_threads_work_at_the_same_time() -> None:
    # each waits for the other: alone it would wait for ever
    meeting = threading.Barrier(2, timeout=60.0)
    assert len({*in_threads(lambda _: meeting.wait(), range(4), threads=2)}) == 2


def test_progress_is_told_in_the_callers_thread_and_is_all_there_is() -> None:
    told: list[tuple[int, int]] = []
    blocks = [slice(start, start + 3) for start in range(0, 300, 3)]
    in_threads(
        lambda block: block.stop,
        blocks,
        advance=lambda rows: told.append((rows, threading.get_ident())),
        threads=4,
    )
    assert sum(rows for rows, _ in told) == 300
    assert {thread for _, thread in told} == {threading.get_ident()}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("place", [0, 7, 19])
def test_a_failure_in_any_thread_is_raised(threads: int, place: int) -> None:
    def failing(item: int) -> int:
        if item == place:
            raise ArithmeticError(f"item {item}")
        return item

    with pytest.raises(ArithmeticError, match=f"item {place}"):
        in_threads(failing, range(20), threads=threads)


def test_there_is_a_core() -> None:
    assert 1 <= cores() <= 8
