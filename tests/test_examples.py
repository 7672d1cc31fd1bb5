"""The examples run as they are, in an empty folder, and say what they should."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "examples"
# the comparison of learned confidence has a test of its own
EXAMPLES = sorted(path for path in FOLDER.glob("*.py") if path.stem != "learned_confidence")


def test_there_are_examples() -> None:
    assert {path.stem for path in EXAMPLES} >= {"quick_start", "attach_to_exported_model"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_accepted_rows_of_the_example_are_more_often_right(path: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    shares = dict(re.findall(r"^accuracy of (all|accepted): ([\d.]+)%$", ran.stdout, re.MULTILINE))
    assert float(shares["accepted"]) > float(shares["all"]) + 1.0
    assert "False" not in ran.stdout
