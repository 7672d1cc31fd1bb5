"""The wheel, installed in a fresh environment, is the whole product and nothing else."""

import json
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Mapping
from email import message_from_bytes
from email.message import Message
from email.policy import default as default_policy
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from hatch_build import absolute

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


def checked(command: list[str], folder: Path, given: Mapping[str, str] | None = None) -> str:
    """The output of a command that must succeed, with more in its environment if it is given."""
    ran = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(given or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
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
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources, built and unpacked."""
    folder = tmp_path_factory.mktemp("sources")
    build = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(folder)]
    checked([*build, str(PROJECT)], folder)
    (built,) = folder.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        archive.extractall(folder, filter="data")
    return folder / built.name.removesuffix(".tar.gz")


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


def test_the_wheel_stays_small(wheel: Path) -> None:
    """Nothing but code, help and schemas: no test, record or picture slips in."""
    assert wheel.stat().st_size <= 930_000
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".py"):
                home = PROJECT / ("export" if name.startswith("logitconf_export/") else "")
                assert archive.read(name) == (home / name).read_bytes()


def test_help_on_all_that_a_user_calls_is_in_the_wheel(environment: Path, tmp_path: Path) -> None:
    code = (
        "import inspect, logitconf\n"
        "for name in dir(logitconf):\n"
        "    if name[0] != '_':\n"
        "        print(name, bool(inspect.getdoc(getattr(logitconf, name))))"
    )
    told = checked([str(environment / "bin" / "python"), "-I", "-c", code], tmp_path).splitlines()
    assert len(told) > 50
    assert [line for line in told if not line.endswith(" True")] == []


@pytest.mark.parametrize("command", ["", "fit", "attach", "verify", "demo", "recertify"])
def test_commands_of_the_wheel_show_the_help_of_the_sources(
    command: str, environment: Path, tmp_path: Path
) -> None:
    asked = ["-m", "logitconf", *command.split(), "--help"]
    wide = {"COLUMNS": "200"}
    shown = checked([str(environment / "bin" / "python"), "-I", *asked], tmp_path, wide)
    paths = os.pathsep.join([str(PROJECT), str(PROJECT / "export")])
    assert shown == checked([sys.executable, *asked], tmp_path, {**wide, "PYTHONPATH": paths})
    assert "Examples" in shown or not command


def test_both_packages_import_from_an_empty_folder(environment: Path, tmp_path: Path) -> None:
    python = str(environment / "bin" / "python")
    found = json.loads(checked([python, "-I", "-W", "error", "-c", PROBE], tmp_path))
    assert all(Path(file).is_relative_to(environment) for file in found["files"])
    assert found["version"][0] == found["version"][1]
    assert found["scripts"] == ["logitconf_export.cli.app:main"]


def test_the_installed_command_runs(environment: Path, tmp_path: Path) -> None:
    out = checked([str(environment / "bin" / "logitconf"), "--version"], tmp_path)
    assert out.startswith("logitconf ")


def test_the_sdist_holds_all_that_is_tracked_but_the_recipes_of_services(sdist: Path) -> None:
    if not (PROJECT / ".git").exists():
        pytest.skip("this is an sdist itself")
    tracked = checked(["git", "ls-files", "-z"], PROJECT).split("\0")
    missing = {path for path in tracked if path and not (sdist / path).exists()}
    services = re.compile(r"\.(github|ci)/|\.gitattributes|\.pre-commit-config\.yaml")
    assert {path for path in missing if not services.match(path)} == set()


def test_tests_run_from_the_sdist(sdist: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": ""}
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "tests/core/test_errors.py",
            "tests/core/test_tasks.py",
        ],
        cwd=sdist,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"\d\d passed", ran.stdout)


def test_the_wheel_is_the_same_bytes_from_other_copies_at_other_times(
    wheel: Path, sdist: Path, tmp_path: Path
) -> None:
    for path in sdist.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    checked([*build, str(sdist)], tmp_path)
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_version_and_the_author_are_the_same_everywhere(wheel: Path) -> None:
    metadata = read_metadata(wheel)
    citation = (PROJECT / "CITATION.cff").read_text()
    assert re.findall(r"^version: (.*)$", citation, re.M) == [metadata["Version"]]
    assert re.findall(r"^  - name: (.*)$", citation, re.M) == [metadata["Author"]]


def test_the_readme_is_the_description_with_links_as_they_are_without_an_address(
    wheel: Path,
) -> None:
    described = metadata_bytes(wheel).partition(b"\n\n")[2].decode()
    assert described.strip() == (PROJECT / "README.md").read_text().strip()


def test_an_address_makes_the_links_absolute() -> None:
    text = '[a](docs/a.md#b) [p](p.svg) [w](https://w) [h](#here) <img src="docs/p.svg" alt="x">'
    led = absolute(text, files="https://f/v{version}/", pictures="https://p/", version="1.0")
    assert led == (
        "[a](https://f/v1.0/docs/a.md#b) [p](https://p/p.svg) [w](https://w) [h](#here) "
        '<img src="https://p/docs/p.svg" alt="x">'
    )
    assert absolute(text, files="", pictures="", version="1.0") == text


def bill(environment: Path, *extras: str) -> dict[str, Any]:
    """The bill of materials of what an installed wheel needs."""
    script = str(PROJECT / "release" / "sbom.py")
    command = [str(environment / "bin" / "python"), "-I", "-W", "error", script, *extras]
    made: dict[str, Any] = json.loads(checked(command, environment))
    return made


def test_the_bill_names_every_package_of_the_extra_with_its_version(environment: Path) -> None:
    made = bill(environment, "cpu")
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    assert made["metadata"]["component"]["name"] == "logitconf"
    versions = {each["name"]: each["version"] for each in made["components"]}
    assert {"numpy", "onnx", "onnxruntime", "protobuf", "scipy"} <= set(versions)
    assert "torch" not in versions
    assert all(version(name) == shown for name, shown in versions.items())


def test_references_of_the_bill_are_unique_and_lead_somewhere(environment: Path) -> None:
    made = bill(environment, "cpu", "torch")
    own = made["metadata"]["component"]["bom-ref"]
    references = [own, *(each["bom-ref"] for each in made["components"])]
    assert len(set(references)) == len(references) > 10
    assert {each["ref"] for each in made["dependencies"]} == set(references)
    named = {ref for each in made["dependencies"] for ref in each["dependsOn"]}
    assert set(references) - named == {own}
    assert named <= set(references)
    assert bill(environment, "cpu", "torch") == made


def metadata_bytes(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        return archive.read(name)


def read_metadata(wheel: Path) -> Message:
    return message_from_bytes(metadata_bytes(wheel), policy=default_policy)
