"""A calibration map in one sentence."""

from logitconf.calibration.maps.calibration_map import CalibrationMap, MapFit
from logitconf.card.score_card import ScoreCard
from logitconf.wording.calibration import calibration_of


def words(made: CalibrationMap | None, task: str = "multiclass") -> str | None:
    return calibration_of(ScoreCard("softmax", task, calibration_map=made))


def test_without_a_map_there_is_nothing_to_say() -> None:
    assert words(None) is None


def test_each_part_is_told_by_its_ends() -> None:
    matrix = ((1.25, -0.5), (0.25, 0.75))
    assert words(CalibrationMap("matrix", matrix=matrix, bias=(1.0, -1.0))) == (
        "matrix: diagonal 0.75 to 1.25, others −0.50 to 0.25, biases −1 to 1"
    )
    assert words(CalibrationMap("platt", bias=(0.5,)), "binary") == "platt: biases 0.50"


def test_what_cross_validation_found_is_told() -> None:
    fit = MapFit({"bias": 0.1}, 100, 0, 0.5, 0.4, 9.0, 0.0, folds=5, gain=0.012, gain_error=0.003)
    assert words(CalibrationMap("platt", bias=(0.5, -0.5), fit=fit)) == (
        "platt: biases −0.50 to 0.50; chosen by cross-validation in 5 folds, 0.012 ± 0.003 nats "
        "better than the temperature"
    )
