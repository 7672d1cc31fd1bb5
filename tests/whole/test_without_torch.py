"""The whole flow in an environment that has no torch: `make test` makes it, in `.venv-light`.

LOGITCONF_LIGHT may name the Python of another.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from support.command_line import Rows, make_files

PROJECT = Path(__file__).resolve().parents[2]
PYTHON = Path(os.environ.get("LOGITCONF_LIGHT", PROJECT / ".venv-light" / "bin" / "python"))

FLOW = (
    "fit --model host.onnx --data val.npz --score energy --coverage 0.9 -o card.json",
    "fit logits.npz --score margin --task multiclass --coverage 0.9 -o saved.json",
    "attach host.onnx card.json -o out.onnx",
    "attach plain.onnx saved.json -o plain_out.onnx",
    "export saved.json -o head.onnx --opset 13",
    "inspect out.onnx",
    "inspect host.onnx",
    "verify out.onnx --data val.npz --json report.json --golden golden",
    "verify head.onnx --data logits.npz",
    "retune out.onnx --threshold -3.5 -o retuned.onnx",
    "drift out.onnx retuned.onnx --data val.npz",
    "reattach out.onnx -o mended.onnx",
    "detach out.onnx -o back.onnx",
    "ensemble host.onnx host.onnx -o joined.onnx",
    "compare logits.npz",
)

IN_PYTHON = """
import sys
import numpy as np
import logitconf
rows = np.load("logits.npz")
score = logitconf.SoftmaxScore().fit(rows["logits"], rows["labels"])
score.set_threshold(coverage=0.9)
selected = score.select(rows["logits"])["selected"]
assert isinstance(selected, np.ndarray) and 0.89 < selected.mean() < 0.93, selected.mean()
shipped = logitconf.attach("host.onnx", score, "python.onnx")
assert logitconf.verify("python.onnx", rows["logits"], rows_as="logits").passed
for needs_torch in (score.compile, lambda: logitconf.ConfidenceBranch):
    try:
        needs_torch()
    except logitconf.MissingExtraError as error:
        assert "logitconf[torch]" in str(error), error
    else:
        raise AssertionError("torch is not there")
assert "torch" not in sys.modules
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not PYTHON.exists():
        pytest.skip("the environment without torch is not there; `make test` makes .venv-light")
    return tmp_path_factory.mktemp("light")


@pytest.fixture(scope="module")
def rows(folder: Path) -> Rows:
    return make_files(folder)


def ran(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python in the environment without torch, on this project, with every warning an error."""
    return subprocess.run(
        [PYTHON, "-W", "error", *arguments],
        cwd=folder,
        env={
            **{k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"},
            "PYTHONPATH": os.pathsep.join([str(PROJECT), str(PROJECT / "export")]),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_torch_really_is_not_there(folder: Path) -> None:
    assert "No module named 'torch'" in ran(folder, "-c", "import torch").stderr


def test_every_command_works_and_decides_as_with_torch(rows: Rows, folder: Path) -> None:
    for command in FLOW:
        done = ran(folder, "-m", "logitconf", *command.split())
        assert (done.returncode, done.stderr) == (0, ""), (command, done.stdout, done.stderr)
    report = json.loads((folder / "report.json").read_text())
    assert report["passed"] is True
    session = onnxruntime.InferenceSession(folder / "out.onnx", providers=["CPUExecutionProvider"])
    score, mask = session.run(["score", "mask"], {"pixels": rows.pixels})
    card = json.loads((folder / "card.json").read_text())
    temperature = card["temperature"]
    exact = -temperature * np.log(np.exp(rows.logits.astype(float) / temperature).sum(axis=1))
    np.testing.assert_allclose(score, exact, rtol=1e-5)
    assert mask.mean() == pytest.approx(0.9, abs=0.01)


def test_python_fits_attaches_and_verifies_and_names_the_extra_where_torch_is_needed(
    rows: Rows, folder: Path
) -> None:
    assert rows.logits.shape[1] == 4
    done = ran(folder, "-c", IN_PYTHON)
    assert done.returncode == 0, done.stderr


def test_verify_says_that_its_reference_was_numpy(rows: Rows, folder: Path) -> None:
    assert len(rows.labels)
    for command in (
        "fit --model host.onnx --data val.npz --score energy --coverage 0.9 -o asked.json",
        "attach host.onnx asked.json -o asked.onnx",
        "verify asked.onnx --data val.npz --json asked_report.json",
    ):
        done = ran(folder, "-m", "logitconf", *command.split())
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    report = json.loads((folder / "asked_report.json").read_text())
    assert "the reference is NumPy, by the same formula: torch is not installed" in report["notes"]
