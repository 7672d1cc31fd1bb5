"""Replays a golden bundle with onnxruntime and NumPy alone; exit code 1 if a decision differs.

Usage: python replay.py [FOLDER] [PROVIDER]. The folder is this file's own unless given.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime


def main(folder: Path, provider: str) -> int:
    """Runs every batch and prints what differs."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    session = onnxruntime.InferenceSession(
        str(folder / manifest["model"]), providers=[provider], enable_fallback=0
    )
    if session.get_providers()[0] != provider:
        print(f"FAILED: {provider} was asked for, got {session.get_providers()}")
        return 1
    rows = failures = 0
    for batch in manifest["batches"]:
        with np.load(folder / batch["file"]) as stored:
            values = {name: stored[name] for name in stored.files}
        outputs = session.run(manifest["outputs"], {manifest["input"]: values["logits"]})
        rows += len(values["score"])
        wrong = differences(
            values, outputs[0].reshape(-1), outputs[1].reshape(-1).astype(bool), batch
        )
        for name, given in zip(manifest["names"][2:], outputs[2:], strict=True):
            wrong += out_of_range(values[f"{name}_low"], values[f"{name}_high"], given)
        failures += wrong
        print(f"{batch['name']}: {len(values['score'])} rows, {wrong} wrong")
    verdict = "FAILED" if failures or not rows else "passed"
    print(f"{verdict}: {rows} rows, {failures} wrong, onnxruntime {onnxruntime.__version__}")
    return int(verdict == "FAILED")


def differences(
    expected: "dict[str, np.ndarray]",
    score: np.ndarray,
    mask: np.ndarray,
    batch: "dict[str, object]",
) -> int:
    """How many rows are decided otherwise, beyond what rounding excuses."""
    if score.shape != expected["score"].shape or mask.shape != expected["mask"].shape:
        return max(1, len(expected["score"]))
    with np.errstate(invalid="ignore"):
        off = np.abs(score.astype(np.float64) - expected["score"])
    same = (score == expected["score"]) | (np.isnan(score) & np.isnan(expected["score"]))
    close = same | (off <= expected["allowed"])
    excused = expected["in_band"] & (not batch["calibration"])
    return int(np.sum(~close | ((mask != expected["mask"]) & ~excused)))


def out_of_range(low: np.ndarray, high: np.ndarray, given: np.ndarray) -> int:
    """How many values are not between the lowest and the highest; NaN stands for any."""
    if given.shape != low.shape:
        return max(1, low.size)
    with np.errstate(invalid="ignore"):
        fits = (given >= low) & (given <= high)
    return int(np.sum(~fits & ~np.isnan(low)))


if __name__ == "__main__":
    HOME = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    ASKED = sys.argv[2] if len(sys.argv) > 2 else "CPUExecutionProvider"
    sys.exit(main(HOME, ASKED))
