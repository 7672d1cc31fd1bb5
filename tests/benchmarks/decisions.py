"""Counts flipped masks between eager torch and onnxruntime over very many decisions.

A decision is one (row, threshold) pair whose mask comes out of the graph: the head's threshold
becomes an input of shape (M, 1), which its own nodes broadcast against the N scores. Half of the
thresholds are scores that were observed, where flips are likeliest, and half lie between two.

    export PYTHONPATH=tests
    python tests/benchmarks/decisions.py --rows 10000 --thresholds 100      # 10^6, as CI does
    python tests/benchmarks/decisions.py --rows 1000000 --thresholds 100    # 10^8, by hand

Exit code 1 if a mask flips outside the rounding band, or at all with ``--precision float64``.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from support.runtime_matrix import middling_head, scores_for

from logitconf.card.score_card import HeadForm
from logitconf.head import ConfidenceHead
from logitconf.scores.table import SCORES
from logitconf_export.decisions.comparison import FlipCount, near_threshold
from logitconf_export.decisions.hard_rows import arranged, boundary_pairs, columns_of, random_rows
from logitconf_export.decisions.reference import Reference
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.runtimes.sessions import Session

TASK_CLASSES = (("multiclass", 10), ("binary", 1), ("binary", 2), ("multilabel", 6))
MEMBERS = 4
CHUNK = 20_000
PAIRS = 1000

Floats = NDArray[np.float32]


@dataclass(slots=True)
class Count:
    """What was counted for one score and task."""

    score: str
    task: str
    columns: int
    members: int | None
    precision: str
    seed: int
    decisions: int = 0
    distinct_rows: int = 0
    differing_scores: int = 0
    largest_difference: float = 0.0
    flips: FlipCount = field(default_factory=FlipCount)


def with_threshold_input(model: onnx.ModelProto, count: int) -> onnx.ModelProto:
    """The head with its threshold as an input (count, 1), and masks (count, N)."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    name = "logitconf/threshold"
    tensor = next(t for t in changed.graph.initializer if t.name == name)
    changed.graph.initializer.remove(tensor)
    changed.graph.input.append(
        onnx.helper.make_tensor_value_info(name, tensor.data_type, [count, 1])
    )
    mask = next(value for value in changed.graph.output if value.name == "mask")
    element = mask.type.tensor_type.elem_type
    mask.CopyFrom(onnx.helper.make_tensor_value_info("mask", element, [count, "N"]))
    return changed


def thresholds_of(scores: Floats, count: int, seed: int) -> Floats:
    """Half of them observed scores, half midpoints between two neighbouring ones."""
    usable = np.unique(scores[np.isfinite(scores)])
    places = np.random.default_rng(seed).integers(1, len(usable), count)
    between = (usable[places] + usable[places - 1]) / np.float32(2)
    return np.where(np.arange(count) % 2 == 0, usable[places], between).astype(np.float32)


def cases() -> Iterator[tuple[str, str, int, int | None]]:
    """Score, task, columns and members of everything that the table of scores defines."""
    for task, columns in TASK_CLASSES:
        for score in scores_for(task, columns, MEMBERS):
            yield score, task, columns, MEMBERS if SCORES[score].over_members else None


def chunks(reference: Reference, rows: int, seed: int) -> Iterator[Floats]:
    """Boundary pairs first, then random rows, no two chunks from the same seed."""
    form, family = reference.head.form, reference.head.layout.family
    width = columns_of(form)
    pairs = boundary_pairs(reference.accepts, width, pairs=PAIRS, family=family, seed=seed)
    yield arranged(np.concatenate(pairs), form)
    for index, start in enumerate(range(0, rows, CHUNK)):
        made = random_rows(min(CHUNK, rows - start), width, seed=seed + 1 + index)
        yield arranged(made, form)


def count_flips(
    score: str,
    task: str,
    columns: int,
    members: int | None = None,
    *,
    rows: int,
    thresholds: int,
    precision: str,
    seed: int,
    provider: str = "cpu",
) -> Count:
    """Runs one score and task."""
    card = middling_head(score, task, columns, members).card
    form = HeadForm(columns, precision=precision, members=members)
    head = ConfidenceHead(card, form)
    reference = Reference(head)
    first = random_rows(CHUNK, columns_of(form), seed=seed + 1)
    seen = reference.decisions(arranged(first, form)).score
    limits = thresholds_of(seen, thresholds, seed)
    # the threshold that the boundary pairs were made for is one of them
    limits[0] = np.asarray(card.threshold, np.float32)
    band = reference.allowed(limits)[:, None]
    count = Count(score, task, columns, members, precision, seed)
    model = with_threshold_input(to_onnx(head), thresholds)
    with Session(model, provider=provider, threads=1, profile=False) as session:
        for logits in chunks(reference, rows, seed):
            feeds = {"logits": logits, "logitconf/threshold": limits[:, None]}
            came, masks = session.run(feeds, ["score", "mask"])
            expected = reference.decisions(logits).score
            wanted = np.isfinite(expected) & (expected < limits[:, None])
            near = near_threshold(expected, limits[:, None], band)
            count.flips += FlipCount.of(wanted, masks, near)
            count.decisions += masks.size
            count.distinct_rows += len(expected)
            count.differing_scores += int(np.sum(expected != came))
            difference = np.abs(expected.astype(np.float64) - came)
            count.largest_difference = max(count.largest_difference, float(difference.max()))
    return count


def main(arguments: list[str]) -> int:
    """Counts every score and task, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--thresholds", type=int, default=100)
    parser.add_argument("--precision", choices=["float32", "float64"], default="float32")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--score", choices=list(SCORES), help="this one alone")
    parser.add_argument("--provider", default="cpu", help="of onnxruntime, by its short name")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print("| score | task | columns | decisions | in the band | flips inside | flips outside |")
    print("|---|---|---|---|---|---|---|")
    counts = []
    for case in cases():
        if options.score not in (None, case[0]):
            continue
        count = count_flips(
            *case,
            rows=options.rows,
            thresholds=options.thresholds,
            precision=options.precision,
            seed=options.seed,
            provider=options.provider,
        )
        counts.append(count)
        columns = f"{count.columns}" + (f" × {count.members}" if count.members else "")
        print(
            f"| {count.score} | {count.task} | {columns} | {count.decisions} "
            f"| {count.flips.in_band} | {count.flips.inside} | {count.flips.outside} |",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps([asdict(count) for count in counts], indent=2) + "\n")
    outside = sum(count.flips.outside for count in counts)
    inside = sum(count.flips.inside for count in counts)
    return int(outside > 0 or (options.precision == "float64" and inside > 0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
