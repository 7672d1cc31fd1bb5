"""Float32 values in their order."""

import numpy as np
import pytest

from logitconf_export.proof.tables.floats import at, count, place, places_of, run_of


def test_places_rise_with_the_floats() -> None:
    values = [-np.inf, -1.0, -1e-45, -0.0, 0.0, 1e-45, 1.0, np.inf]
    places = [place(value) for value in values]
    assert places == sorted(set(places))
    assert places_of(np.array(values, np.float32)).tolist() == places
    assert at(np.array(places)).tolist() == [float(np.float32(value)) for value in values]
    assert np.signbit(at(np.array([-1, 0]))).tolist() == [True, False]


def test_a_range_has_every_float_once() -> None:
    floats = np.concatenate([*run_of(-2.0, -1.0, size=1000)])
    assert len(floats) == count(-2.0, -1.0) == 2**23 + 1
    following = np.nextafter(floats[:-1], np.float32(np.inf))
    assert (floats[1:] == following).all()
    assert (floats[0], floats[-1]) == (-2.0, -1.0)


def test_a_range_over_zero_has_both_zeros() -> None:
    floats = np.concatenate([*run_of(-3e-45, 3e-45, size=4)])
    assert np.signbit(floats).tolist() == [True] * 3 + [False] * 3


@pytest.mark.parametrize(("step", "size"), [(3, 7), (17, 1000), (4099, 4)])
def test_a_sample_of_a_range_has_its_ends(step: int, size: int) -> None:
    floats = np.concatenate([*run_of(1.0, 1.001, step=step, size=size)])
    assert floats[0] == 1.0
    assert floats[-1] == np.float32(1.001)
    assert set(np.diff(places_of(floats))[:-1]) == {step}


@pytest.mark.parametrize("step", [1, 3, 257])
@pytest.mark.parametrize(("low", "high"), [(-1.0, -0.99), (1e-40, 1.1e-40), (-1e-42, 1e-42)])
def test_a_range_is_walked_through_by_places_of_either_sign(
    low: float, high: float, step: int
) -> None:
    walked = np.concatenate([*run_of(low, high, step=step, size=100)])
    places = [*range(place(low), place(high) + 1, step)]
    places += [place(high)] if places[-1] != place(high) else []
    assert places_of(walked).tolist() == places
