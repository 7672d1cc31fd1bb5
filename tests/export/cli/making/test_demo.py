"""The demo: what it promises is true of the files that it writes, even where there is no torch."""

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from support import reference
from support import runtime_matrix as matrix
from support.command_line import call
from support.example_runs import run_python

from logitconf.scores.table import SCORES
from logitconf_export.cli.app import run

RUNTIME = ("onnxruntime", "numpy")
SERVE = """
import importlib.util, sys
import numpy as np, onnxruntime
absent = [name for name in ("torch", "logitconf", "logitconf_export", "onnx")
          if importlib.util.find_spec(name) is None]
with np.load("calibration.npz") as rows:
    inputs = rows["inputs"]
session = onnxruntime.InferenceSession("digits-with-score.onnx", providers=["CPUExecutionProvider"])
score, mask, logits = session.run(["score", "mask", "logits"], {"pixels": inputs})
np.savez("served.npz", score=score, mask=mask, logits=logits)
print(*absent)
"""


@dataclass(frozen=True)
class Demo:
    """One run of the demo."""

    folder: Path
    printed: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    demo = ("-m", "logitconf_export.cli.app", "demo", "--out", str(folder))
    command = (*demo, "--report", str(folder / "page.html"))
    return Demo(folder, run_python(*command, folder=folder, seconds=600))


@pytest.fixture(scope="module")
def served(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> dict[str, NDArray[np.generic]]:
    """What the file says of the calibration digits where there is neither torch nor logitconf."""
    packages = bare_packages(tmp_path_factory.mktemp("packages"))
    ran = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.append({str(packages)!r})\n{SERVE}",
        ],
        cwd=demo.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["torch", "logitconf", "logitconf_export", "onnx"]
    with np.load(demo.folder / "served.npz") as stored:
        return dict(stored)


def bare_packages(folder: Path) -> Path:
    """A folder with links to onnxruntime, NumPy and what they require, and nothing else."""
    wanted, linked = list(RUNTIME), set()
    while wanted:
        name = wanted.pop()
        if name in linked:
            continue
        linked.add(name)
        found = distribution(name)
        for requirement in found.requires or ():
            if ";" not in requirement:
                wanted.append(requirement.split(">")[0].split("<")[0].split("=")[0].strip(" ~!"))
        roots = {path.parts[0] for path in found.files or () if path.parts[0] != ".."}
        for root in roots:
            link = folder / root
            if not link.exists():
                link.symlink_to(Path(str(found.locate_file(root))))
    return folder


def test_the_served_mask_is_that_of_the_formula_on_the_served_logits(
    demo: Demo, served: dict[str, NDArray[np.generic]]
) -> None:
    card = json.loads((demo.folder / "card.json").read_text())
    expected = reference.score(card["score"], served["logits"], card["temperature"])
    np.testing.assert_array_equal(served["mask"], expected < card["threshold"])
    assert np.count_nonzero(served["mask"]) == card["policy"]["accepted"] == 540


def test_the_served_mask_is_that_of_torch(
    demo: Demo, served: dict[str, NDArray[np.generic]]
) -> None:
    import logitconf

    selected = logitconf.load(demo.folder / "card.json").select(served["logits"])["selected"]
    np.testing.assert_array_equal(served["mask"], selected)


def test_it_prints_what_a_person_wants_to_know(demo: Demo) -> None:
    for words in (
        "PASSED: 0 of 997 digits decided differently by",
        "Measured on 997 other digits",
        "% of all, ",
        "ECE ",
        "cpu  passed   0 of 997 ",
        *(str(demo.folder / name) for name in ("digits.onnx", "card.json")),
    ):
        assert words in demo.printed


def test_accepted_digits_are_more_often_right_than_all(
    demo: Demo, served: dict[str, NDArray[np.generic]]
) -> None:
    with np.load(demo.folder / "calibration.npz") as rows:
        right = served["logits"].argmax(axis=1) == rows["labels"]
    assert right[served["mask"].astype(bool)].mean() > right.mean() + 0.02


def test_the_best_of_all_scores_is_attached(demo: Demo) -> None:
    lines = [line.split() for line in demo.printed.splitlines()]
    areas = {line[0]: float(line[3]) for line in lines if line and line[0] in SCORES}
    attached = [line[0] for line in lines if line and line[-1] == "attached"]
    assert len(areas) == len(matrix.scores_for("multiclass", 10))
    assert areas[attached[0]] == min(areas.values())
    card = json.loads((demo.folder / "card.json").read_text())
    assert attached == [card["score"]]


def test_the_commands_work_on_its_files(
    demo: Demo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(demo.folder)
    command = "fit --model digits.onnx --data calibration.npz --score {} --coverage 0.9 -o own.json"
    card = json.loads(Path("card.json").read_text())
    assert run(command.format(card["score"]).split()) == 0
    own = json.loads(Path("own.json").read_text())
    assert own["temperature"] == pytest.approx(card["temperature"], rel=1e-5)
    assert run(["verify", "digits-with-score.onnx", "--data", "calibration.npz"]) == 0
    capsys.readouterr()


def test_the_host_is_what_torch_exported(demo: Demo) -> None:
    host = onnx.load(demo.folder / "digits.onnx")
    assert host.producer_name == "pytorch"
    assert host.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"


def test_a_second_demo_needs_force(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    before = (demo.folder / "card.json").stat().st_mtime_ns
    outcome = call(capsys, ["demo", "--out", str(demo.folder)])
    assert outcome.code == 2
    assert "--force" in outcome.err
    assert (demo.folder / "card.json").stat().st_mtime_ns == before


def test_missing_scikit_learn_names_the_extra(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    outcome = call(capsys, ["demo", "--out", str(tmp_path)])
    assert outcome.code == 2
    assert 'pip install "logitconf[cpu,demo]"' in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_the_page_shows_the_shipped_model_on_the_digits_it_was_tested_on(demo: Demo) -> None:
    html = (demo.folder / "page.html").read_text(encoding="utf-8")
    verdict = "PASSED: 0 of 997 rows decided differently on cpu"
    assert ("<h1>digits-with-score.onnx</h1>" in html, verdict in html) == (True, True)
    assert "of 997" in html
    assert f"logitconf demo --out {demo.folder.name} --report page.html" in html
