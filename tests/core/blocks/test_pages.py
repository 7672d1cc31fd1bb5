"""What is read of a mapped file does not stay in the process."""

import re
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from logitconf.blocks.pages import letting_go

SMAPS = Path("/proc/self/smaps")
ROWS, COLUMNS = 4096, 1024


def resident_pages(name: str) -> int:
    """KiB of a mapped file that are in this process' memory."""
    parts = re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", SMAPS.read_text())
    sizes = [re.search(r"Rss:\s+(\d+) kB", part) for part in parts if f"/{name}\n" in part]
    return sum(int(size[1]) for size in sizes if size)


def mapped(folder: Path, mode: Literal["r", "r+", "c"]) -> NDArray[np.float32]:
    np.save(folder / "mapped.npy", np.ones((ROWS, COLUMNS), np.float32))
    stored: NDArray[np.float32] = np.load(folder / "mapped.npy", mmap_mode=mode)
    return stored


@pytest.mark.skipif(not SMAPS.exists(), reason="pages are counted by Linux")
def test_pages_that_were_read_are_let_go_and_read_again(tmp_path: Path) -> None:
    array = mapped(tmp_path, "r")

    def sum_of(row: int) -> float:
        return float(array[row].sum())

    summed = letting_go(sum_of, array[5:], blocks=8)
    most = 0
    for _ in range(2):
        for row in range(ROWS):
            assert summed(row) == COLUMNS
            most = max(most, resident_pages("mapped.npy")) if row % 64 == 0 else most
    # 16 MiB in all; the system reads some pages around each that is asked for
    assert most < 4096
    assert float(array.sum()) == ROWS * COLUMNS
    assert resident_pages("mapped.npy") >= ROWS * COLUMNS * 4 // 1024


@pytest.mark.parametrize("mode", ["c", "r+"])
def test_what_was_written_into_a_map_stays(tmp_path: Path, mode: Literal["c", "r+"]) -> None:
    array = mapped(tmp_path, mode)
    array[3] = 2.0

    def sum_of(row: int) -> float:
        return float(array[row].sum())

    reading = letting_go(sum_of, array, blocks=1)
    assert [reading(row) for row in (2, 3, 3)] == [COLUMNS, 2 * COLUMNS, 2 * COLUMNS]


def test_an_array_in_memory_is_read_as_it_is() -> None:
    assert letting_go(abs, np.zeros(3)) is abs
