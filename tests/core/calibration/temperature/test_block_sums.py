"""Sums of large blocks against those of a chunk, and what they leave to it."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from logitconf.calibration.temperature.block_sums import Room, block_sums
from logitconf.calibration.temperature.likelihood import SCALAR_NAMES, LikelihoodSums, chunk_sums

# The order in which float64 and float32 numbers are added.
EXACT, QUICK = 1e-12, 2e-6


def drawn(rows: int, columns: int, kind: type = np.float32) -> tuple[NDArray[Any], NDArray[Any]]:
    generator = np.random.default_rng(columns)
    logits: NDArray[Any] = (3.0 * generator.standard_normal((rows, columns))).astype(kind)
    return logits, generator.integers(0, columns, rows)


def summed(logits: NDArray[Any], labels: NDArray[Any], **at: Any) -> LikelihoodSums | None:
    given = {"inverse_temperature": 0.7, "initial": None, "quick": False, **at}
    weights = given.pop("weights", None)
    vector = block_sums(logits, labels, weights, **given, room=Room())
    return None if vector is None else LikelihoodSums.from_vector(vector)


@pytest.mark.parametrize("columns", [2, 10, 41, 5000])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("initial", [None, 1.5])
@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("offset", [0.0, 60.0])
def test_the_sums_of_a_block_are_those_of_a_chunk(
    columns: int, kind: type, initial: float | None, quick: bool, offset: float
) -> None:
    rows = 200_000 // columns
    logits, labels = drawn(rows, columns, kind)
    logits += kind(offset)
    weights = np.random.default_rng(0).random(rows)
    own = summed(logits, labels, initial=initial, quick=quick, weights=weights)
    expected = LikelihoodSums.from_vector(
        chunk_sums(
            logits,
            labels,
            weights,
            family="categorical",
            inverse_temperature=0.7,
            initial=initial,
        )
    )
    assert own is not None
    names = set(SCALAR_NAMES) - (set() if initial else {"gap"})
    near = QUICK if quick else EXACT
    size = {"slope": expected.gap, "third": 27.0 * expected.gap}
    for name in names:
        wanted = getattr(expected, name)
        about = pytest.approx(wanted, rel=near, abs=near * abs(size.get(name, wanted)))
        assert getattr(own, name) == about, name
    assert own.label_bits == expected.label_bits


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("columns", [4, 90])
@pytest.mark.parametrize("quick", [False, True])
def test_a_block_that_is_not_finite_is_left_to_a_closer_look(
    bad: float, columns: int, quick: bool
) -> None:
    logits, labels = drawn(50, columns)
    logits[7, 2] = bad
    assert summed(logits, labels, quick=quick) is None
    assert summed(logits, labels, quick=quick, initial=1.0) is None


@pytest.mark.parametrize("columns", [4, 90])
def test_a_row_far_above_its_label_is_left_to_a_closer_look(columns: int) -> None:
    logits, labels = drawn(50, columns)
    logits[7, (labels[7] + 1) % columns] = 400.0
    assert summed(logits, labels) is None
    logits[:, :] -= 2000.0
    assert summed(logits, labels) is not None


def test_a_room_is_used_again_for_blocks_of_other_sizes() -> None:
    room = Room()
    first = room.of("values", (30, 4), np.float64)
    assert np.shares_memory(first, room.of("values", (5, 6), np.float64))
    assert not np.shares_memory(first, room.of("powers", (5, 6), np.float64))
    assert room.of("values", (40, 4), np.float64).shape == (40, 4)
