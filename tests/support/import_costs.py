"""What small calls load, as counts: modules in a fresh interpreter, and instructions by valgrind.

Seconds depend on the machine and on what else it does; these do not. The limits on all modules hold
with the versions that the tests run with, and leave a little room.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "onnxruntime", "scipy", "onnx", "numpy", "rich", "pydantic")
_RUN = "import sys\nfrom logitconf_export.cli.app import run\n"
_COMMAND = _RUN + "import io\nfrom contextlib import redirect_stdout\n"
_COUNT = """
import sys
own = [name for name in sys.modules if name.partition(".")[0] in ("logitconf", "logitconf_export")]
print("\\nloaded", len(sys.modules), len(own), *(n for n in {heavy!r} if n in sys.modules))
"""


@dataclass(frozen=True, slots=True)
class Call:
    """Something that only looks, and what it may load.

    Attributes:
        name: of the call, as the table shows it.
        code: a Python program.
        most: modules in all, those of the interpreter included.
        own: modules of the project.
        heavy: which of the heavy packages.
    """

    name: str
    code: str
    most: int
    own: int
    heavy: frozenset[str] = frozenset()


def _command(line: str, most: int, own: int, *heavy: str) -> Call:
    code = f"{_COMMAND}with redirect_stdout(io.StringIO()):\n    code = run({line.split()!r})\n"
    return Call(f"logitconf {line}", f"{code}assert code == 0", most, own, frozenset(heavy))


# all that was 538 for --help and 517 for inspect in version 0.1.0
CALLS = (
    Call("import logitconf", "import logitconf", 110, 9),
    Call("ScoreCard", "from logitconf import ScoreCard", 330, 30, frozenset({"numpy"})),
    _command("--help", 440, 66, "rich"),
    _command("--version", 290, 24),
    _command("inspect card.json", 500, 74, "numpy"),
    _command("inspect host.onnx", 517, 92, "numpy", "onnx"),
    _command("inspect head.onnx", 550, 94, "numpy", "onnx"),
)
"""Run in a folder with card.json, host.onnx and head.onnx, a host with a head."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a call has loaded: modules in all, those of the project, heavy packages."""

    modules: int
    own: int
    heavy: frozenset[str]


def loaded_by(call: Call, folder: Path) -> Loaded:
    """What a call loads in a fresh interpreter, run in a folder."""
    code = call.code + "\n" + _COUNT.format(heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    modules, own, *heavy = done.stdout.rpartition("\nloaded ")[2].split()
    return Loaded(int(modules), int(own), frozenset(heavy))


def instructions_of(code: str, folder: Path) -> int | None:
    """How many instructions a program takes, by valgrind; None where there is none."""
    if shutil.which("valgrind") is None:
        return None
    tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    done = subprocess.run(
        [*tool, sys.executable, "-c", code],
        cwd=folder,
        env={**_environment(), "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    line = next(line for line in done.stderr.splitlines() if "Collected" in line)
    return int(line.rpartition(":")[2])


def _environment() -> dict[str, str]:
    paths = os.pathsep.join([str(PROJECT), str(PROJECT / "export")])
    return {**os.environ, "PYTHONPATH": paths}
