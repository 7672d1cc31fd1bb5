"""Writes seapig_0_1_0.npz: the scores that seapig 0.1.0 gives to random and to hard finite rows.

Run in an environment that has seapig 0.1.0 (a test needs the file alone, not the package):

    python tests/core/record_seapig.py

The file holds, for every layout, `<layout>/logits` (float32) and, for every score, T and dtype,
`<layout>/<score>/<temperature>/<dtype>`; `provenance` is a JSON text with versions and seed.
"""

import json
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

SEED = 20250101
NEEDED = "0.1.0"
TEMPERATURES = (1.0, 2.5)
DTYPES = ("float32", "float64")
RANDOM_ROWS = 20
"""Rows of each of the three scales below; the hard rows come after them."""
SCALES = (1.0, 5.0, 20.0)
LAYOUTS: dict[str, tuple[str, tuple[int, ...]]] = {
    "multiclass_10": ("multiclass", (10,)),
    "multiclass_100": ("multiclass", (100,)),
    "binary_flat": ("binary", ()),
    "binary_one": ("binary", (1,)),
    "binary_two": ("binary", (2,)),
    "multilabel_6": ("multilabel", (6,)),
}
OUTPUT = Path(__file__).with_name("seapig_0_1_0.npz")


def hard_rows(columns: int) -> NDArray[np.float32]:
    """Finite rows (rows, columns) that strain a formula: ties, zeros, huge, tiny, nearly even."""
    ramp = np.arange(columns, dtype=np.float64)
    alternating = np.where(ramp % 2 == 0, 1.0, -1.0)
    rows = [
        np.zeros(columns),
        np.full(columns, 7.0),
        np.full(columns, -7.0),
        ramp,
        -ramp,
        1e4 + ramp,
        -1e4 - ramp,
        1e4 * alternating,
        1e30 * alternating,
        1e-40 * alternating,
        1e-3 * ramp,
        50.0 * alternating,
        np.where(ramp == columns - 1, 15.0, 0.0),
        np.where(ramp < 2, 3.0, -3.0),
        np.where(ramp == 0, 0.1, -12.0),
    ]
    return np.stack(rows).astype(np.float32)


def logits_of(tail: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    """Random rows of three scales, then the hard ones, (rows, *tail)."""
    random = np.random.default_rng(seed)
    blocks = [scale * random.standard_normal((RANDOM_ROWS, *tail)) for scale in SCALES]
    hard = hard_rows(tail[0] if tail else 1).reshape(-1, *tail)
    return np.concatenate([*blocks, hard]).astype(np.float32)


def record() -> dict[str, NDArray[np.generic]]:
    """All arrays of the file."""
    seapig = import_module("seapig.scores")
    if version("seapig") != NEEDED:
        raise SystemExit(f"seapig must be {NEEDED}, got {version('seapig')}")
    scores = {
        "softmax": seapig.SoftmaxScore,
        "entropy": seapig.EntropyScore,
        "energy": seapig.EnergyScore,
        "margin": seapig.MarginScore,
    }
    provenance = {
        "package": f"seapig {NEEDED} (MIT)",
        "torch": version("torch"),
        "numpy": version("numpy"),
        "seed": SEED,
        "random_rows": RANDOM_ROWS * len(SCALES),
        "dtypes": DTYPES,
    }
    arrays: dict[str, NDArray[np.generic]] = {"provenance": np.array(json.dumps(provenance))}
    for offset, (layout, (task, tail)) in enumerate(LAYOUTS.items()):
        logits = logits_of(tail, SEED + offset)
        arrays[f"{layout}/logits"] = logits
        for name, score in scores.items():
            for temperature in TEMPERATURES:
                for dtype in DTYPES:
                    found = score(temperature=temperature, task=task).score(
                        torch.from_numpy(logits.astype(dtype))
                    )
                    values = found.reshape(len(logits)).numpy()
                    arrays[f"{layout}/{name}/{temperature}/{dtype}"] = values
    return arrays


def main() -> None:
    """Writes the file beside this script."""
    np.savez_compressed(OUTPUT, **record())  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
