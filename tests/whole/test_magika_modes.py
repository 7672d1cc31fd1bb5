"""A file made of magika's model and rules decides as magika's own code does in all its modes."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import logitconf

pytest.importorskip("magika", reason="magika is not installed; pip install magika")

EXAMPLE = Path(__file__).parents[2] / "examples" / "magika_modes" / "modes.py"
COUNT = 400


@pytest.fixture(scope="module")
def modes() -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLE))


@pytest.fixture(scope="module")
def asked(modes: dict[str, Any]) -> Any:
    return modes["by_the_network"](list(modes["strings"](COUNT, seed=9)))


@pytest.mark.parametrize(("runtime", "count"), [("onnxruntime", COUNT), ("tract", 100)])
def test_the_file_decides_as_magikas_code(
    modes: dict[str, Any], asked: Any, runtime: str, count: int
) -> None:
    if runtime == "tract":
        pytest.importorskip("tract", reason="tract is not installed; pip install tract")
    rows, expected = asked
    labels, probabilities = modes["labels_on"](runtime, rows[:count])
    # tract 0.23 runs some 25 strings a second, so it gets few; its network's probabilities are a
    # little off, so that a tie may break otherwise, but magika's rules on them must give the labels
    assert labels == modes["by_the_rules"](probabilities)
    for mode, wanted in expected.items():
        unlike = sum(a != b for a, b in zip(labels[mode], wanted, strict=False))
        assert unlike <= (0 if runtime == "onnxruntime" else 1), mode
    assert len(rows) > 0.8 * COUNT
    assert len(set(map(tuple, labels.values()))) == 3


def test_the_head_alone_gives_the_labels_of_the_whole_file(
    modes: dict[str, Any], asked: Any
) -> None:
    rows, _ = asked
    whole, probabilities = modes["labels_on"]("onnxruntime", rows[:120])
    parts, same = modes["labels_on"]("onnxruntime", rows[:120], whole=False)
    assert parts == whole
    np.testing.assert_array_equal(same, probabilities)


def test_a_threshold_accepts_just_what_is_at_least_the_share(modes: dict[str, Any]) -> None:
    for share in (0.5, 0.75, 0.9, 0.95):
        threshold = np.float32(modes["at_least"](share))
        values = np.float32(share) + np.arange(-3, 4) * np.spacing(np.float32(share))
        for value in values.astype(np.float32):
            assert (-value < threshold) == (float(value) >= share)


def test_the_file_verifies_and_another_mode_is_retuned(modes: dict[str, Any], asked: Any) -> None:
    rows, _ = asked
    model = logitconf.attach(str(modes["MODEL"]), modes["card"](), outputs=["label"])
    for mode in ("medium-confidence", "best-guess"):
        tuned = logitconf.retune(model, mode=mode)
        report = logitconf.verify(
            tuned, feeds={"bytes": rows[:64]}, optimisations=["all"], pairs=50
        )
        assert report.passed, report.failures
