"""Weights that a model keeps in other files: which these are, and taking them in."""

from pathlib import Path

import onnx

from logitconf.errors import LogitconfError
from logitconf_export.onnx_files.loading import (
    LARGEST_PROTOBUF,
    external_location,
    external_tensors,
    load_external,
)


def weight_files(model: onnx.ModelProto) -> tuple[str, ...]:
    """Relative paths of the files that hold the model's weights, without the model itself."""
    return tuple(sorted({external_location(tensor) for tensor in external_tensors(model)}))


def embed_weights(model: onnx.ModelProto, source: Path | None) -> None:
    """Reads the weights in other files into the model, in place.

    Raises:
        LogitconfError: if the model was not given as a path, would not stay below 2 GiB (the most
            that one ONNX file can hold), or a file is missing.
    """
    size = embedded_size(model, source)
    if source is None or not weight_files(model):
        return
    if size > LARGEST_PROTOBUF:
        raise LogitconfError(
            f"one ONNX file holds less than 2 GiB, but the model with its weights has {size} "
            "bytes; leave them beside it or have them copied"
        )
    load_external(model, source.parent)
    left = weight_files(model)
    if left:
        raise LogitconfError(f"the weights in {list(left)} cannot be taken into the model")


def embedded_size(model: onnx.ModelProto, source: Path | None) -> int:
    """Bytes that the model would have with the weights in other files; they are not read.

    Raises:
        LogitconfError: if there are some and the model was not given as a path, or one is missing.
    """
    files = weight_files(model)
    if files and source is None:
        raise LogitconfError(f"the model keeps weights in {list(files)}; give it as a path")
    folder = Path() if source is None else source.parent
    return int(model.ByteSize()) + sum(
        _stored_size(tensor, folder) for tensor in external_tensors(model)
    )


def _stored_size(tensor: onnx.TensorProto, folder: Path) -> int:
    """Bytes of a tensor in its file: as many as it says, else to the end of the file."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    try:
        if "length" in entries:
            return max(int(entries["length"]), 0)
        size = (folder / external_location(tensor)).stat().st_size
        return max(size - int(entries.get("offset", 0)), 0)
    except (OSError, ValueError) as error:
        raise LogitconfError(
            f"the weights of '{tensor.name[:200]}' must be readable: {error}"
        ) from error
