"""How well the confidence of every score is calibrated on real models' held-out rows.

    PYTHONPATH=tests python -m benchmarks.confidence

Score, temperature and confidence are fitted on one half of the rows. The other half shows the
expected calibration error (ECE, 15 bins of equal width) of the confidence, that of the same number
of rows drawn right with just that probability (what chance alone leaves), that of the calibrated
top probability, and the Brier scores of both. The files are those of `real_data`.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from support import real_data

from logitconf import LogitconfWarning
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.metrics.calibration import expected_calibration_error
from logitconf.outputs.confidence import exact_confidence
from logitconf.scores.table import SCORES, refusal
from logitconf.tasks import check_logits

DRAWS = 40
HEADER = """| data | score | knots | held-out ECE in the card | ECE on new rows | by chance \
| ECE of the top probability | Brier | of the top probability |
|---|---|---|---|---|---|---|---|---|"""


@dataclass(frozen=True, slots=True)
class Line:
    """One score on one file."""

    data: str
    score: str
    knots: int
    said: float
    error: float
    chance: float
    of_probability: float
    brier: float
    brier_of_probability: float

    def __str__(self) -> str:
        figures = (self.said, self.error, self.chance, self.of_probability)
        squares = (self.brier, self.brier_of_probability)
        numbers = [f"{x:.4f}" for x in (*figures, *squares)]
        return f"| {self.data} | {self.score} | {self.knots} | {' | '.join(numbers)} |"


def lines(data: str, split: real_data.LogitSplit) -> Iterator[Line]:
    """Every score that is defined for the logits."""
    _, layout = check_logits(split.fit_logits, "multiclass")
    random = np.random.default_rng(0)
    for name in SCORES:
        if refusal(name, layout) or SCORES[name].learned:
            continue
        score = SCORE_CLASSES[name]().fit(split.fit_logits, split.fit_labels)
        knots = score.card.confidence
        if knots is None or knots.error is None:
            continue
        scores = np.asarray(score.score(split.test_logits), dtype=np.float64)
        finite = np.isfinite(scores)
        right = (split.test_logits.argmax(axis=1) == split.test_labels)[finite]
        sure = exact_confidence(scores[finite], knots)
        top = np.asarray(score.probabilities(split.test_logits)).max(axis=1)[finite]
        drawn = [
            expected_calibration_error(sure, random.random(sure.size) < sure) for _ in range(DRAWS)
        ]
        yield Line(
            data=data,
            score=name,
            knots=len(knots.scores),
            said=knots.error,
            error=expected_calibration_error(sure, right),
            chance=float(np.mean(drawn)),
            of_probability=expected_calibration_error(top, right),
            brier=_brier(sure, right),
            brier_of_probability=_brier(top, right),
        )


def _brier(sure: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    return float(np.mean((sure - right) ** 2))


def main() -> None:
    """Prints a table, one line a score and file."""
    warnings.simplefilter("ignore", LogitconfWarning)
    print(HEADER)
    for data, split in (
        ("CIFAR-10, DenseNet-40", real_data.nncal()),
        ("EuroSAT", real_data.eurosat()),
        ("MMLU options, Llama-2-13b", real_data.llmuq_llama()),
        ("MMLU options, Mistral-7B", real_data.llmuq_mistral()),
    ):
        for line in lines(data, split):
            print(line, flush=True)


if __name__ == "__main__":
    main()
