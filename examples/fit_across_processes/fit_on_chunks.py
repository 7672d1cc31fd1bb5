"""A whole fit by workers that each read their own chunks of the rows.

One vector of sums a pass is added up over all of them, so every worker ends with the same
temperature, threshold and certificate as one with all rows.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from logitconf import (
    ScoreCard,
    SoftmaxScore,
    choose_coverage_chunks,
    choose_risk_chunks,
    fit_temperature_chunks,
)
from logitconf.scores.rounding import Rounding

CHUNKS, ROWS, CLASSES = 8, 1000, 10
Vector = npt.NDArray[np.float64]


def read_chunk(number: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Logits (N, K) and labels (N,) of one chunk; here drawn, elsewhere read from a file."""
    rng = np.random.default_rng(number)
    logits = rng.normal(0.0, 3.0, (ROWS, CLASSES)).astype(np.float32)
    # the labels are drawn at a temperature of 2: the most likely of Gumbel-shifted logits
    labels = (logits / 2.0 + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return logits, labels


def fit_on(mine: Sequence[int], together: Callable[[Vector], Vector] | None) -> str:
    """What is found on all chunks by a worker that reads its own.

    Args:
        mine: the worker's chunks.
        together: adds a vector up over all workers; None if there is only one.
    """
    fit = fit_temperature_chunks(
        lambda: (read_chunk(number) for number in mine), family="categorical", all_reduce=together
    )
    score = SoftmaxScore(temperature=fit.temperature)

    def scores() -> Iterator[npt.NDArray[np.float32]]:
        for number in mine:
            yield score.score(read_chunk(number)[0])

    def scores_and_errors() -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]]:
        for number in mine:
            logits, labels = read_chunk(number)
            yield score.score(logits), logits.argmax(axis=1) != labels

    rounding = Rounding("softmax", CLASSES, temperature=fit.temperature)
    choice = choose_coverage_chunks(scores, 0.9, rounding=rounding, all_reduce=together)
    if not isinstance(choice.threshold, float):
        raise TypeError("one threshold was asked for")
    score.set_threshold(value=choice.threshold)
    found = choose_risk_chunks(scores_and_errors, 0.3, 0.99, rounding=rounding, all_reduce=together)
    card = found.on_card(ScoreCard("softmax", "multiclass", fit.temperature, n_classes=CLASSES))

    counts = np.zeros(4)
    for number in mine:
        logits, labels = read_chunk(number)
        right = logits.argmax(axis=1) == labels
        accepted = score.select(logits)["selected"]
        counts += len(right), right.sum(), accepted.sum(), (right & accepted).sum()
    rows, all_right, taken, taken_right = together(counts) if together else counts
    return (
        f"temperature {fit.temperature.hex()}, threshold {choice.threshold.hex()}\n"
        f"{taken:.0f} of {rows:.0f} rows accepted\n"
        f"accuracy of all: {all_right / rows:.2%}\n"
        f"accuracy of accepted: {taken_right / taken:.2%}\n"
        f"risk below 30 %, 99 % sure: {found.choice.errors} errors of {found.choice.accepted}, "
        f"head {card.certificate and card.certificate.head}"
    )
