"""Logits and labels that a score ranks, for what is drawn of them."""

import numpy as np
from numpy.typing import NDArray

TRUE_TEMPERATURE = 2.0
"""The labels are drawn from the softmax at this temperature."""


def labelled(
    rows: int, classes: int = 4, seed: int = 5, *, whole: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits (N, K) and labels (N,).

    Args:
        rows: N.
        classes: K.
        seed: of the draw.
        whole: whether the logits are whole numbers, so that many scores are equal.
    """
    random = np.random.default_rng(seed)
    logits = (random.normal(size=(rows, classes)) * 4).astype(np.float32)
    logits = np.rint(logits) if whole else logits
    noise = random.gumbel(size=logits.shape)
    return logits, (logits / TRUE_TEMPERATURE + noise).argmax(axis=1)
