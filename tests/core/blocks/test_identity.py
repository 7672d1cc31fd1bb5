"""The digest of rows against one of whole numbers of Python's own."""

import hashlib
import math
import struct
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from logitconf.blocks.identity import Keys, identity_of, shared_rows
from logitconf.rows import Rows

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mixed(word: int) -> int:
    """Mix64 of Steele, Lea and Flood 2014."""
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
    return word ^ (word >> 31)


def bits_of(value: float) -> int:
    value = math.nan if math.isnan(value) else value + 0.0
    (bits,) = struct.unpack("<Q", struct.pack("<d", value))
    return int(bits ^ (bits >> 29))


def digest_of(rows: list[list[float]], columns: list[int]) -> tuple[str, list[int]]:
    """The digest of today and each row's key, as cards have them since version 0.2."""
    factors = [mixed(place * GOLDEN & MASK) | 1 for place in range(1, 2 * sum(columns) + 1)]
    words, keys = [0] * 4, []
    for row in rows:
        bits = [*map(bits_of, row)]
        first, second = (
            sum(bit * factor for bit, factor in zip(bits, factors[lane::2], strict=True)) & MASK
            for lane in (0, 1)
        )
        own = [first, second, first + GOLDEN * second, second + GOLDEN * first]
        words = [(word + mixed(each & MASK)) & MASK for word, each in zip(words, own, strict=True)]
        keys.append(mixed(first))
    digest = hashlib.sha256(f"{len(rows)} rows of {columns}".encode())
    digest.update(struct.pack("<4Q", *words))
    return f"sum:{digest.hexdigest()}", keys


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_digest_is_that_of_whole_numbers(dtype: type) -> None:
    generator = np.random.default_rng(0)
    # several blocks, and numbers that are stored in more than one way
    logits: NDArray[Any] = generator.normal(0.0, 3.0, (700, 300)).astype(dtype)
    logits[0, :6] = [0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan]
    labels = generator.integers(0, 300, 700)
    rows = [[*map(float, x), float(y)] for x, y in zip(logits, labels, strict=True)]
    expected, keys = digest_of(rows, [300, 1])
    identity = Rows.checked(logits, labels, "multiclass").identity
    assert identity.sha256 == expected
    assert identity.keys is not None
    assert identity.keys.tolist() == keys


def test_rows_without_labels_have_a_digest_and_no_keys() -> None:
    rows = [[1.0, 2.0], [3.0, 4.0]]
    identity = Rows.checked(np.array(rows), None, "multiclass").identity
    assert (identity.sha256, identity.keys) == (digest_of(rows, [2])[0], None)


def test_no_rows_have_a_digest() -> None:
    assert identity_of([(0, 3)], lambda _: [np.zeros((0, 3))]).sha256 == digest_of([], [3])[0]


def test_a_share_of_many_rows_tells_how_many_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logitconf.blocks.identity._KEY_BITS", 12)
    logits = np.random.default_rng(1).normal(size=(60_000, 3)).astype(np.float32)

    def keys_of(rows: slice) -> Keys:
        own = logits[rows]
        keys = Rows.checked(own, np.zeros(len(own), int), "multiclass").identity.keys
        assert keys is not None
        return keys

    whole, half, few = keys_of(slice(0, 60_000)), keys_of(slice(30_000)), keys_of(slice(500))
    # 60,000 / 16, and 30,000 / 8, with four standard deviations
    assert abs(whole.size - 3750) < 240
    assert abs(half.size - 3750) < 240
    assert few.size == 500
    # 4096 / 64,000 keys of a share make an error of 1 / sqrt(1875), times four
    assert shared_rows(whole, half) == pytest.approx(30_000, rel=0.1)
    assert shared_rows(half, whole) == pytest.approx(30_000, rel=0.1)
    assert shared_rows(keys_of(slice(30_000, 60_000)), half) == 0
    assert shared_rows(few, few) == 500
