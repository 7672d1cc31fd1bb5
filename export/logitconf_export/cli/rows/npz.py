"""Rows in `.npz` files: logits and labels, or the inputs of a host."""

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from logitconf.errors import LogitconfError
from logitconf_export.onnx_files.types import Array, Arrays

LABELS = "labels"
ONE_INPUT = ("inputs", "x")
"""Names that stand for the input of a host that has only one."""


def read_arrays(path: str | Path, *, single: str | None = None) -> dict[str, Array]:
    """All arrays of a file, by name; nothing in it is unpickled.

    Args:
        path: of the file.
        single: name of the array in a ``.npy`` file, if there may be one.

    Raises:
        LogitconfError: if it is not a whole ``.npz`` file of plain arrays.
    """
    try:
        with Path(path).open("rb") as stream:
            stored = np.load(stream, allow_pickle=False)
            if isinstance(stored, np.lib.npyio.NpzFile):
                return {name: stored[name] for name in stored.files}
            if single is not None:
                return {single: stored}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise LogitconfError(f"{path} must be a readable .npz file of arrays: {error}") from error
    raise LogitconfError(
        f"{path} must be an .npz file of named arrays, got a single array; save it with numpy.savez"
    )


def arrays_as_bytes(**arrays: Array) -> bytes:
    """The content of an ``.npz`` file with the arrays, the same for the same arrays."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def named_array(arrays: Arrays, name: str, path: str | Path) -> Array:
    """One array of the file.

    Raises:
        LogitconfError: if it is not there.
    """
    if name not in arrays:
        raise LogitconfError(f"{path} must hold '{name}'; it holds {sorted(arrays)}")
    return arrays[name]


def host_feeds(arrays: Arrays, input_names: Sequence[str], path: str | Path) -> dict[str, Array]:
    """The arrays that a host takes, by the host's names.

    Args:
        arrays: under the host's own input names; for a host with one input also under ``inputs``
            or ``x``.
        input_names: what the host must be given.
        path: the file, for messages.

    Raises:
        LogitconfError: if an input is missing, or rows differ in number, or there are none.
    """
    feeds = {name: arrays[name] for name in input_names if name in arrays}
    if len(input_names) == 1 and not feeds:
        alias = next((name for name in ONE_INPUT if name in arrays), None)
        feeds = {} if alias is None else {input_names[0]: arrays[alias]}
    missing = [name for name in input_names if name not in feeds]
    if missing:
        hint = f" (or one of {list(ONE_INPUT)})" if len(input_names) == 1 else ""
        raise LogitconfError(
            f"{path} must hold the model's inputs {list(input_names)}{hint}; "
            f"it holds {sorted(arrays)}"
        )
    rows = {name: len(array) if array.ndim else None for name, array in feeds.items()}
    if len(set(rows.values())) != 1 or not all(rows.values()):
        raise LogitconfError(f"all inputs in {path} must have the same rows, at least one: {rows}")
    return feeds


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Logits, as the task shapes them, and their labels."""

    logits: Array
    labels: Array


def rows_from_file(path: Path) -> LabelledRows:
    """The arrays ``logits`` and ``labels`` of a file.

    Raises:
        LogitconfError: if either is missing.
    """
    arrays = read_arrays(path)
    return LabelledRows(named_array(arrays, "logits", path), named_array(arrays, LABELS, path))
