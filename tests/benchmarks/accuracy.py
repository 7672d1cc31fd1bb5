"""Worst error of heads against float64 truth: ``PYTHONPATH=tests python -m benchmarks.accuracy``.

Rows are drawn at several scales, in chunks, and the heads run in onnxruntime. With
``precision="float64"`` the score is compared with what eager torch gives, in scores and masks.
"""

import argparse
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import onnxruntime
import reference
import torch
from rich.console import Console
from rich.table import Table

from logitconf.card import HeadForm, ScoreCard
from logitconf.head import ConfidenceHead
from logitconf.scores import SCORES, check_parameters
from logitconf_export import to_onnx

TEMPERATURE = 1.5
CHUNK_VALUES = 2_000_000
SCALES = (0.5, 3.0, 10.0, 100.0)


def head_of(score: str, columns: int, runtime: str, precision: str) -> ConfidenceHead:
    card = ScoreCard(
        score, "multiclass", TEMPERATURE, 0.0, columns, parameters=check_parameters(score, {})
    )
    return ConfidenceHead(card, HeadForm(columns, runtime=runtime, precision=precision))


def session_of(head: ConfidenceHead) -> onnxruntime.InferenceSession:
    content = to_onnx(head).SerializeToString()
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def worst_errors(score: str, columns: int, rows: int, runtime: str) -> tuple[float, float]:
    """Largest error of the float32 head, absolute and in ulps of the score."""
    session = session_of(head_of(score, columns, runtime, "float32"))
    absolute = ulps = 0.0
    for logits in chunks(columns, rows):
        found = session.run(["score"], {"logits": logits})[0].astype(np.float64)
        truth = reference.score(score, logits, TEMPERATURE, "multiclass")
        error = np.abs(found - truth)
        absolute = max(absolute, float(error.max()))
        ulps = max(ulps, float((error / np.spacing(np.abs(truth).astype(np.float32))).max()))
    return absolute, ulps


def differences_in_double(score: str, columns: int, rows: int) -> tuple[int, int, int]:
    """Rows whose score differs, the largest difference in ulps, and masks that differ."""
    head = head_of(score, columns, "any", "float64")
    session = session_of(head)
    scores = ulps = masks = 0
    for logits in chunks(columns, rows):
        found, mask = session.run(["score", "mask"], {"logits": logits})
        expected, accepted = (value.numpy() for value in head(torch.from_numpy(logits)))
        distance = reference.ulp_distance(found, expected)
        scores += int((distance > 0).sum())
        ulps = max(ulps, int(distance.max()))
        masks += int((mask != accepted).sum())
    return scores, ulps, masks


def chunks(columns: int, rows: int) -> Iterator[npt.NDArray[np.float32]]:
    """Random rows at several scales."""
    rng = np.random.default_rng(0)
    size = max(1, CHUNK_VALUES // columns)
    for i in range(-(-rows // size)):
        yield rng.normal(0, SCALES[i % len(SCALES)], (size, columns)).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="for each score")
    parser.add_argument("--scores", nargs="*", default=list(SCORES))
    parser.add_argument("--classes", type=int, nargs="*", default=[2, 10, 1000])
    options = parser.parse_args()
    table = Table(
        "score", "classes", "rows", "any: absolute", "ulp", "onnxruntime: absolute", "ulp",
        "float64: scores differ", "by ulp", "masks differ",
    )  # fmt: skip
    for score in options.scores:
        for columns in options.classes:
            rows = max(1, options.rows * 10 // max(10, columns))
            found = [worst_errors(score, columns, rows, r) for r in ("any", "onnxruntime")]
            numbers = [f"{value:.3g}" for pair in found for value in pair]
            double = [str(value) for value in differences_in_double(score, columns, rows)]
            table.add_row(score, str(columns), str(rows), *numbers, *double)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
