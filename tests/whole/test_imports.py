"""What loads without torch and onnx, each looked at in a fresh interpreter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "onnx", "onnxruntime", "onnxscript", "scipy", "sklearn", "pandas")


def loaded_by(statement: str, tmp_path: Path) -> set[str]:
    """The heavy packages that a statement loads, run from an empty folder."""
    code = f"import sys\n{statement}\nprint(*(m for m in {HEAVY!r} if m in sys.modules))"
    path = os.pathsep.join([str(PROJECT), str(PROJECT / "export")])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


# torch is seen by the tests of what loads it
@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_the_probe_sees_a_heavy_package(package: str, tmp_path: Path) -> None:
    assert package in loaded_by(f"import {package}", tmp_path)


def test_the_probe_fails_on_a_statement_that_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no_such_name"):
        loaded_by("from logitconf import no_such_name", tmp_path)


@pytest.mark.parametrize(
    "statement",
    [
        "import logitconf",
        "import logitconf; dir(logitconf); logitconf.__all__; logitconf.__version__",
        "from logitconf import ScoreCard",
        "from logitconf import fit, compare, load",
        "import logitconf.card.score_card",
        "import logitconf.thresholds.policies",
        "from logitconf import LogitconfError, LogitconfWarning, UncertifiableError",
        "import logitconf.thresholds.policies as t; t.rounding_band("
        "'softmax', n_classes=10, precision='float32', value=-0.5)",
    ],
)
def test_what_needs_no_torch_loads_without_it(statement: str, tmp_path: Path) -> None:
    assert not loaded_by(statement, tmp_path) & {"torch", "onnx", "onnxruntime", "onnxscript"}


def test_fitting_needs_neither_scikit_learn_nor_data_frames(tmp_path: Path) -> None:
    statement = (
        "import logitconf\n"
        "score = logitconf.fit([[2.0, 0.0], [0.0, 1.0]])\n"
        "score.get_params(); score.__sklearn_clone__(); repr(score); score._repr_html_()"
    )
    assert not loaded_by(statement, tmp_path) & {"torch", "onnx", "sklearn", "pandas"}


def test_a_card_is_read_and_written_without_torch(tmp_path: Path) -> None:
    statement = (
        "from logitconf import ScoreCard\n"
        "card = ScoreCard('softmax', 'multiclass', temperature=1.5, threshold=-0.5)\n"
        "card.save('card.json')\n"
        "assert ScoreCard.load('card.json') == card"
    )
    assert "torch" not in loaded_by(statement, tmp_path)


def test_the_core_never_loads_onnx_nor_the_slow_statistics_package(tmp_path: Path) -> None:
    statement = (
        "from logitconf import SoftmaxScore, ConfidenceHead, load\n"
        "assert 'scipy.stats' not in sys.modules"
    )
    loaded = loaded_by(statement, tmp_path)
    assert {"torch", "scipy"} <= loaded
    assert not loaded & {"onnx", "onnxruntime", "onnxscript"}


def test_every_public_name_is_found_and_no_other(tmp_path: Path) -> None:
    statement = (
        "from logitconf import *\n"
        "import logitconf\n"
        "for name in logitconf.__all__: getattr(logitconf, name)\n"
        "assert sorted(set(logitconf.__all__)) == sorted(logitconf.__all__)\n"
        "assert set(logitconf.__all__) <= set(dir(logitconf))\n"
        "assert not hasattr(logitconf, 'nothing_of_this_name')"
    )
    loaded = loaded_by(statement, tmp_path)
    # the front door has the names of both rooms
    assert {"torch", "onnx"} <= loaded
