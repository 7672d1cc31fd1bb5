"""Worst error of heads against float64 truth: ``PYTHONPATH=tests python -m benchmarks.accuracy``.

Rows are drawn at several scales, in chunks, or come from real classifiers, and the heads run in
onnxruntime. With ``precision="float64"`` the score is compared with what eager torch gives, in
scores and in masks, whose threshold is the median score of the first rows.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from rich.console import Console
from rich.table import Table
from support import real_data, reference

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.head import ConfidenceHead
from logitconf.scores.table import SCORES, check_parameters
from logitconf_export import to_onnx

TEMPERATURE = 1.5
CHUNK_VALUES = 2_000_000
SCALES = (0.5, 3.0, 10.0, 100.0)


Float32 = npt.NDArray[np.float32]
REAL = {
    "nncal": real_data.nncal,
    "eurosat": real_data.eurosat,
    "llama": real_data.llmuq_llama,
    "mistral": real_data.llmuq_mistral,
}


def head_of(
    score: str, columns: int, runtime: str, precision: str, threshold: float = 0.0
) -> ConfidenceHead:
    parameters = check_parameters(score, {})
    card = ScoreCard(score, "multiclass", TEMPERATURE, threshold, columns, parameters=parameters)
    return ConfidenceHead(card, HeadForm(columns, runtime=runtime, precision=precision))


def session_of(head: ConfidenceHead) -> onnxruntime.InferenceSession:
    content = to_onnx(head).SerializeToString()
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of so many classes: those of a real classifier by name, or random ones."""

    columns: int
    rows: int
    real: str = ""

    def chunks(self) -> Iterator[Float32]:
        """The rows in chunks, random ones at several scales."""
        if self.real:
            split = REAL[self.real]()
            yield from (split.fit_logits, split.test_logits)
            return
        rng = np.random.default_rng(0)
        size = max(1, CHUNK_VALUES // self.columns)
        for i in range(-(-self.rows // size)):
            yield rng.normal(0, SCALES[i % len(SCALES)], (size, self.columns)).astype(np.float32)


def worst_errors(score: str, source: Source, runtime: str) -> tuple[float, float]:
    """Largest error of the float32 head, absolute and in ulps of the score."""
    session = session_of(head_of(score, source.columns, runtime, "float32"))
    absolute = ulps = 0.0
    for logits in source.chunks():
        found = session.run(["score"], {"logits": logits})[0].astype(np.float64)
        truth = reference.score(score, logits, TEMPERATURE, "multiclass")
        error = np.abs(found - truth)
        absolute = max(absolute, float(error.max()))
        ulps = max(ulps, float((error / np.spacing(np.abs(truth).astype(np.float32))).max()))
    return absolute, ulps


def differences_in_double(score: str, source: Source) -> tuple[int, int, int]:
    """Rows whose score differs, the largest difference in ulps, and masks that differ."""
    (first,) = islice(source.chunks(), 1)
    median = float(np.median(reference.score(score, first, TEMPERATURE, "multiclass")))
    head = head_of(score, source.columns, "any", "float64", median)
    session = session_of(head)
    scores = ulps = masks = 0
    for logits in source.chunks():
        found, mask = session.run(["score", "mask"], {"logits": logits})
        expected, accepted = (value.numpy() for value in head(torch.from_numpy(logits)))
        distance = reference.ulp_distance(found, expected)
        scores += int((distance > 0).sum())
        ulps = max(ulps, int(distance.max()))
        masks += int((mask != accepted).sum())
    return scores, ulps, masks


def real_source(name: str) -> Source:
    """All rows of a real classifier."""
    split = REAL[name]()
    return Source(split.fit_logits.shape[1], len(split.fit_logits) + len(split.test_logits), name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="for each score")
    parser.add_argument("--scores", nargs="*", default=list(SCORES))
    parser.add_argument("--classes", type=int, nargs="*", default=[2, 10, 1000])
    parser.add_argument("--real", nargs="*", default=[], choices=list(REAL))
    options = parser.parse_args()
    sources = [Source(k, max(1, options.rows * 10 // max(10, k))) for k in options.classes]
    sources += [real_source(name) for name in options.real]
    table = Table(
        "score", "source", "classes", "rows", "any: absolute", "ulp",
        "onnxruntime: absolute", "ulp", "float64: scores differ", "by ulp", "masks differ",
    )  # fmt: skip
    for score in options.scores:
        for source in sources:
            found = [worst_errors(score, source, r) for r in ("any", "onnxruntime")]
            numbers = [f"{value:.3g}" for pair in found for value in pair]
            double = [str(value) for value in differences_in_double(score, source)]
            what = [source.real or "random", str(source.columns), str(source.rows)]
            table.add_row(score, *what, *numbers, *double)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
