"""Engines in the environments that `tests/support/install_engines` makes, where there are any."""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
KILLED_PASSES = (1, 3, 4)
"""One that reads logits, the one that keeps scores, and one that reads these."""


def python_of(engine: str) -> str:
    """The interpreter of an engine's environment; skips the test where there is none."""
    python = PROJECT / f".venv-{engine}" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{engine} is not installed; tests/support/install_engines {engine} does it")
    if engine == "spark" and shutil.which("java") is None:
        pytest.skip("Spark needs Java 17 or newer, which is not installed")
    return str(python)


@functools.cache
def outcome(engine: str, run: str, *fits: str) -> dict[str, Any]:
    """What `support.engine_runs` prints of a run in an engine's environment.

    Args:
        engine: whose environment; ``local`` for this one.
        run: of the engine.
        fits: as the script takes them.
    """
    python = sys.executable if engine == "local" else python_of(engine)
    ran = called(python, "-m", "support.engine_runs", run, *fits)
    assert ran.returncode == 0, ran.stderr[-4000:]
    made: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return made


def called(
    python: str, *arguments: str, folder: Path = PROJECT
) -> subprocess.CompletedProcess[str]:
    """A Python of another environment, with this project's code and tests."""
    paths = [PROJECT, PROJECT / "export", PROJECT / "tests"]
    return subprocess.run(
        [python, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )


def check_engine(engine: str, run: str) -> None:
    """The engine fits and says what one process does, clean and with workers killed."""
    killing = ",".join(map(str, KILLED_PASSES))
    fits = outcome(engine, run, "-", killing, "column", "label", "type")["fits"]
    clean, killed, column, label, kind = fits
    expected = outcome("local", "local", "-", "column", "label")["fits"]
    assert clean == expected[0]
    assert clean["passes"] >= max(KILLED_PASSES)
    assert killed == {**clean, "killed": [*KILLED_PASSES]}
    assert [column, label] == expected[1:]
    assert column["error"] == (
        "the dataset must have the column 'label', its columns are 'logits', 'labels'; "
        "did you mean 'labels'?"
    )
    assert re.match(r"(dataset|frame|collection) must be a .*, got list", kind["error"])
    assert label["error"].startswith("labels must be in 0..4 for logits with 5 columns, got 0 to 5")
