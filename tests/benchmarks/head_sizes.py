"""Bytes that a head adds to a file: ``PYTHONPATH=.:export:tests python -m benchmarks.head_sizes``.

With a card of numbers alone, as `fit` writes it, and with a certificate; part by part as `inspect`
lists them. ``tests/export/attachment/test_sizes.py`` holds the limit.
"""

import argparse
import warnings
from collections.abc import Iterator

import numpy as np
import onnx
from rich.console import Console
from rich.table import Table
from support import runtime_matrix as matrix

from logitconf import LogitconfWarning, attach
from logitconf.card.score_card import ScoreCard
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf_export.attachment.sizes import added_bytes

PARTS = ("names", "nodes", "initializers", "sketch", "confidence", "certificate")


def host_of(columns: int) -> onnx.ModelProto:
    return onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 17]>
        host (float[N, {columns}] x) => (float[N, {columns}] z) {{ z = Neg (x) }}"""
    )


def cards(score: str, columns: int) -> Iterator[tuple[str, ScoreCard]]:
    """What the card says more and more of, and the card."""
    random = np.random.default_rng(0)
    labels = random.integers(0, columns, 600)
    logits = random.normal(0, 2, (600, columns)) + 6 * np.eye(columns)[labels]
    yield "numbers", matrix.middling_head(score, "multiclass", min(columns, 10)).card
    fitted = SCORE_CLASSES[score]().fit(logits, labels)
    yield "fit", fitted.set_threshold(coverage=0.9).card
    fitted = SCORE_CLASSES[score]().fit(logits, labels, holdout=0.5)
    yield "certified", fitted.set_threshold(risk=0.2).card


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, nargs="*", default=[2, 10, 1000])
    parser.add_argument("--scores", nargs="*", choices=list(SCORE_CLASSES))
    options = parser.parse_args()
    warnings.simplefilter("ignore", LogitconfWarning)
    table = Table("score", "classes", "card", "bytes", *PARTS, "rest")
    for columns in options.classes:
        for score in options.scores or matrix.scores_for("multiclass", columns):
            for what, card in cards(score, columns):
                parts = added_bytes(attach(host_of(columns), card, logits="z", kind="logits"))
                total, shown = sum(parts.values()), [parts.get(name, 0) for name in PARTS]
                rest = total - sum(shown)
                table.add_row(score, f"{columns}", what, *map(str, (total, *shown, rest)))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
