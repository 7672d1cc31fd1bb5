"""The names of calibrations."""

from logitconf.calibration.maps.fit import penalties_of
from logitconf.calibration.names import AUTO, CALIBRATIONS, MAP_KINDS, TEMPERATURE


def test_every_kind_of_map_has_penalties_and_the_others_are_no_maps() -> None:
    assert {TEMPERATURE, AUTO, *MAP_KINDS} == set(CALIBRATIONS)
    assert all(penalties_of(kind, "categorical", 2, 10) for kind in MAP_KINDS)
