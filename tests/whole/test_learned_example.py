"""The example of learned confidence runs in a short form and reports what it measured."""

import re
from pathlib import Path

from support.example_runs import EXAMPLES, run_example


def test_the_example_compares_ships_and_verifies(tmp_path: Path) -> None:
    path = EXAMPLES / "learned_confidence" / "learned_confidence.py"
    printed = run_example(path, tmp_path, "--seeds", "1", "--epochs", "8")
    rows = re.findall(r"^([a-z, ]+?) +((?:[\d.]+ ± [\d.]+ *){3})$", printed, re.MULTILINE)
    assert [name for name, _ in rows] == [
        "softmax, trained alone",
        "softmax, beside confidence",
        "learned confidence",
    ]
    for _, cells in rows:
        accuracy, errors, held_out = (float(v) for v in re.findall(r"([\d.]+) ±", cells))
        assert accuracy > 0.85
        assert 0.0 < errors < 1.0
        assert 0.0 < held_out < 1.0
    assert "verified: True" in printed
    accepted = re.search(r"^accepted: ([\d.]+)% of \d+ digits", printed, re.MULTILINE)
    assert accepted is not None
    assert 75.0 < float(accepted.group(1)) < 100.0
