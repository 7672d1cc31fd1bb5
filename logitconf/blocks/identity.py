"""What tells rows apart from others, whatever their order, library and precision."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from logitconf.arrays import Array, dtype_name, namespace, to_numpy
from logitconf.blocks.cutting import cut
from logitconf.blocks.threads import cores, in_threads

Keys: TypeAlias = npt.NDArray[np.uint64]

SUM_OF_ROWS = "sum:"
"""A digest of today begins so: it does not depend on the order of the rows. Others are older."""
# 4 MiB of keys; of more rows a random share tells as much
_KEY_BITS = 19
# Large, for what is done once a block; of its numbers some at a time are in a cache. About so many
# words are made of a row, however few numbers it has.
_BLOCK_ELEMENTS, _WORDS_OF_A_ROW = 1 << 19, 32
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, eq=False)
class RowsIdentity:
    """What tells rows apart.

    Attributes:
        sha256: a digest of all of them, whatever their order, library and precision: SHA-256 of
            their number and of sums of the rows' own digests. It tells rows apart that differ by
            chance or mistake; who wants to can make others with the same sums.
        keys: a number for each row, the same for the same row, (N,); of more than 2^19 rows those
            of a share of the rows, which the keys themselves decide. None without labels.
    """

    sha256: str
    keys: Keys | None


def identity_of(
    shapes: Sequence[tuple[int, ...]], parts: Callable[[slice], Sequence[Array]]
) -> RowsIdentity:
    """The identity of rows that are numbers in one or several arrays.

    Args:
        shapes: of the arrays, (N, ...) each.
        parts: some consecutive rows of each of them; called in several threads.
    """
    rows = shapes[0][0]
    columns = [math.prod(shape[1:]) for shape in shapes]
    factors = factors_of(columns)
    spare = _spared_bits(rows)

    def summed(block: slice) -> tuple[Keys, Keys]:
        words = row_words(parts(block), factors)
        return _with_spared(words[0], spare), words.sum(axis=1, dtype=np.uint64)

    # the other cores have the arithmetic to do
    blocks = cut(rows, max(_WORDS_OF_A_ROW, sum(columns)), _BLOCK_ELEMENTS)
    summed_up = in_threads(summed, blocks, threads=(cores() + 2) // 3)
    keys = np.concatenate([np.empty(0, np.uint64), *(each for each, _ in summed_up)])
    total = np.add.reduce([np.zeros(4, np.uint64), *(each for _, each in summed_up)])
    return RowsIdentity(digest_of(rows, columns, total), keys)


def row_words(parts: Sequence[Array], factors: Sequence[Keys]) -> Keys:
    """Four words for each row, (4, n), the same for the same numbers; the first is its key.

    Args:
        parts: arrays (n, ...).
        factors: of their columns, by `factors_of`.
    """
    lanes = [_lanes(part, own) for part, own in zip(parts, factors, strict=True)]
    first, second = np.add.reduce(lanes)
    # what is summed must not be linear in the rows' values, or values could trade places
    mixed = [mixed_words(first), mixed_words(second)]
    mixed += [mixed_words(first + _GOLDEN * second), mixed_words(second + _GOLDEN * first)]
    return np.stack(mixed)


def digest_of(rows: int, columns: Sequence[int], words: Keys) -> str:
    """The digest of rows from the sums of their words, (4,).

    Args:
        rows: how many.
        columns: that each array has.
        words: sums over all rows, modulo 2^64.
    """
    digest = hashlib.sha256(f"{rows} rows of {[*columns]}".encode())
    digest.update(words.astype("<u8").tobytes())
    return SUM_OF_ROWS + digest.hexdigest()


def factors_of(columns: Sequence[int]) -> list[Keys]:
    """What the columns of each array are multiplied with."""
    edges = np.cumsum(columns)[:-1]
    return [np.ascontiguousarray(own.T) for own in np.split(_factors(sum(columns)), edges)]


def shared_rows(fitted: Keys, certifying: Keys) -> int:
    """How many of the certifying rows are among the fitted; of more than 2^19 about so many."""
    spare = max(map(_seen_spared_bits, (fitted, certifying)))
    own = np.isin(_with_spared(certifying, spare), _with_spared(fitted, spare))
    return int(own.sum()) << spare


def _spared_bits(rows: int) -> int:
    """So many first bits of a key must be 0 for it to be kept: about 2^19 keys are."""
    return max(0, (rows - 1).bit_length() - _KEY_BITS)


def _seen_spared_bits(keys: Keys) -> int:
    """How many first bits are 0 in all of many keys; a few keys are all that there are."""
    if keys.size <= 1 << (_KEY_BITS - 2):
        return 0
    return 64 - int(keys.max()).bit_length()


def _with_spared(keys: Keys, spare: int) -> Keys:
    return keys if spare == 0 else keys[keys >> np.uint64(64 - spare) == 0]


def _lanes(values: Array, factors: Keys) -> Keys:
    """Two sums (2, n) over the columns of numbers (n, ...), each times factors (2, K)."""
    given = to_numpy(values)
    given = given.reshape(len(given), math.prod(given.shape[1:]))
    lanes = np.empty((2, len(given)), np.uint64)
    parts = cut(len(given), given.shape[1])
    exact = np.empty((parts[0].stop if parts else 0, given.shape[1]))
    folded = np.empty(exact.shape, np.uint64)
    for part in parts:
        few = slice(part.stop - part.start)
        bits = _bits(given[part], exact[few])
        # high bits, where few-digit floats differ, are folded onto the low ones before they mix
        np.right_shift(bits, np.uint64(29), out=folded[few])
        bits ^= folded[few]
        # einsum's sum of products is twice as fast as matmul's, which has no kernel for whole
        # numbers
        for lane, own in zip(lanes, factors, strict=True):
            lane[part] = np.einsum("nk,k->n", bits, own)
    return lanes


def _bits(values: npt.NDArray[Any], exact: npt.NDArray[np.float64]) -> Keys:
    """What the numbers (n, K) are, as float64 bits in `exact` that are the same for the same."""
    np.copyto(exact, values)
    exact += 0.0  # -0 is 0
    if np.isnan(np.max(exact, initial=0.0)):
        exact[np.isnan(exact)] = np.nan
    return exact.view(np.uint64)


def _factors(columns: int) -> npt.NDArray[np.uint64]:
    """Two odd factors a column, (K, 2); fixed for ever, as digests are kept in cards."""
    places = np.arange(1, 2 * columns + 1, dtype=np.uint64).reshape(columns, 2)
    return mixed_words(places * _GOLDEN) | np.uint64(1)


def mixed_words(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Words in which every bit depends on all bits of those given.

    Source: Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators" (mix64).
    """
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def digest_in_order(logits: Array, labels: Array | None) -> str:
    """The digest of cards of version 0.1: SHA-256 of torch's names of dtypes, and the content."""
    digest = hashlib.sha256()
    for array in (logits,) if labels is None else (logits, labels):
        name, content = dtype_name(array), array
        if name == "bfloat16":
            content = array.view(namespace(array).int16)
        raw: npt.NDArray[Any] = to_numpy(content)
        raw = np.ascontiguousarray(raw, dtype=raw.dtype.newbyteorder("="))
        digest.update(f"torch.{name} {len(raw)} {raw.size}".encode())
        digest.update(raw.data)
    return digest.hexdigest()
