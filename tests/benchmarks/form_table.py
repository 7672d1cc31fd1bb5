"""Which form pays from how many classes on: ``PYTHONPATH=.:tests python -m benchmarks.form_table``.

Measures both forms of each choice side by side on this machine, prints the ratios, and with
``--write`` puts the row of this kind of processor into ``logitconf/scores/form_table.py``. One
thread, its own time, on batches of one row, of 64, and of 2^18 and 2^20 logits; of three pairs of
sessions the middle ratio counts, since memory lies otherwise in each. A form pays where it gains
clearly over all batches together and loses too much on none, and does not where it loses clearly;
between the two the table stays as it is, or every run would write another one. What counts is the
first number of classes behind which no other contradicts.
"""

import argparse
import datetime
import math
import platform
import re
import statistics
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
# how much faster a form must be over all batches, or slower, to change the table
GAIN = 1.05
SESSIONS = 3


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
    models = {limit: model_with(choice, n_classes, limit) for limit in (1, NEVER)}
    ratios = []
    for rows in (1, 64, *(size // n_classes for size in LOGITS_OF_LARGE_BATCHES)):
        logits = np.random.default_rng(0).normal(0, 4, (rows, n_classes)).astype(np.float32)
        runs = {
            f"{turn} {limit}": bound(model, logits, 1)
            for turn in range(SESSIONS)
            for limit, model in models.items()
        }
        spent = interleaved_medians(runs, seconds=seconds, rounds=15, clock=time.thread_time)
        ratios.append(
            statistics.median(spent[f"{t} {NEVER}"] / spent[f"{t} 1"] for t in range(SESSIONS))
        )
    return ratios


def faster(ratios: Sequence[float], worst: float) -> bool | None:
    """Whether a form gains over the batches together, and loses too much on none; None: unclear."""
    together = math.prod(ratios) ** (1 / len(ratios))
    if min(ratios) < worst or together <= 1 / GAIN:
        return False
    return True if together >= GAIN else None


def first_that_pays(measured: Mapping[int, Sequence[float]], worst: float, today: int) -> int:
    """The smallest number of classes from which on none that was tried contradicts.

    Args:
        measured: ratios by number of classes.
        worst: how much may be lost on one batch.
        today: the limit in the table, which decides what is unclear; NEVER for a new processor.
    """
    first, behind = NEVER, True
    for n_classes in sorted(measured, reverse=True):
        clear = faster(measured[n_classes], worst)
        # below today's limit it must gain here and at the next number behind
        pays_here = clear and behind if n_classes < today < NEVER else clear
        if not (n_classes >= today if pays_here is None else pays_here):
            break
        first, behind = n_classes, clear is True
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
    limits, this = {}, processor()
    row_of_today = next((row for row in MEASURED if row.processor == this), None)
    for name, choice in CHOICES.items():
        today = NEVER if row_of_today is None else getattr(row_of_today, name)
        measured = {k: gains(choice, k, options.seconds) for k in choice.classes}
        limits[name] = first_that_pays(measured, choice.worst, today)
        for n_classes, ratios in measured.items():
            print(f"{name} {n_classes:5}: " + "  ".join(f"{ratio:.2f}" for ratio in ratios))
        print(f"  pays from {limits[name]} on; the table says {today}")
    date = datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat()
    row = Measured(this, onnxruntime.__version__, date, **limits)
    print(row)
    if options.write:
        others = [each for each in MEASURED if each.processor != row.processor]
        Path(form_table.__file__).write_text(written([*others, row]), encoding="utf-8")


if __name__ == "__main__":
    main()
