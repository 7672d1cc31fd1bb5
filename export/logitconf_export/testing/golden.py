"""Golden bundles: a head, its inputs and what must come out, with a script that replays them.

The replay needs onnxruntime and NumPy; neither torch nor logitconf.
"""

import io
import json
import os
from pathlib import Path

import numpy as np
import onnx

from logitconf.errors import LogitconfError
from logitconf.files import write_folder
from logitconf_export.heads.in_file import head_in, head_model
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.onnx_files.types import Array, ModelSource

BUNDLE_SCHEMA = 1
_REPLAY = Path(__file__).with_name("replay.py")


def save_bundle(
    model: ModelSource,
    folder: str | Path,
    *,
    rows: Array | None = None,
    pairs: int = 1000,
    seed: int = 0,
) -> Path:
    """Writes a folder with the model's head, rows, expected scores and masks, and ``replay.py``.

    Args:
        model: a head or a host with one.
        folder: where to; it must not exist.
        rows: the user's logits, of which none may flip.
        pairs: neighbouring pairs on both sides of the threshold.
        seed: for the generated rows.

    Returns:
        The folder.

    Raises:
        LogitconfError: if the folder exists, or the model has no head.
    """
    from logitconf_export.verification.consistency import rebuilt_head
    from logitconf_export.verification.head_runs import Trials

    target = Path(folder)
    if os.path.lexists(target):
        raise LogitconfError(f"{target} exists; name another folder")
    loaded = load_model(model)
    embedded = head_in(loaded)
    source = None if isinstance(model, bytes | onnx.ModelProto) else Path(model).resolve().parent
    head = rebuilt_head(embedded)
    trials = Trials(loaded, embedded, head=head, folder=source, pairs=pairs, seed=seed)
    alone = head_model(loaded, embedded, trials.logits_dtype)
    contents: dict[str, bytes | Path] = {
        "head.onnx": alone.SerializeToString(deterministic=True),
        "replay.py": _REPLAY,
    }
    batches = []
    # any runtime may replay it
    for index, batch in enumerate(trials.batches(rows, "any order")):
        score = batch.eager.score
        finite = np.where(np.isfinite(score), score, 0.0)
        near = np.abs(score - batch.threshold.astype(np.float64))
        content = io.BytesIO()
        np.savez_compressed(
            content,
            logits=batch.logits,
            score=score,
            mask=batch.eager.mask,
            threshold=batch.threshold,
            allowed=batch.allowed(finite),
            in_band=np.isfinite(score) & (near <= batch.allowed(batch.threshold)),
            **{
                f"{name}_{end}": getattr(values, end)
                for name, values in batch.right.items()
                for end in ("low", "high")
            },
        )
        contents[f"{index}.npz"] = content.getvalue()
        batches.append(
            {"name": batch.name, "file": f"{index}.npz", "calibration": batch.calibration}
        )
    manifest = {
        "schema": BUNDLE_SCHEMA,
        "model": "head.onnx",
        "input": embedded.tensor,
        "outputs": list(embedded.outputs),
        "names": list(embedded.metadata.form.outputs),
        "seed": seed,
        "band": trials.band,
        "card": embedded.metadata.card.to_dict(),
        "batches": batches,
    }
    contents["manifest.json"] = f"{json.dumps(manifest, indent=2)}\n".encode()
    write_folder(target, contents)
    return target
