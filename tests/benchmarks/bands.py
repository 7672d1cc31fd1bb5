"""Proved bands beside those of the table of scores, and the largest errors that a search finds.

Prints the table of tests/records/bands.md: ``python tests/benchmarks/bands.py TABLES.json``. A band
is the difference of two runtimes, so twice the bound of one. The search runs onnxruntime on random
rows, rows whose terms are alike and rows near the worst so far; against float64.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from logitconf.card.score_card import ScoreCard
from logitconf.head_spec import Head
from logitconf.scores.rounding import Rounding
from logitconf.scores.table import SCORES
from logitconf_export.decisions.reference import Reference
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.composing.arithmetic import Arithmetic, Measured, Rounded
from logitconf_export.proof.composing.tensors import CannotProveError
from logitconf_export.proof.prover import Question, computed_scores
from logitconf_export.proof.tables.files import digest, read_tables

T, LIMIT = 1.5, 100.0
SIZES = (2, 10, 100, 1000)
ANY_ORDER = Rounded("any order of sums", (("Exp", 2.5), ("Log", 3.5), ("Softmax exp", 2.5)))
LABELS = 10
FLUSHED = 2.0**-120


def cells() -> Iterator[tuple[str, str, int]]:
    """Score, task and number of columns of each row."""
    for name, score in SCORES.items():
        if score.over_members:
            continue
        if "categorical" in score.families:
            yield from ((name, "multiclass", n) for n in SIZES if n >= score.fewest_classes)
        if "bernoulli" in score.families:
            yield name, "binary", 1
            yield name, "multilabel", LABELS


def model_of(score: str, task: str, n: int) -> onnx.ModelProto:
    """The portable head."""
    row = SCORES[score]
    parameters = {name: p.default for name, p in row.parameters.items()}
    threshold = -0.5 if row.floor < -1.0 else 0.3
    card = ScoreCard(
        score, task, temperature=T, threshold=threshold, n_classes=n, parameters=parameters
    )
    return to_onnx(card, n_classes=n)


def proved(model: onnx.ModelProto, arithmetic: Arithmetic) -> tuple[float, float, float]:
    """Largest bound, the largest of twice the bound over the band, and the score where that is."""
    question = Question(model, read_metadata(model))
    card, form = question.metadata.card, question.metadata.form
    computed, exact = computed_scores(question, arithmetic)
    values, error = computed.errors(exact)
    joined = SCORES[card.score].joins_labels and card.task == "multilabel"
    rounding = Rounding(card.score, form.n_classes, temperature=T, joined=joined)
    band = np.maximum(rounding.bands(values.low), rounding.bands(values.high))
    ratio = 2.0 * error / np.maximum(band, FLUSHED)
    worst = int(ratio.argmax())
    return float(error.max()), float(ratio[worst]), float(values.high[worst])


def searched(model: onnx.ModelProto, rounds: int = 4) -> float:
    """The largest error of onnxruntime that was met."""
    metadata = read_metadata(model)
    n = metadata.form.n_classes or 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    exact = Reference(Head.of_card(metadata.card, metadata.form))
    random, best = np.random.default_rng(0), 0.0
    scale = 10.0 ** random.uniform(-2.0, 1.6, size=(600, 1))
    alike = np.where(np.arange(n) == 0, 0.0, -random.uniform(0.0, 20.0, size=(200, 1)))
    rows: Array = np.vstack([random.normal(size=(600, n)) * scale, alike])
    for step in range(rounds):
        rows = np.clip(rows, -LIMIT, LIMIT).astype(np.float32)
        (score,) = session.run(["score"], {session.get_inputs()[0].name: rows})
        truth = exact.truth(rows.astype(np.float64)).score.astype(np.float64)
        off = np.abs(score.astype(np.float64) - truth)
        off = np.where(np.isfinite(off), off, 0.0)
        best = max(best, float(off.max()))
        top = rows[np.argsort(off)[-8:]]
        spread = random.normal(size=(100, 8, n)) * 10.0 ** -(step + 1.0)
        rows = (top * (1.0 + spread)).reshape(-1, n)
    return best


def line(score: str, task: str, n: int, measured: Arithmetic) -> str:
    """One row of the record."""
    model = model_of(score, task, n)
    found = searched(model)
    cell = [score, task, str(n), f"{found:.2e}"]
    for arithmetic in (measured, ANY_ORDER):
        try:
            bound, ratio, where = proved(model, arithmetic)
        except CannotProveError as error:
            cell += ["none", f"{error}"[:60].replace("|", "/")]
            continue
        tight = f"{bound / found:.1f}" if found else "-"
        cell += [f"{bound:.2e} ({tight} x)", f"{ratio:.2g} at {where:.3g}"]
    return "| " + " | ".join(cell) + " |"


def main() -> None:
    """Prints the record."""
    tables = read_tables(Path(sys.argv[1]))
    measured = Measured(tables)
    print(f"Tables of {measured.name}: SHA-256 {digest(tables)}; T = {T:g}, |x| <= {LIMIT:g}.\n")
    print("| score | task | K | found | proved bound | 2 x bound / band | any order | 2 x / band |")
    print("|---|---|---|---|---|---|---|---|")
    for score, task, n in cells():
        print(line(score, task, n, measured), flush=True)


if __name__ == "__main__":
    main()
