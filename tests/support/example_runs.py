"""Runs examples and commands as a user would: in a process, with every warning an error."""

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run_example(path: Path, folder: Path, *options: str) -> str:
    """What the example prints; it must end well and say nothing else."""
    return run_python(str(path), *options, folder=folder, seconds=120)


def run_python(*arguments: str, folder: Path, seconds: float) -> str:
    """What a Python process prints; it must end well and say nothing else."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout
