"""Runs examples and commands as a user would: in a process, with every warning an error."""

import atexit
import functools
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from support.installed_runtimes import MODULES
from support.printed import check_printed

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run_example(path: Path, folder: Path, *options: str) -> str:
    """What the example prints; it must end well and say nothing else."""
    return run_python(str(path), *options, folder=folder, seconds=120)


def run_python(*arguments: str, folder: Path, seconds: float) -> str:
    """What a Python process prints; it must end well and say nothing else."""
    return _run([sys.executable, "-W", "error", *arguments], folder, seconds)


def _run(command: list[str], folder: Path, seconds: float) -> str:
    programs = [str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]
    ran = subprocess.run(
        command,
        cwd=folder,
        env={
            "PYTHONPATH": ":".join(sys.path),
            "PYTHONWARNINGS": "error",
            "NODE_PATH": str(MODULES),
            "OMP_NUM_THREADS": "1",
            "PATH": ":".join(programs),
        },
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout + ran.stderr
    return ran.stdout


def shown(name: str) -> list[tuple[str, str]]:
    """The commands in an example's README, each with what is printed below it."""
    readme = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    pairs = []
    for block in re.findall(r"^```console\n(.*?)^```", readme, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.replace("\\\n", " ").partition("\n")
            pairs.append((command, printed))
    return pairs


def run_shown(name: str, folder: Path) -> str:
    """Runs the commands of an example's README in a folder; each prints what stands there."""
    here = folder / "examples"
    if not here.exists():
        here.symlink_to(EXAMPLES)
    everything = ""
    for command, expected in shown(name):
        printed = _run(["bash", "-c", command], folder, seconds=120)
        check_printed(printed, expected)
        everything += printed
    return everything


@functools.cache
def digits_folder() -> Path:
    """A folder with `model`, the model of digits_model, made once a process."""
    folder = Path(tempfile.mkdtemp(prefix="logitconf-digits-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run_shown("digits_model", folder)
    return folder
