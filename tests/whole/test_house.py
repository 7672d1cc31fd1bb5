"""The house: rooms of a size to live in, tests that mirror them, and doors that open one way."""

import ast
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
ROOTS = {
    PROJECT / "logitconf": PROJECT / "tests" / "core",
    PROJECT / "export" / "logitconf_export": PROJECT / "tests" / "export",
}
MOST_MODULES, MOST_LINES = 13, 400
# programs that are copied or started, not imported: tested by what starts them
PROGRAMS = ("runners", "replay.py")


def modules() -> Iterator[tuple[Path, Path]]:
    """Every module with the folder that its tests belong to."""
    for root, tests in ROOTS.items():
        for path in sorted(root.rglob("*.py")):
            program = path.parent.name in PROGRAMS or path.name in PROGRAMS
            if path.name not in ("__init__.py", "__main__.py") and not program:
                yield path, tests / path.parent.relative_to(root)


def of_module(module: Path, folder: Path) -> list[Path]:
    """The test files of a module: of its name, or of its name and an aspect."""
    return [
        *folder.glob(f"test_{module.stem}.py"),
        *folder.glob(f"test_{module.stem}_*.py"),
    ]


def test_no_folder_has_more_modules_than_one_can_take_in() -> None:
    counts = Counter(path.parent for path, _ in modules())
    assert {str(folder): n for folder, n in counts.items() if n > MOST_MODULES} == {}


def test_no_file_is_longer_than_one_can_read_in_one_go() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path, _ in modules()}
    assert {str(path): n for path, n in lengths.items() if n > MOST_LINES} == {}


def test_every_test_file_of_a_room_has_its_module() -> None:
    owned = {test for path, tests in modules() for test in of_module(path, tests)}
    files = {test for tests in ROOTS.values() for test in tests.rglob("test_*.py")}
    assert sorted(str(test.relative_to(PROJECT)) for test in files - owned) == []


def test_every_module_has_its_test_file() -> None:
    lonely = [
        str(path.relative_to(PROJECT)) for path, tests in modules() if not of_module(path, tests)
    ]
    assert lonely == []


def test_every_room_says_what_it_is_for_and_in_which_order_to_read_it() -> None:
    silent = []
    for root in ROOTS:
        for folder in {path.parent for path, _ in modules() if root in path.parents} - {root}:
            text = ast.get_docstring(
                ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
            )
            if not text or "Read" not in text or len(text.splitlines()) < 3:
                silent.append(str(folder.relative_to(PROJECT)))
    assert sorted(silent) == []


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The two source roots and the contracts, to break."""
    shutil.copytree(PROJECT / "logitconf", tmp_path / "logitconf")
    shutil.copytree(PROJECT / "export", tmp_path / "export")
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    return tmp_path


def contracts(folder: Path) -> tuple[int, str]:
    """Exit code and words of the check of the contracts."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(folder / "export")])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_contracts_between_the_rooms_hold(copied: Path) -> None:
    code, words = contracts(copied)
    assert (code, "0 broken" in words) == (0, True), words


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        (
            "logitconf/scores/table.py",
            "from logitconf.fitting import fit as upwards",
            "The rooms of the core, from the top floor down BROKEN",
        ),
        (
            "logitconf/errors.py",
            "def hidden():\n    from logitconf import tasks",
            "The rooms of the core, from the top floor down BROKEN",
        ),
        (
            "export/logitconf_export/onnx_files/loading.py",
            "from logitconf_export.cli import app as upwards",
            "The rooms that ship, from the top floor down BROKEN",
        ),
        (
            "logitconf/card/score_card.py",
            "from logitconf_export.onnx_files import loading as beyond_the_door",
            "Behind its front door the core has never heard of export BROKEN",
        ),
        (
            "export/logitconf_export/heads/metadata.py",
            "from logitconf import ScoreCard as through_the_front_door",
            "Nothing inside a room imports from a front door BROKEN",
        ),
        (
            "logitconf/thresholds/order_statistics.py",
            "def hidden():\n    from logitconf.thresholds import policies",
            "hidden in functions or notBROKEN",
        ),
    ],
)
def test_a_contract_fails_when_it_is_broken(
    copied: Path, file: str, line: str, contract: str
) -> None:
    path = copied / file
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    code, words = contracts(copied)
    assert code == 1
    assert contract.replace(" ", "") in words.replace(" ", ""), words


def test_what_ci_runs_after_the_tests_starts() -> None:
    """A module that a script shares with the tests had moved to where CI did not look."""
    *_, line = (PROJECT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    own = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    helped = line.replace(".venv/bin/python", sys.executable) + " --help"
    done = subprocess.run(
        helped, shell=True, cwd=PROJECT, env=own, capture_output=True, check=False
    )
    assert "decisions.py" in line
    assert done.returncode == 0, done.stderr.decode()
