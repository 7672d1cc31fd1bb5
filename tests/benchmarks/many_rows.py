"""A fit of more rows than fit into memory, made as they are read: passes, bytes, memory and speed.

Run it with: python tests/benchmarks/many_rows.py --rows 20000000 --classes 100

Each block of rows is drawn by a counter-based generator (Philox) whose key is the number of the
block, so every pass sees the same rows and none is kept. `--logits-only` times the making alone.
"""

import argparse
import base64
import json
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from logitconf.distributed.engines.local import fit_blocks
from logitconf.distributed.plan import FitPlan

BLOCK = 1 << 22
"""Logits of a block, about: 16 MiB of float32."""


def blocks(rows: int, classes: int) -> Iterator[tuple[Any, Any]]:
    """Logits float32 and labels drawn at a temperature of 1.5."""
    size = max(1, BLOCK // classes)
    for number, start in enumerate(range(0, rows, size)):
        rng = np.random.Generator(np.random.Philox(key=number))
        logits = rng.standard_normal((min(size, rows - start), classes), dtype=np.float32)
        logits *= np.float32(3.0)
        # one uniform number a row chooses a class by the cumulated softmax
        shares = np.exp((logits - logits.max(axis=1, keepdims=True)) / np.float32(1.5))
        np.cumsum(shares, axis=1, out=shares)
        drawn = rng.random((len(logits), 1), dtype=np.float32) * shares[:, -1:]
        yield logits, np.minimum((shares < drawn).sum(axis=1), classes - 1)


def peak() -> float:
    """Most MiB that this process has had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def main() -> None:
    """Fits, and prints a line a pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--risk", type=float, default=None, help="certify it, instead of coverage")
    parser.add_argument("--logits-only", action="store_true", help="time what makes the rows")
    given = parser.parse_args()
    start = time.perf_counter()
    if given.logits_only:
        made = sum(len(labels) for _, labels in blocks(given.rows, given.classes))
        took = time.perf_counter() - start
        sys.stdout.write(f"made {made:,} rows in {took:.1f} s: {made / took:,.0f} rows a second\n")
        return
    asked: dict[str, Any] = {"coverage": 0.9} if given.risk is None else {"risk": given.risk}
    plan = FitPlan("softmax", **asked)
    before, last, passes = peak(), start, 0

    def after_pass(done: FitPlan) -> None:
        nonlocal last, passes
        now, passes = time.perf_counter(), passes + 1
        sent = len(base64.b64decode(json.loads(done.state())["totals"][-1]))
        read = "logits" if reads == "logits" else "scores"
        sys.stdout.write(
            f"pass {passes}, {wants}: {now - last:.1f} s over {read}, answer of {sent:,} bytes\n"
        )
        last = now
        look(done)

    wants, reads = "", ""

    def look(done: FitPlan) -> None:
        nonlocal wants, reads
        request = done.next()
        if request is not None:
            wants, reads = request.wants, request.reads

    look(plan)
    card = fit_blocks(
        lambda: blocks(given.rows, given.classes),
        plan,
        threads=given.threads,
        after_pass=after_pass,
    )
    took = time.perf_counter() - start
    size = given.rows * given.classes * 4
    sys.stdout.write(
        f"{given.rows:,} rows of {given.classes} classes, {size / 1e9:.2f} GB of logits: "
        f"{passes} passes in {took:.1f} s, {given.rows / took:,.0f} rows a second in all\n"
        f"memory: {before:.0f} MiB before, {peak():.0f} MiB at most, {peak() - before:.0f} more\n"
        f"temperature {card.temperature!r}, threshold {card.threshold!r}, {card.policy}\n"
    )


if __name__ == "__main__":
    main()
