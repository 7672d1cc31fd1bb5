"""Which array of a file was likely meant, where the one that is needed is not there."""

import numpy as np

from logitconf.errors import LogitconfError, closest
from logitconf_export.onnx_files.types import Array, Arrays

_SYNONYMS = {
    "logits": ("preds", "predictions", "outputs", "output", "z", "scores", "probs"),
    "labels": ("y", "y_true", "targets", "target", "classes", "truth", "gt"),
}


def missing_array(arrays: Arrays, name: str, path: object) -> LogitconfError:
    """The error of a file without an array: what it holds, and which of these was likely meant.

    Args:
        arrays: of the file.
        name: of the array that is not there.
        path: of the file, or a name for it.
    """
    meant = _likeliest(arrays, name)
    hint = "; add it to the file with numpy.savez"
    if meant is not None:
        kind = f"{arrays[meant].dtype} {arrays[meant].shape}"
        hint = f"; if '{meant}', {kind}, is that, save it under that name with numpy.savez"
    elif name == "logits" and set(arrays) - {"labels"}:
        hint = "; if these are inputs of a model, name it with --model and the file with --data"
    return LogitconfError(f"{path} must hold '{name}'; it holds {sorted(arrays)}{hint}")


def _likeliest(arrays: Arrays, name: str) -> str | None:
    others = [each for each in arrays if each not in _SYNONYMS and _shaped(arrays, each, name)]
    near = closest(name, others, {})
    known = next((each for each in _SYNONYMS.get(name, ()) if each in others), None)
    return near or known


def _shaped(arrays: Arrays, each: str, name: str) -> bool:
    """Whether an array is of the type and shape that the one that is missing has."""
    try:
        array: Array = np.asarray(arrays[each])
    except LogitconfError:
        return False
    return array.dtype.kind == "f" if name == "logits" else array.dtype.kind in "biuf"


def input_hint(arrays: Arrays, input_names: list[str]) -> str:
    """What to do about inputs of a model that a file does not hold, as the end of a sentence."""
    others = [name for name in arrays if name != "labels"]
    if others == ["logits"]:
        return "; if these are the logits already, leave out --model"
    if len(input_names) == 1 and len(others) == 1:
        return f"; if '{others[0]}' is its input, save it as '{input_names[0]}' with numpy.savez"
    return "; save them under these names with numpy.savez"
