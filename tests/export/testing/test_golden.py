"""A golden bundle replays without torch, and notices another model."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from support import faults, head_models

from logitconf.errors import LogitconfError
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.testing.golden import save_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    rows = np.random.default_rng(0).standard_normal((40, 10)).astype(np.float32)
    model = to_onnx(head_models.make_head())
    return save_bundle(model, tmp_path / "bundle", rows=rows, pairs=100)


def _replay(bundle: Path) -> "subprocess.CompletedProcess[str]":
    blocked = "import sys; sys.modules['torch'] = None; sys.modules['logitconf'] = None; "
    run = f"sys.argv = ['replay.py']; import runpy; runpy.run_path({str(bundle / 'replay.py')!r}, "
    command = [sys.executable, "-I", "-c", f"{blocked}{run}run_name='__main__')"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_bundle_replays_without_torch(bundle: Path) -> None:
    done = _replay(bundle)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed: 625 rows, 0 wrong" in done.stdout


@pytest.mark.parametrize("fault", ["threshold off by 1e-3", "NaN accepted", "<= for <"])
def test_a_bundle_notices_a_fault(bundle: Path, fault: str) -> None:
    model = onnx.load(bundle / "head.onnx")
    {**faults.NUMBER_FAULTS, **faults.GRAPH_FAULTS}[fault](model)
    onnx.save(model, bundle / "head.onnx")
    done = _replay(bundle)
    if fault == "<= for <":
        # a row at its threshold lies inside the band, where a replay excuses a flip
        assert done.returncode == 0
    else:
        assert done.returncode == 1, done.stdout
        assert "FAILED" in done.stdout


def test_the_same_seed_gives_the_same_bundle(tmp_path: Path) -> None:
    model = to_onnx(head_models.make_head())
    one, two = (save_bundle(model, tmp_path / name, pairs=20, seed=5) for name in ("a", "b"))
    for path in one.iterdir():
        if path.suffix != ".npz":
            assert path.read_bytes() == (two / path.name).read_bytes()
            continue
        with np.load(path) as left, np.load(two / path.name) as right:
            for name in left.files:
                np.testing.assert_array_equal(left[name], right[name])


def test_an_existing_folder_is_left_alone(bundle: Path) -> None:
    with pytest.raises(LogitconfError, match="exists; name another folder"):
        save_bundle(to_onnx(head_models.make_head()), bundle)
