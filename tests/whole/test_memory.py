"""Rows larger than the memory that may be used: a memory map of 1 GB is fitted chunk by chunk."""

import subprocess
import sys
from pathlib import Path

import numpy as np

ROWS, COLUMNS = 262_144, 1000
ALLOWED_MIB = 100
CODE = """
import sys, threading, time
import numpy as np, torch
torch.set_num_threads(1)
from logitconf.calibration.temperature.fit import fit_temperature

def anonymous():
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024

logits = np.load("logits.npy", mmap_mode="r")
labels = np.load("labels.npy", mmap_mode="r")
before, most, done = anonymous(), 0.0, False

def watch():
    global most
    while not done:
        most = max(most, anonymous())
        time.sleep(0.002)

watcher = threading.Thread(target=watch)
watcher.start()
fit = fit_temperature(logits, labels, family="categorical")
done = True
watcher.join()
print(fit.temperature, fit.rows, most - before)
"""


def test_a_gigabyte_is_fitted_in_a_hundred_megabytes_of_anonymous_memory(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    block = (rng.standard_normal((1024, COLUMNS)) * 2.0).astype(np.float32)
    labels = (block / 1.5 + rng.gumbel(size=block.shape)).argmax(axis=1)
    logits = np.lib.format.open_memmap(
        tmp_path / "logits.npy", mode="w+", dtype=np.float32, shape=(ROWS, COLUMNS)
    )
    for start in range(0, ROWS, len(block)):
        logits[start : start + len(block)] = block
    assert logits.nbytes > 1_000_000_000
    del logits
    np.save(tmp_path / "labels.npy", np.tile(labels, ROWS // len(block)))
    try:
        ran = subprocess.run(
            [sys.executable, "-c", CODE],
            cwd=tmp_path,
            env={"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    finally:
        (tmp_path / "logits.npy").unlink()
    assert ran.returncode == 0, ran.stderr
    temperature, rows, added = (float(word) for word in ran.stdout.split())
    assert rows == ROWS
    assert 1.3 < temperature < 1.7
    # reading alone needs something, so nothing at all would mean that nothing was watched
    assert 0.5 < added < ALLOWED_MIB
