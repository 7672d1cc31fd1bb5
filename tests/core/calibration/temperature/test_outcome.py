"""What a card keeps of a fitted temperature is refused where it cannot be true."""

from dataclasses import FrozenInstanceError, replace

import pytest

from logitconf.calibration.temperature.outcome import TemperatureFit
from logitconf.errors import LogitconfError

FIT = TemperatureFit(
    temperature=1.5,
    standard_error=0.1,
    nll_before=0.9,
    nll_after=0.7,
    rows=98,
    rows_left_out=2,
    identified=True,
    reason=None,
    passes=4,
)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf"), True, "1.5"])
def test_a_temperature_that_divides_no_logits_is_refused(temperature: object) -> None:
    with pytest.raises(
        LogitconfError, match=r"'temperature' must be a finite number in \(0, inf\)"
    ):
        replace(FIT, temperature=temperature)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["rows", "rows_left_out", "passes"])
@pytest.mark.parametrize("count", [-1, 1.0, True, None])
def test_what_is_counted_is_a_whole_number(name: str, count: object) -> None:
    with pytest.raises(LogitconfError, match=f"'{name}' must be a count"):
        replace(FIT, **{name: count})  # type: ignore[arg-type]


def test_it_is_a_value_that_nothing_changes() -> None:
    assert replace(FIT, sha256="sum:00") != FIT == replace(FIT)
    with pytest.raises(FrozenInstanceError):
        FIT.temperature = 2.0  # type: ignore[misc]
