"""Writing models: whole or not at all, with the weights that they keep in other files in reach."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import EncodeError  # type: ignore[import-untyped]

from logitconf.errors import LogitconfError
from logitconf.files import check_writable, write_all
from logitconf_export.onnx_files.loading import LARGEST_PROTOBUF, weight_path
from logitconf_export.onnx_files.types import ModelSource
from logitconf_export.onnx_files.weights import weight_files


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a changed model goes; refused as early as can be, written last.

    Attributes:
        path: of the file, None for nowhere.
        source: the file that the model was read from, None where it was given otherwise.
        copy_weights: whether weights in other files may be copied to another folder.
        force: whether files may be replaced.
    """

    path: Path | None
    source: Path | None = None
    copy_weights: bool = False
    force: bool = False

    @classmethod
    def of(
        cls,
        path: str | Path | None,
        model: ModelSource | None = None,
        *,
        copy_weights: bool = False,
        force: bool = False,
    ) -> Destination:
        """The destination, if a file may be written there.

        Raises:
            LogitconfError: if it exists without ``force``, or is no place for a file.
        """
        target = None if path is None else check_writable(path, force=force)
        return cls(target, source_path(model), copy_weights, force)

    def check(self, model: onnx.ModelProto, *, embedded: bool = False) -> None:
        """Checks that the model, written there, would find its weights, and would not be one.

        Args:
            model: with its weights where the source has them.
            embedded: whether they will be taken into the model.

        Raises:
            LogitconfError: if it would not.
        """
        files = weight_files(model)
        if self.path is None or not files:
            return
        if self.source is None:
            raise LogitconfError(
                f"the model keeps weights in {list(files)}; give it as a path to write it to a file"
            )
        folders = (self.source.parent, self.path.parent)
        if self.path.resolve() in {(f / name).resolve() for f in folders for name in files}:
            raise LogitconfError(
                f"the output must not be a file of the model's weights, got {self.path}; "
                "name another file"
            )
        if folders[0].resolve() != folders[1].resolve() and not (self.copy_weights or embedded):
            raise LogitconfError(
                f"the model keeps weights in {list(files)} beside {self.source}; write the result "
                "to the same folder or ask for the weights to be copied (attach: "
                "copy_weights=True, --copy-weights)"
            )

    def save(self, model: onnx.ModelProto) -> None:
        """Writes the model, and first the copies of its weights that were asked for.

        Raises:
            LogitconfError: if it cannot be written.
        """
        if self.path is None:
            return
        self.check(model)
        try:
            content: bytes = model.SerializeToString(deterministic=True)
        except (ValueError, EncodeError) as error:
            raise LogitconfError(
                f"an ONNX file must be below {LARGEST_PROTOBUF} bytes: {error}"
            ) from error
        copies: dict[Path, bytes | Path] = {}
        if self.source is not None and self.copy_weights:
            copies.update(_copies(model, self.source.parent, self.path.parent, force=self.force))
        write_all({**copies, self.path: content}, force=self.force)


def source_path(model: ModelSource | None) -> Path | None:
    """The file that a model is given as, None where it is given otherwise."""
    return Path(model) if isinstance(model, str | Path) else None


def _copies(model: onnx.ModelProto, source: Path, target: Path, *, force: bool) -> dict[Path, Path]:
    """Where each file of weights goes and comes from; nothing where it would stay."""
    if source.resolve() == target.resolve():
        return {}
    copies = {}
    for name in weight_files(model):
        origin = weight_path(source, name)
        if not origin.is_file():
            raise LogitconfError(f"the weights must be in {source / name}, but there is no file")
        folder = (target / name).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LogitconfError(f"{folder} must be a folder: {error.strerror}") from error
        copies[check_writable(weight_path(target, name), force=force)] = origin
    return copies
