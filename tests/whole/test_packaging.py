"""The wheel, installed in a fresh environment, is the whole product and nothing else."""

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PROBE = """
import json, sys
import logitconf, logitconf_export
from logitconf import EnergyScore
from logitconf_export import attach, detach, to_onnx, verify
import importlib.metadata as metadata
print(json.dumps({
    "files": [logitconf.__file__, logitconf_export.__file__],
    "version": [logitconf.__version__, metadata.version("logitconf")],
    "scripts": [e.value for e in metadata.entry_points(group="console_scripts", name="logitconf")],
}))
"""


def checked(command: list[str], folder: Path) -> str:
    """The output of a command that must succeed."""
    ran = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with the installed hatchling."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    checked([*build, str(PROJECT)], folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel; it sees this one's packages, but no editable install."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    checked([*pip, "--no-index", str(wheel)], folder)
    (packages,) = (folder / "lib").glob("python*/site-packages")
    here = [path for path in sys.path if path.endswith("site-packages")]
    # a folder named in a .pth file is searched, but the .pth files in it are not
    (packages / "dependencies.pth").write_text("\n".join(here) + "\n")
    return folder


def test_the_wheel_holds_both_packages_and_no_folder_named_export(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {"logitconf/py.typed", "logitconf_export/py.typed"} <= set(names)
    # described there for other programs
    assert {
        "logitconf/card.schema.json",
        "logitconf_export/verification/report.schema.json",
    } <= set(names)
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "logitconf",
        "logitconf_export",
    }
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_both_packages_import_from_an_empty_folder(environment: Path, tmp_path: Path) -> None:
    python = str(environment / "bin" / "python")
    found = json.loads(checked([python, "-I", "-W", "error", "-c", PROBE], tmp_path))
    assert all(Path(file).is_relative_to(environment) for file in found["files"])
    assert found["version"][0] == found["version"][1]
    assert found["scripts"] == ["logitconf_export.cli.app:main"]


def test_the_installed_command_runs(environment: Path, tmp_path: Path) -> None:
    out = checked([str(environment / "bin" / "logitconf"), "--version"], tmp_path)
    assert out.startswith("logitconf ")
