"""Fits on Ray, Spark and Dask, clean and with a worker killed in one of several passes: a record.

Run it with: PYTHONPATH=tests:. python tests/benchmarks/engines.py -o tests/records/engines.md

Exit code 1 if a card differs from that of one process. The environments are those of
tests/support/install_engines.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.engine_runs import CLASSES, PARTS, ROWS
from support.engines import outcome

KILLED = (0, 1, 3, 4)
"""Passes in which a worker dies; none in the first fit."""
NAMES = {"ray": "Ray Data", "spark": "Spark, local[2,4]", "dask": "Dask, two processes"}


def java() -> str:
    """The version of Java that Spark runs on."""
    ran = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True)
    return ran.stderr.split('"')[1]


def short(card: str) -> str:
    """What tells a card from others."""
    return hashlib.sha256(card.encode()).hexdigest()[:16]


def lines(alone: dict[str, Any]) -> tuple[list[str], bool]:
    """The record, and whether every card is that of one process."""
    card = json.loads(alone["card"])
    made = [
        "# Engines",
        "",
        "Written by `tests/benchmarks/engines.py`. A certified fit (risk 0.3, 95 % sure, half of",
        f"the rows held out) of {PARTS * ROWS:,} rows, {CLASSES} classes, {PARTS} parts. "
        "Pass 1 reads the rows, 2 fits the",
        "temperature, 3 counts scores and keeps them, 4 and 5 read what is kept. A killed worker "
        "sends",
        "itself SIGKILL before it answers for a second block.",
        "",
        f"One process: {alone['passes']} passes, temperature {card['temperature']!r}, threshold "
        f"{card['threshold']!r},",
        f"certified at {card['policy']['bound']:.6f}; SHA-256 of the card {short(alone['card'])}….",
        "",
        "| engine | versions | worker killed in pass | passes | card | the same bytes |",
        "|---|---|---|---|---|---|",
    ]
    same = True
    for engine, name in NAMES.items():
        ran = outcome(engine, engine, *("-" if not each else str(each) for each in KILLED))
        versions = ran["versions"] | ({"Java": java()} if engine == "spark" else {})
        told = ", ".join(f"{package} {version}" for package, version in versions.items())
        for expected, fit in zip(KILLED, ran["fits"], strict=True):
            alike = fit["card"] == alone["card"]
            killed = fit["killed"] == ([expected] if expected else [])
            same = same and alike and killed
            made.append(
                f"| {name} | {told} | {', '.join(map(str, fit['killed'])) or 'none'} | "
                f"{fit['passes']} | {short(fit['card'])}… | {'yes' if alike else 'NO'} |"
            )
    return made, same


def main() -> None:
    """Writes the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=None)
    given = parser.parse_args()
    made, same = lines(outcome("local", "local", "-")["fits"][0])
    text = "\n".join(made) + "\n"
    if given.output is None:
        sys.stdout.write(text)
    else:
        given.output.write_text(text, encoding="utf-8")
    sys.exit(not same)


if __name__ == "__main__":
    main()
