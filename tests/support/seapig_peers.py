"""Scores of seapig as peers/record_seapig.py recorded them, without the package."""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TASKS = {
    "multiclass_10": "multiclass",
    "multiclass_100": "multiclass",
    "binary_flat": "binary",
    "binary_one": "binary",
    "binary_two": "binary",
    "multilabel_6": "multilabel",
}
"""The task of each layout of single models."""


@cache
def recorded(release: str) -> dict[str, NDArray[np.float64]]:
    """Logits, scores and provenance of a release, by key."""
    name = f"seapig_{release.replace('.', '_')}.npz"
    with np.load(Path(__file__).parents[1] / "peers" / name, allow_pickle=False) as stored:
        return {key: stored[key] for key in stored}
