"""Loads ONNX models without reading weights that lie beside them, and says which opset they use."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TypeGuard, TypeVar

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper

from logitconf.errors import LogitconfError
from logitconf_export.onnx_files.opsets import NEWEST_OPSET, OLDEST_OPSET
from logitconf_export.onnx_files.types import Array, ModelSource

Scope = TypeVar("Scope", onnx.GraphProto, onnx.FunctionProto, onnx.GraphProto | onnx.FunctionProto)

DEFAULT_DOMAINS = ("", "ai.onnx")
"""Both spellings of the default operator domain."""

LARGEST_PROTOBUF = 2**31 - 1


def is_model(source: object) -> TypeGuard[ModelSource]:
    """Whether this is a model of ONNX, not a score or a card."""
    if isinstance(source, str | Path):
        return Path(source).suffix.lower() != ".json"
    return isinstance(source, bytes | onnx.ModelProto)


def load_model(source: ModelSource, *, external_data: bool = False) -> onnx.ModelProto:
    """The model, parsed but not run; weights in other files stay there unless asked for.

    Args:
        source: a file, its bytes, or a model, which is returned as it is.
        external_data: whether to read external weights too; only from a file.

    Raises:
        LogitconfError: if the source is no whole ONNX model, or keeps weights outside its folder.
    """
    if isinstance(source, onnx.ModelProto):
        model, name = source, "the model"
    elif isinstance(source, bytes):
        model, name = _parse(source, "the model"), "the model"
    else:
        name = str(source)
        model = _parse(_read(Path(source)), name)
    if not model.HasField("graph") or not model.graph.output:
        raise LogitconfError(f"{name} must be an ONNX model with at least one output, got none")
    _check_names(model, name)
    tensors = list(external_tensors(model))
    for tensor in tensors:
        external_location(tensor)
    if external_data and tensors:
        if isinstance(source, onnx.ModelProto | bytes):
            raise LogitconfError(
                "external data can be loaded only when the model is given as a path, "
                f"got {type(source).__name__}"
            )
        load_external(model, Path(source).parent)
    return model


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= LARGEST_PROTOBUF else None
    except (OSError, ValueError) as error:
        from logitconf.telling.file_words import unreadable  # words for errors load with these

        raise unreadable(path, "a readable ONNX file", error) from error
    if content is None:
        raise LogitconfError(
            f"an ONNX file must be below 2 GiB, got {size} bytes in {path}; "
            "save it with external data"
        )
    return content


def _parse(content: bytes, name: str) -> onnx.ModelProto:
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        from logitconf.telling.file_words import misfit

        reason = (
            f"{len(content)} bytes cannot be parsed as one (not ONNX, or cut off); "
            "export or copy it again"
        )
        raise misfit(name, "an ONNX model", "model", content, reason) from error
    # protobuf reads some other files as messages without a field
    if not model.HasField("graph"):
        from logitconf.telling.file_words import misfit, other_kind

        if other_kind(content, "model") is not None:
            raise misfit(name, "an ONNX model", "model", content, "it has no graph")
    return model


def _check_names(model: onnx.ModelProto, name: str) -> None:
    """Checks that every name is text: protobuf hands out bytes where the UTF-8 is broken."""
    for text in _names(model):
        if not isinstance(text, str):
            raise LogitconfError(
                f"{name} must have names in UTF-8, but holds {text[:40]!r} (not ONNX, or damaged)"
            )


def _names(model: onnx.ModelProto) -> Iterator[str | bytes]:
    yield from (entry.domain for entry in model.opset_import)
    for pair in model.metadata_props:
        yield from (pair.key, pair.value)
    for scope in scopes(model):
        for node in scope.node:
            yield from (*node.input, *node.output, node.op_type, node.domain, node.name)
            for attribute in node.attribute:
                yield from (attribute.name, attribute.ref_attr_name)
        if isinstance(scope, onnx.FunctionProto):
            yield from (scope.name, scope.domain, *scope.input, *scope.output, *scope.attribute)
            yield from (entry.domain for entry in scope.opset_import)
            continue
        for tensor in scope.initializer:
            yield tensor.name
            for entry in tensor.external_data:
                yield from (entry.key, entry.value)
        for value in (*scope.input, *scope.output, *scope.value_info):
            yield value.name
            yield from (dim.dim_param for dim in value.type.tensor_type.shape.dim)


def own_copy(model: ModelSource) -> onnx.ModelProto:
    """The model, to be changed without changing what was given."""
    loaded = load_model(model)
    if loaded is not model:
        return loaded
    copy = onnx.ModelProto()
    copy.CopyFrom(loaded)
    return copy


def host_inputs(model: onnx.ModelProto) -> tuple[onnx.ValueInfoProto, ...]:
    """What a run must be given: the inputs that no initializer gives a default."""
    defaults = {tensor.name for tensor in model.graph.initializer}
    return tuple(value for value in model.graph.input if value.name not in defaults)


def scopes(model: onnx.ModelProto) -> Iterator[onnx.GraphProto | onnx.FunctionProto]:
    """The main graph, the functions, and every subgraph inside them."""
    tops: list[onnx.GraphProto | onnx.FunctionProto] = [model.graph, *model.functions]
    return scopes_below(tops)


def scopes_below(tops: Iterable[Scope]) -> Iterator[Scope | onnx.GraphProto]:
    """Graphs or functions, and every subgraph inside them."""
    pending: list[Scope | onnx.GraphProto] = [*tops]
    while pending:
        scope = pending.pop()
        yield scope
        for node in scope.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    pending.append(attribute.g)
                pending.extend(attribute.graphs)


def external_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor whose data lie in another file, in subgraphs and functions too."""
    for scope in scopes(model):
        tensors: list[onnx.TensorProto] = []
        if isinstance(scope, onnx.GraphProto):
            tensors.extend(scope.initializer)
            for sparse in scope.sparse_initializer:
                tensors += (sparse.values, sparse.indices)
        for node in scope.node:
            for attribute in node.attribute:
                tensors += (attribute.t, *attribute.tensors)
                for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                    tensors += (sparse.values, sparse.indices)
        yield from (t for t in tensors if t.data_location == onnx.TensorProto.EXTERNAL)


def external_location(tensor: onnx.TensorProto) -> str:
    """The file, relative to the model's folder, that holds the tensor's data.

    Raises:
        LogitconfError: if there is none, or if it would lie outside the model's folder.
    """
    # Readers differ in which of two entries they take, so there must be exactly one.
    locations = [entry.value for entry in tensor.external_data if entry.key == "location"]
    location = locations[0] if len(locations) == 1 else ""
    windows = PureWindowsPath(location)
    outside = (
        not location
        or "\0" in location
        or PurePosixPath(location).is_absolute()
        or bool(windows.drive or windows.root)
        or ".." in windows.parts
    )
    if outside:
        raise LogitconfError(
            "external data must lie in the model's own folder, "
            f"got location {location[:200]!r} for tensor {tensor.name[:200]!r}"
        )
    return location


def weight_path(folder: Path, location: str) -> Path:
    """Where the weights of a location lie, or would lie, under a folder.

    Raises:
        LogitconfError: if that is outside the folder, by a link in it, or something but a file.
    """
    root = os.path.realpath(folder)
    path = os.path.realpath(os.path.join(root, location))
    if os.path.commonpath([root, path]) != root:
        raise LogitconfError(
            f"external data must lie in the model's own folder, got {location[:200]!r}, "
            "a link that leads out of it"
        )
    # a pipe would be waited for without end
    if os.path.exists(path) and not os.path.isfile(path):
        raise LogitconfError(f"external data must be in a file, got {location[:200]!r}")
    return Path(path)


def load_external(model: onnx.ModelProto, folder: Path) -> None:
    """Reads the weights that lie in other files of the folder into the model, in place.

    Raises:
        LogitconfError: if one lies outside the folder or cannot be read.
    """
    for tensor in list(external_tensors(model)):
        weight_path(folder, external_location(tensor))
    try:
        onnx.load_external_data_for_model(model, os.path.realpath(folder))
    except (OSError, ValueError, TypeError, onnx.checker.ValidationError) as error:
        raise LogitconfError(f"the model's external data must be readable: {error}") from error


def array_of(tensor: onnx.TensorProto) -> Array:
    """The numbers of a tensor that lie in the model.

    Raises:
        LogitconfError: if they are not there, or not as many as it declares.
    """
    try:
        return numpy_helper.to_array(tensor)
    except (OSError, ValueError, TypeError, KeyError, OverflowError, MemoryError) as error:
        raise LogitconfError(
            f"the tensor '{tensor.name[:200]}' must hold the numbers that it declares: {error}"
        ) from error


def host_opset(model: onnx.ModelProto) -> int:
    """The default-domain opset that the host uses, or would use if it imports none.

    Imported twice, the last one counts, as in onnxruntime 1.31. Imported not at all (hosts made of
    ``ai.onnx.ml`` alone), it is the newest that was out with the host's IR version.

    Raises:
        LogitconfError: if the import is no positive number.

    Example:
        >>> import onnx
        >>> host_opset(onnx.ModelProto(opset_import=[onnx.helper.make_opsetid("ai.onnx", 15)]))
        15
    """
    versions = [i.version for i in model.opset_import if i.domain in DEFAULT_DOMAINS]
    if not versions:
        return _opset_of_ir(model.ir_version)
    if versions[-1] < 1:
        raise LogitconfError(f"the model's opset must be 1 or more, got {versions[-1]}")
    return int(versions[-1])


def uses_default_domain(model: onnx.ModelProto) -> bool:
    """Whether any node of the graph and below is of the default domain; functions import it."""
    return any(
        node.domain in DEFAULT_DOMAINS
        for scope in scopes_below([model.graph])
        for node in scope.node
    )


def _opset_of_ir(ir_version: int) -> int:
    released = [int(row[2]) for row in onnx.helper.VERSION_TABLE if int(row[1]) <= ir_version]
    return min(max([OLDEST_OPSET, *released]), NEWEST_OPSET)
