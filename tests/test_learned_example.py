"""The example of learned confidence runs in a short form and reports what it measured."""

import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "learned_confidence.py"


def test_the_example_compares_ships_and_verifies(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE), "--seeds", "1", "--epochs", "8"],
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    rows = re.findall(r"^([a-z, ]+?) +((?:[\d.]+ ± [\d.]+ *){3})$", ran.stdout, re.MULTILINE)
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
    assert "verified: True" in ran.stdout
    accepted = re.search(r"^accepted: ([\d.]+)% of \d+ digits", ran.stdout, re.MULTILINE)
    assert accepted is not None
    assert 75.0 < float(accepted.group(1)) < 100.0
    assert (tmp_path / "shipped.onnx").exists()
