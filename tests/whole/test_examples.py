"""The examples run as they are, in an empty folder, and say what they should."""

import re
from pathlib import Path

import pytest
from support.example_runs import EXAMPLES, run_example

# the comparison of learned confidence has a test of its own
PATHS = sorted(path for path in EXAMPLES.glob("*.py") if path.stem != "learned_confidence")


def test_there_are_examples() -> None:
    assert {path.stem for path in PATHS} >= {"quick_start", "attach_to_exported_model"}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_accepted_rows_of_the_example_are_more_often_right(path: Path, tmp_path: Path) -> None:
    printed = run_example(path, tmp_path)
    shares = dict(re.findall(r"^accuracy of (all|accepted): ([\d.]+)%$", printed, re.MULTILINE))
    assert float(shares["accepted"]) > float(shares["all"]) + 1.0
    assert "False" not in printed
