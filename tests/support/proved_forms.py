"""Every form of every score judged by the prover: ``python -m support.proved_forms``.

Prints the table of tests/records/proofs.md: verdict, the bound near the threshold over the rounding
band, seconds of process time, or what stops the proof. With names of scores, those alone.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

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


def measured() -> Measured:
    """The recorded tables of onnxruntime."""
    (record,) = (RECORDS / "operations").glob("onnxruntime_1.31.1_*.json")
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
    model = to_onnx(card, n_classes=n, runtime=form)
    start = time.process_time()
    proof = prove(Question(model, read_metadata(model)), runtime)
    seconds = time.process_time() - start
    ratio = "" if proof.bound is None else f"{proof.bound.near_threshold / proof.bound.band:.2g}"
    why = "" if proof.verdict == "PROVED" else proof.reason[:110].replace("|", "/")
    return f"| {score} | {form} | {n} | {proof.verdict} | {ratio} | {seconds:.1f} | {why} |"


def main() -> None:
    """Prints the table."""
    runtime = measured()
    print("| score | form | K | verdict | bound / band | seconds | what stops it |")
    print("|---|---|---|---|---|---|---|")
    with np.errstate(all="ignore"):
        for score, form, n in cells(sys.argv[1:]):
            print(line(score, form, n, runtime), flush=True)


if __name__ == "__main__":
    main()
