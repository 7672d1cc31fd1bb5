"""What a fit of a mapped file adds to memory, counted by NumPy's own calls for it."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from logitconf.fitting.one_call import fit

MEBIBYTE = 2**20
# Some blocks of 2^17 numbers in float64, in each of at most nine threads.
BLOCKS = 24 * MEBIBYTE


def mapped(folder: Path, rows: int, columns: int, kind: type = np.float32) -> list[NDArray[Any]]:
    """Logits and labels in files, with errors among them."""
    generator = np.random.default_rng(0)
    logits = 3.0 * generator.standard_normal((rows, columns), dtype=np.float32)
    noise = np.log(
        generator.standard_exponential(logits.shape, dtype=np.float32) + np.float32(1e-9)
    )
    labels = (logits - 2.0 * noise).argmax(axis=1)
    np.save(folder / "logits.npy", logits.astype(kind))
    np.save(folder / "labels.npy", labels)
    return [np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("logits", "labels")]


def peak_of(rows: list[Any], **options: Any) -> int:
    """Bytes that a fit asked for at most at a time."""
    tracemalloc.start()
    try:
        fit(rows[0], rows[1], **options)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("score", ["softmax", "margin"])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_a_mapped_file_is_not_copied(tmp_path: Path, score: str, kind: type) -> None:
    rows = mapped(tmp_path, 24_000, 600, kind)
    # 27 to 110 MiB of logits
    assert peak_of(rows, score=score, coverage=0.8) < BLOCKS


def test_rows_that_are_held_out_are_not_copied(tmp_path: Path) -> None:
    rows = mapped(tmp_path, 24_000, 600)
    assert peak_of(rows, holdout=0.5, coverage=0.8) < BLOCKS


def test_probabilities_become_logits_block_by_block(tmp_path: Path) -> None:
    logits, labels = mapped(tmp_path, 24_000, 600)
    shares = np.exp(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))
    np.save(tmp_path / "shares.npy", shares)
    rows = [np.load(tmp_path / "shares.npy", mmap_mode="r"), labels]
    assert peak_of(rows, kind="probabilities", coverage=0.8) < BLOCKS


# rows that fit certify too, which counts them, and scores tie
@pytest.mark.filterwarnings("ignore::logitconf.errors.LogitconfWarning")
@pytest.mark.parametrize("policy", [{"coverage": 0.8}, {"q": 0.9}, {"risk": 0.5}])
def test_a_row_costs_a_few_bytes(tmp_path: Path, policy: dict[str, float]) -> None:
    """Score, error and class stay, 6 bytes; the scores are put in order in 4 more."""
    rows = mapped(tmp_path, 2_000_000, 2, np.float16)
    assert peak_of(rows, **policy) < 11 * 2_000_000 + BLOCKS
