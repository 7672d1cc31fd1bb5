"""Weights that a model keeps in other files: where they must lie, and copying them."""

import shutil
from pathlib import Path

import onnx

from logitconf.errors import LogitconfError
from logitconf_export.loading import external_location, external_tensors


def weight_files(model: onnx.ModelProto) -> tuple[str, ...]:
    """Relative paths of the files that hold the model's weights, without the model itself."""
    return tuple(sorted({external_location(tensor) for tensor in external_tensors(model)}))


def check_weights_folder(
    model: onnx.ModelProto, source: Path | None, target: Path, *, copy: bool
) -> None:
    """Checks that a model written to ``target`` would find its weights.

    Raises:
        LogitconfError: if it would not, and they may not or cannot be copied.
    """
    files = weight_files(model)
    if not files:
        return
    if source is None:
        raise LogitconfError(
            f"the model keeps weights in {list(files)}; give it as a path to write it to a file"
        )
    if source.resolve().parent != target.resolve().parent and not copy:
        raise LogitconfError(
            f"the model keeps weights in {list(files)} beside {source}; write the result to the "
            "same folder or ask for the weights to be copied"
        )


def copy_weights_beside(model: onnx.ModelProto, source: Path, target: Path, *, force: bool) -> None:
    """Copies the weight files from one folder to another; nothing to do for the same folder.

    Raises:
        LogitconfError: if a file is missing, or one of that name is there without ``force``.
    """
    if source.resolve() == target.resolve():
        return
    files = weight_files(model)
    for name in files:
        if not (source / name).is_file():
            raise LogitconfError(f"the weights must be in {source / name}, but there is no file")
        if (target / name).exists() and not force:
            raise LogitconfError(f"{target / name} exists; choose another folder or overwrite it")
    for name in files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        partial = target / f"{name}.partial"
        shutil.copyfile(source / name, partial)
        partial.replace(target / name)
