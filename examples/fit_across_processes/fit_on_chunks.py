"""A whole fit by workers that each read their own chunks of the rows.

A plan asks for one pass after the other. Each worker answers for its chunks, the answers are added
up, and the plan goes on: the card is the same to the last byte as with one worker.
"""

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np
import numpy.typing as npt

from logitconf import FitPlan, ScoreCard
from logitconf.distributed.request import Request
from logitconf.distributed.total import Total

CHUNKS, ROWS, CLASSES = 8, 1000, 10


def read_chunk(number: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Logits (N, K) and labels (N,) of one chunk; here drawn, elsewhere read from a file."""
    rng = np.random.default_rng(number)
    logits = rng.normal(0.0, 3.0, (ROWS, CLASSES)).astype(np.float32)
    # the labels are drawn at a temperature of 2: the most likely of Gumbel-shifted logits
    labels = (logits / 2.0 + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return logits, labels


def answer(request: Request, mine: Sequence[int]) -> bytes:
    """The answer of a worker for its chunks, as bytes that travel."""
    totals = (request.total_of(*read_chunk(number)) for number in mine)
    return reduce(Total.plus, totals, request.empty()).to_bytes()


def fit_with(answers: Callable[[Request], Sequence[bytes]]) -> ScoreCard:
    """The card of all rows.

    Args:
        answers: of all workers to a request.
    """
    plan = FitPlan("softmax", risk=0.3, confidence=0.99, holdout=0.5)
    while (request := plan.next()) is not None:
        totals = map(Total.from_bytes, answers(request))
        plan.send(request.id, reduce(Total.plus, totals, request.empty()))
    return plan.card()


def told(card: ScoreCard) -> str:
    """What the card says, and which bytes it has."""
    rows, policy, threshold = card.rows, card.policy, card.threshold
    if rows is None or policy is None or card.certificate is None:
        raise TypeError("a certified card was asked for")
    if not isinstance(threshold, float):
        raise TypeError("one threshold was asked for")
    return (
        f"temperature {card.temperature.hex()}, threshold {threshold.hex()}\n"
        f"{policy['accepted']} of {rows.rows} held-out rows accepted\n"
        f"risk below 30 %, 99 % sure: {policy['errors']} errors of {policy['accepted']}, "
        f"head {card.certificate.head}"
    )
