"""Modes, label maps and names in a card: what they must be."""

from typing import Any

import pytest

from logitconf.card.modes import LabelMap, Modes
from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError

STRICT, LOOSE = (-0.875,) * 3, (-0.5, -0.25, -0.5)
MODES = Modes(("strict", "loose"), (STRICT, LOOSE), "strict")
LABELS = LabelMap((0, 1, 2), (3, 3, 4))
NAMES = ("python", "png", "txt", "some text", "unknown")


def test_a_card_holds_modes_names_and_labels_and_reads_them_again() -> None:
    card = ScoreCard(
        "softmax", "multiclass", 1.0, STRICT, 3, modes=MODES, label_map=LABELS, class_names=NAMES
    )
    assert ScoreCard.from_dict(card.to_dict()) == card
    assert MODES.threshold("loose") == LOOSE
    with pytest.raises(LogitconfError, match=r"modes are \['strict', 'loose'\], got 'wild'"):
        MODES.threshold("wild")


def test_what_does_not_fit_the_card_is_refused() -> None:
    plain: dict[str, Any] = {"score": "softmax", "task": "multiclass", "n_classes": 3}
    with pytest.raises(LogitconfError, match="threshold of the mode 'strict' must be the card's"):
        ScoreCard(**plain, threshold=LOOSE, modes=MODES)
    with pytest.raises(LogitconfError, match="must be 5 names, one for each class, got 3"):
        ScoreCard(**plain, label_map=LABELS, class_names=("a", "b", "c"))
    with pytest.raises(LogitconfError, match="must be 3 names, one for each class, got 2"):
        ScoreCard(**plain, class_names=("a", "b"))
    with pytest.raises(LogitconfError, match="label map must be of 3 classes, got 2"):
        ScoreCard(**plain, label_map=LabelMap((0, 1), (2, 2)))
    assert ScoreCard("softmax", "binary", n_classes=1, class_names=("no", "yes")).class_names


@pytest.mark.parametrize(
    ("names", "thresholds", "chosen", "phrase"),
    [
        ((), (), None, "1 to 64 names"),
        (("a",), (), None, "1 names and 0 thresholds"),
        (("a", "b"), (0.0, (0.0, 0.0)), None, r"in every mode, got \[0, 2\]"),
        (("a", "a"), (0.0, 0.0), None, "a name of its own"),
        (("",), (0.0,), None, "a name of its own"),
        (("a",), (0.0,), "b", "'chosen of the modes' must be one of"),
    ],
)
def test_what_is_no_mode_is_refused(
    names: tuple[str, ...], thresholds: Any, chosen: str | None, phrase: str
) -> None:
    with pytest.raises(LogitconfError, match=phrase):
        Modes(names, thresholds, chosen)


def test_a_label_map_names_a_label_for_each_class() -> None:
    with pytest.raises(LogitconfError, match="accepted and rejected, got 2 and 3"):
        LabelMap((0, 1), (0, 1, 2))
    with pytest.raises(LogitconfError, match="'label of a label map' must be a count"):
        LabelMap((0, -1), (0, 1))
