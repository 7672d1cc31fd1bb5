"""Which form pays from how many classes on: ``PYTHONPATH=.:tests python -m benchmarks.form_table``.

Measures both forms of each choice side by side on this machine, prints the ratios, and with
``--write`` puts the row of this kind of processor into ``logitconf/scores/form_table.py``. One
thread, its own time, on batches of one row, of 64, and of 2^18 and 2^20 logits. A form pays where
it gains over all together and loses too much on none; what counts is the first number of classes
behind which no other contradicts.
"""

import argparse
import datetime
import math
import platform
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from unittest import mock

import numpy as np
import onnxruntime
from benchmarks.heads import bound
from benchmarks.timing import interleaved_medians
from support.head_revisions import HeadCase, head_model

from logitconf.scores import form_table
from logitconf.scores.form_table import MEASURED, NEVER, Measured

# one that fits into the cache, and one that does not
LOGITS_OF_LARGE_BATCHES = (2**18, 2**20)
# how much faster a form must be over all batches
GAIN = 1.02


@dataclass(frozen=True, slots=True)
class Choice:
    """Two forms of one head, where to try them, and how much the new one may lose on a batch."""

    score: str
    runtime: str
    classes: Sequence[int]
    worst: float = 0.8


UNEVEN, FULL = (20, 30, 40, 50, 72, 100, 200, 500, 1000), (16, 32, 48, 64, 96, 128, 512)
CHOICES: Mapping[str, Choice] = {
    "softmax": Choice("softmax", "onnxruntime", UNEVEN),
    "full_softmax": Choice("softmax", "onnxruntime", FULL),
    "energy": Choice("energy", "onnxruntime", UNEVEN),
    "full_energy": Choice("energy", "onnxruntime", FULL),
    "table": Choice("margin", "any", (20, 32, 40, 48, 56, 64, 80, 100)),
}


def model_with(choice: Choice, n_classes: int, limit: int) -> bytes:
    """The head as it were if every form paid from so many classes on."""
    row = Measured("none", "none", "none", limit, limit, limit, limit, limit)
    case = HeadCase(choice.score, "multiclass", n_classes, runtime=choice.runtime)
    with mock.patch.object(form_table, "MEASURED", (row,)):
        return bytes(head_model(case).SerializeToString())


def gains(choice: Choice, n_classes: int, seconds: float) -> list[float]:
    """How many times faster the form is on each batch."""
    models = {str(limit): model_with(choice, n_classes, limit) for limit in (1, NEVER)}
    ratios = []
    for rows in (1, 64, *(size // n_classes for size in LOGITS_OF_LARGE_BATCHES)):
        logits = np.random.default_rng(0).normal(0, 4, (rows, n_classes)).astype(np.float32)
        runs = {limit: bound(model, logits, 1) for limit, model in models.items()}
        spent = interleaved_medians(runs, seconds=seconds, rounds=15, clock=time.thread_time)
        ratios.append(spent[str(NEVER)] / spent["1"])
    return ratios


def faster(ratios: Sequence[float], worst: float) -> bool:
    """Whether a form gains over the batches together, and loses too much on none."""
    return math.prod(ratios) >= GAIN ** len(ratios) and min(ratios) >= worst


def first_that_pays(measured: Mapping[int, Sequence[float]], worst: float) -> int:
    """The smallest number of classes from which on every one that was tried gains."""
    first = NEVER
    for n_classes in sorted(measured, reverse=True):
        if not faster(measured[n_classes], worst):
            break
        first = n_classes
    return first


def processor() -> str:
    """The family of this machine's processor, and how wide its vectors are."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    name = re.search(r"model name\s*: (.+)", text)
    widest = next((word for word in ("avx512f", "avx2", "asimd") if word in text), "no vectors")
    family = " ".join((name[1] if name else platform.machine()).split()[:2])
    return f"{family}, {widest}"


def written(rows: Sequence[Measured]) -> str:
    """The table's source with these rows."""
    source = Path(form_table.__file__).read_text(encoding="utf-8")
    start = source.index("MEASURED: tuple")
    end = source.index("\n)\n", start) + 3
    lines = ["MEASURED: tuple[Measured, ...] = ("]
    for row in rows:
        lines.append("    Measured(")
        for field in fields(Measured):
            value = getattr(row, field.name)
            text = "NEVER" if value == NEVER else f'"{value}"' if isinstance(value, str) else value
            lines.append(f"        {field.name}={text},")
        lines.append("    ),")
    return source[:start] + "\n".join([*lines, ")", ""]) + source[end:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.2, help="for each pair and batch")
    parser.add_argument("--write", action="store_true", help="put the row into the table")
    options = parser.parse_args()
    limits = {}
    for name, choice in CHOICES.items():
        measured = {k: gains(choice, k, options.seconds) for k in choice.classes}
        limits[name] = first_that_pays(measured, choice.worst)
        for n_classes, ratios in measured.items():
            print(f"{name} {n_classes:5}: " + "  ".join(f"{ratio:.2f}" for ratio in ratios))
        print(f"  pays from {limits[name]} on; the table says {getattr(MEASURED[0], name)}")
    today = datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat()
    row = Measured(processor(), onnxruntime.__version__, today, **limits)
    print(row)
    if options.write:
        others = [each for each in MEASURED if each.processor != row.processor]
        Path(form_table.__file__).write_text(written([*others, row]), encoding="utf-8")


if __name__ == "__main__":
    main()
