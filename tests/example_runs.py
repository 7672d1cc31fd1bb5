"""Runs an example as a user would: in a folder of its own, with every warning an error."""

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def run_example(path: Path, folder: Path, *options: str) -> str:
    """What the example prints; it must end well and say nothing else."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(path), *options],
        cwd=folder,
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout
