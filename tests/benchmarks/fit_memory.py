"""Memory that `fit` adds to a process that maps a large file: ``python -m benchmarks.fit_memory``.

The file is made in a folder of its own and removed. Two figures are shown: the largest anonymous
memory, which is what the process asked for, and the largest resident size, which counts pages of
the file too while they are mapped. Linux alone tells both.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np

_DRAWN = 50_000
_LIMIT = 256.0


def make(folder: Path, gigabytes: float, columns: int) -> None:
    """Logits that a temperature of 1.5 calibrates, the same rows again and again, with labels."""
    rows = int(gigabytes * 1e9 / (4 * columns))
    few = max(1000, min(rows, _DRAWN * 100 // columns))
    generator = np.random.default_rng(0)
    drawn = generator.standard_normal((few, columns), dtype=np.float32) * np.float32(3.0)
    noise = np.log(generator.standard_exponential(drawn.shape, dtype=np.float32) + np.float32(1e-9))
    labels = (drawn / np.float32(1.5) - noise).argmax(axis=1)
    target = np.lib.format.open_memmap(
        folder / "logits.npy", mode="w+", dtype=np.float32, shape=(rows, columns)
    )
    for start in range(0, rows, few):
        target[start : start + few] = drawn[: rows - start]
    target.flush()
    np.save(folder / "labels.npy", np.resize(labels, rows))


def status(field: str) -> float:
    """MiB of a line of this process' status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024.0


def fitted(folder: Path, policy: dict[str, float]) -> str:
    """A fit of the mapped file, and what it added to this process."""
    from logitconf.fitting.one_call import fit

    generator = np.random.default_rng(0)
    few = generator.standard_normal((3000, 10))
    fit(few, (few + generator.gumbel(size=few.shape)).argmax(axis=1), **policy)  # type: ignore[arg-type]
    logits, labels = (
        np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("logits", "labels")
    )
    before, most, watching = (status("RssAnon"), status("VmRSS")), [0.0], True

    def watch() -> None:
        while watching:
            most[0] = max(most[0], status("RssAnon"))
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    Path("/proc/self/clear_refs").write_text("5")
    start = time.perf_counter()
    score = fit(logits, labels, **policy)  # type: ignore[arg-type]
    seconds = time.perf_counter() - start
    watching = False
    watcher.join()
    asked, resident = most[0] - before[0], status("VmHWM") - before[1]
    size = logits.nbytes / 2**20
    return (
        f"{logits.shape[0]} x {logits.shape[1]} ({size:.0f} MiB) {policy}: {asked:.0f} MiB asked "
        f"for, {resident:.0f} MiB resident, {seconds:.1f} s, T {score.temperature:.7f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=10.0)
    parser.add_argument("--columns", type=int, nargs="*", default=[100, 1000])
    parser.add_argument("--folder", type=Path, default=None, help="where there is room")
    parser.add_argument("--fit-in", type=Path, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--holdout", type=float, default=0.0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    policy = {"coverage": 0.8, **({"holdout": options.holdout} if options.holdout else {})}
    if options.fit_in is not None:
        print(fitted(options.fit_in, policy))
        return
    for columns in options.columns:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            make(Path(name), options.gigabytes, columns)
            command = [sys.executable, "-m", "benchmarks.fit_memory", "--fit-in", name]
            command += ["--holdout", str(options.holdout)]
            print(
                subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
            )


if __name__ == "__main__":
    main()
