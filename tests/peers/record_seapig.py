"""Records the scores that seapig gives to random and to hard finite rows.

Run in an environment that has seapig 0.1.0 or 0.3.0 (a test needs the file alone, not the package);
it writes seapig_0_1_0.npz or seapig_0_3_0.npz:

    python tests/peers/record_seapig.py

Of 0.3.0 these are its six scores, of single models and of ensembles, in float64. The file holds,
for every layout, `<layout>/logits` (float32) and, for every score, T and dtype,
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
TEMPERATURES = (1.0, 2.5)
DTYPES = ("float32", "float64")
RANDOM_ROWS = 20
"""Rows of each of the three scales below; the hard rows come after them."""
SCALES = (1.0, 5.0, 20.0)
MEMBER_SCALES = (1.0, 0.5, -1.25)
"""Members are random rows of their own, and hard rows times these."""
Layouts = dict[str, tuple[str, tuple[int, ...]]]
LAYOUTS: Layouts = {
    "multiclass_10": ("multiclass", (10,)),
    "multiclass_100": ("multiclass", (100,)),
    "binary_flat": ("binary", ()),
    "binary_one": ("binary", (1,)),
    "binary_two": ("binary", (2,)),
    "multilabel_6": ("multilabel", (6,)),
}
MEMBER_LAYOUTS: Layouts = {
    f"{name}_members": (task, (*tail, len(MEMBER_SCALES)))
    for name, (task, tail) in LAYOUTS.items()
    if name != "multiclass_100"
}
POINTWISE = {
    "softmax": "SoftmaxScore",
    "entropy": "EntropyScore",
    "energy": "EnergyScore",
    "margin": "MarginScore",
}
OVER_MEMBERS = {
    "mutual_information": "MutualInformationScore",
    "predictive_variance": "PredictiveVarianceScore",
}
KNOWN = {"0.1.0": (LAYOUTS, DTYPES), "0.3.0": (LAYOUTS | MEMBER_LAYOUTS, DTYPES[1:])}


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


def logits_of(layout: str, tail: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    """Random rows of three scales, then the hard ones, (rows, *tail)."""
    random = np.random.default_rng(seed)
    blocks = [scale * random.standard_normal((RANDOM_ROWS, *tail)) for scale in SCALES]
    members = layout in MEMBER_LAYOUTS
    columns = tail[:-1] if members else tail
    hard = hard_rows(columns[0] if columns else 1).astype(np.float64)
    if members:
        hard = hard[..., np.newaxis] * np.array(MEMBER_SCALES)
    return np.concatenate([*blocks, hard.reshape(-1, *tail)]).astype(np.float32)


def record(found: str) -> dict[str, NDArray[np.generic]]:
    """All arrays of the file for one version of seapig."""
    seapig = import_module("seapig.scores")
    layouts, dtypes = KNOWN[found]
    provenance = {
        "package": f"seapig {found} (MIT)",
        "torch": version("torch"),
        "numpy": version("numpy"),
        "seed": SEED,
        "random_rows": RANDOM_ROWS * len(SCALES),
        "dtypes": dtypes,
    }
    arrays: dict[str, NDArray[np.generic]] = {"provenance": np.array(json.dumps(provenance))}
    for offset, (layout, (task, tail)) in enumerate(layouts.items()):
        logits = logits_of(layout, tail, SEED + offset)
        arrays[f"{layout}/logits"] = logits
        members = layout in MEMBER_LAYOUTS
        for name, kind in (POINTWISE | OVER_MEMBERS if members else POINTWISE).items():
            options = {"per_member": True} if members and name in POINTWISE else {}
            for temperature in TEMPERATURES:
                score = getattr(seapig, kind)(temperature=temperature, task=task, **options)
                for dtype in dtypes:
                    values = score.score(torch.from_numpy(logits.astype(dtype)))
                    key = f"{layout}/{name}/{temperature}/{dtype}"
                    arrays[key] = values.reshape(len(logits)).numpy()
    return arrays


def main() -> None:
    """Writes the file beside this script."""
    found = version("seapig")
    if found not in KNOWN:
        raise SystemExit(f"seapig must be one of {list(KNOWN)}, got {found}")
    output = Path(__file__).with_name(f"seapig_{found.replace('.', '_')}.npz")
    np.savez_compressed(output, **record(found))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
