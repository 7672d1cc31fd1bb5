"""Every form of every score judged by the prover: ``python -m support.proved_forms``.

Prints the table of tests/records/proofs.md: verdict, the bound near the threshold over the rounding
band, seconds of process time, or what stops the proof. With names of scores, those alone; with
``others`` first, the second table: other tasks, thresholds of classes and labels, calibration maps.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from logitconf.calibration.maps.calibration_map import CalibrationMap
from logitconf.card.score_card import ScoreCard
from logitconf.scores.table import SCORES
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.proof.composing.arithmetic import Measured
from logitconf_export.proof.prover import Question, prove
from logitconf_export.proof.tables.files import read_tables

RECORDS = Path(__file__).resolve().parents[1] / "records"
FORMS = ("any", "onnxruntime", "cuda")
SIZES = (10, 1000)
PIXELS = "classes of each pixel"


def measured() -> Measured:
    """The recorded tables of onnxruntime."""
    (record,) = (RECORDS / "operations").glob("onnxruntime_1.31.1_cpu_*.json")
    return Measured(read_tables(record))


def cells(scores: list[str]) -> Iterator[tuple[str, str, int]]:
    """Score, form and number of classes."""
    for name, row in SCORES.items():
        if (
            not row.over_members
            and "categorical" in row.families
            and (not scores or name in scores)
        ):
            yield from ((name, form, n) for n in SIZES for form in FORMS)


def line(score: str, form: str, n: int, runtime: Measured) -> str:
    """One row of the table."""
    row = SCORES[score]
    card = ScoreCard(
        score,
        "multiclass",
        temperature=1.5,
        threshold=-0.5 if row.floor < -1.0 else 0.3,
        n_classes=n,
        parameters={name: p.default for name, p in row.parameters.items()},
    )
    return f"| {score} | {form} | {n} {judged(card, form, n, runtime)}"


def judged(card: ScoreCard, form: str, n: int, runtime: Measured, axis: int | None = None) -> str:
    """The cells of a verdict."""
    rank = None if axis is None else 4
    model = to_onnx(card, n_classes=n, runtime=form, rank=rank, class_axis=axis)
    start = time.process_time()
    proof = prove(Question(model, read_metadata(model)), runtime)
    seconds = time.process_time() - start
    ratio = "" if proof.bound is None else f"{proof.bound.near_threshold / proof.bound.band:.2g}"
    why = "" if proof.verdict == "PROVED" else proof.reason[:110].replace("|", "/")
    return f"| {proof.verdict} | {ratio} | {seconds:.1f} | {why} |"


def cards(n: int = 10) -> Iterator[tuple[str, str, int, ScoreCard]]:
    """What other heads are of, their score, how many columns they read, and their card."""
    scale = tuple(1.0 + 0.05 * (i % 3 - 1) for i in range(n))
    bias = tuple(0.1 * (i % 3 - 1) for i in range(n))
    vector = CalibrationMap("vector", scale=scale, bias=bias)
    labels = CalibrationMap("vector", scale=scale)
    mixed = np.eye(n) + 0.01 * (np.add.outer(np.arange(n), 2 * np.arange(n)) % 5 - 2)
    matrix = CalibrationMap("matrix", matrix=tuple(map(tuple, mixed.tolist())), bias=bias)
    for name, row in SCORES.items():
        if row.over_members or name == "learned":
            continue
        threshold = {"energy": -3.0}.get(name, -0.6 if row.floor < -1.0 else 0.3)
        several = tuple(threshold + 0.01 * i for i in range(n))
        parameters = {p: value.default for p, value in row.parameters.items()}

        def card(task: str, columns: int, name: str = name, **parts: Any) -> ScoreCard:
            own = {"threshold": threshold, "parameters": parameters, **parts}  # noqa: B023
            return ScoreCard(name, task, temperature=1.5, n_classes=columns, **own)

        if "categorical" in row.families:
            yield "binary, two logits", name, 2, card("binary", 2)
            yield PIXELS, name, n, card("multiclass", n)
            yield "threshold of each class", name, n, card("multiclass", n, threshold=several)
            if name != "max_logit_norm":
                yield "vector map", name, n, card("multiclass", n, calibration_map=vector)
                yield "matrix map", name, n, card("multiclass", n, calibration_map=matrix)
                both = card("multiclass", n, threshold=several, calibration_map=vector)
                yield "vector map, threshold of each class", name, n, both
        if "bernoulli" in row.families:
            platt = CalibrationMap("platt", bias=(0.25,))
            yield "binary, one logit", name, 1, card("binary", 1)
            yield "binary, platt map", name, 1, card("binary", 1, calibration_map=platt)
            yield "multilabel", name, n, card("multilabel", n)
            yield "multilabel, vector map", name, n, card("multilabel", n, calibration_map=labels)
            own = card("multilabel", n, threshold=several, per_label=True)
            yield "each label judged", name, n, own


def other_line(heads: str, score: str, form: str, runtime: Measured) -> str:
    """One row of the second table."""
    ((n, card),) = [(n, card) for h, s, n, card in cards() if (h, s) == (heads, score)]
    axis = 1 if heads == PIXELS else None
    return f"| {heads} | {score} | {form} {judged(card, form, n, runtime, axis)}"


def main() -> None:
    """Prints a table."""
    runtime = measured()
    if sys.argv[1:2] == ["others"]:
        print("| head | score | form | verdict | bound / band | seconds | what stops it |")
        print("|---|---|---|---|---|---|---|")
        with np.errstate(all="ignore"):
            for heads, score, _, _ in cards():
                for form in FORMS if score in (sys.argv[2:] or SCORES) else ():
                    print(other_line(heads, score, form, runtime), flush=True)
        return
    print("| score | form | K | verdict | bound / band | seconds | what stops it |")
    print("|---|---|---|---|---|---|---|")
    with np.errstate(all="ignore"):
        for score, form, n in cells(sys.argv[1:]):
            print(line(score, form, n, runtime), flush=True)


if __name__ == "__main__":
    main()
