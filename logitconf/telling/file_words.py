"""What to say of a file that is not what it should be: what it is by its content, what to do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from logitconf.errors import LogitconfError, closest

HEAD_BYTES = 512
"""As many bytes from its beginning tell what a file is."""

_ROWS = "a model comes first (in fit and compare after --model), its rows after --data"
_SWAPPED = "a card follows its model, as in logitconf attach MODEL.onnx CARD.json"


@dataclass(frozen=True, slots=True)
class FileKind:
    """One kind of file.

    Attributes:
        words: what it is.
        instead: what to do where something else was wanted, by what that is; ``""`` for all else.
    """

    words: str
    instead: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def advice(self, wanted: str) -> str:
        """What to do, as the end of a sentence; empty if nothing is known."""
        text = self.instead.get(wanted, self.instead.get("", ""))
        return f"; {text}" if text else ""


_EXPORT = {"model": "export the network to ONNX, as with torch.onnx.export"}
_CONVERT = {"model": "convert it to ONNX, as with tf2onnx"}
_KINDS: Mapping[str, FileKind] = {
    "card": FileKind(
        "a score card", {"model": _SWAPPED, "arrays": "name the .npz file of the rows"}
    ),
    "json": FileKind("a JSON text"),
    "model": FileKind(
        "an ONNX model",
        {"card": _SWAPPED, "arrays": _ROWS},
    ),
    "arrays": FileKind(
        "an .npz file of arrays",
        {
            "model": _ROWS,
            "card": "logitconf fit makes a card from rows",
        },
    ),
    "array": FileKind("a single array (.npy)"),
    "torch": FileKind("a checkpoint of torch", _EXPORT),
    "pickle": FileKind("a Python pickle, as older versions of torch.save write it", _EXPORT),
    "weights": FileKind("a file of weights alone (safetensors)", _EXPORT),
    "zip": FileKind("a zip archive, as torch.save and Keras write it", {"model": "export to ONNX"}),
    "keras": FileKind("a model of Keras", _CONVERT),
    "hdf": FileKind("an HDF5 file, as Keras writes it", _CONVERT),
    "tflite": FileKind("a TensorFlow Lite model", _CONVERT),
    "ort": FileKind(
        "onnxruntime's .ort format", {"model": "use the .onnx file that it was made from"}
    ),
    "gguf": FileKind("a GGUF file", _EXPORT),
    "lfs": FileKind("a Git LFS pointer", {"": "fetch the file behind it with 'git lfs pull'"}),
    "gzip": FileKind("gzip-compressed", {"": "unpack it"}),
    "parquet": FileKind("a Parquet table", {"arrays": "save its columns with numpy.savez"}),
    "xml": FileKind("XML, as OpenVINO writes it", {"model": "use the ONNX model it was made from"}),
    "table": FileKind("a text with columns", {"arrays": "save its columns with numpy.savez"}),
    "text": FileKind("a text", {"card": "a card is what logitconf fit writes"}),
    "empty": FileKind("an empty file"),
}

_STARTS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"version https://git-lfs", "lfs"),
    (0, b"\x93NUMPY", "array"),
    (4, b"ORTM", "ort"),
    (4, b"TFL3", "tflite"),
    (0, b"\x89HDF", "hdf"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"GGUF", "gguf"),
    (0, b"PAR1", "parquet"),
    (0, b"<?xml", "xml"),
    (8, b'{"', "weights"),
    (8, b"{}", "weights"),
)


def kind_of_content(start: bytes) -> FileKind | None:
    """What a file is, by its first bytes; None if they are not known.

    >>> kind_of_content(b"TFL3".rjust(8)).words
    'a TensorFlow Lite model'
    """
    name = "empty" if not start else None
    name = name or next((n for at, magic, n in _STARTS if start[at:].startswith(magic)), None)
    name = name or _container(start) or _text(start)
    return None if name is None else _KINDS[name]


def _container(start: bytes) -> str | None:
    if start.startswith(b"PK\x03\x04"):
        # the name of the first file stands in the first header
        first = start[30 : 30 + int.from_bytes(start[26:28], "little")]
        ends = {b".npy": "arrays", b"data.pkl": "torch", b"/version": "torch"}
        keras = first in (b"metadata.json", b"config.json")
        known = next((name for end, name in ends.items() if first.endswith(end)), None)
        return known or ("keras" if keras else "zip")
    if start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "pickle"
    # an ONNX model begins with its IR version, a small number, and another field
    if (
        start[:1] == b"\x08"
        and 1 <= int.from_bytes(start[1:2], "big") < 32
        and start[2:3] in (b"\x12", b":", b"B", b"\x1a")
    ):
        return "model"
    return None


def _text(start: bytes) -> str | None:
    # the last character may be cut
    text = start.decode("utf-8", errors="ignore")
    if len(text.encode()) < len(start) - 3 or not all(
        c.isprintable() or c in "\t\r\n" for c in text
    ):
        return None
    if text.lstrip()[:1] in ("{", "["):
        return "card" if '"score"' in text and '"task"' in text else "json"
    first = text.splitlines()[0] if text.strip() else ""
    return "table" if any(mark in first for mark in ",;\t") else "text"


def misfit(path: str | Path, what: str, wanted: str, content: bytes, reason: str) -> LogitconfError:
    """The error of a file whose content is not what was wanted.

    Args:
        path: of the file, or a name for it.
        what: it must be, in words.
        wanted: the same as a kind: ``"model"``, ``"card"`` or ``"arrays"``.
        content: its beginning.
        reason: what a reader said, for a file that is not of another kind that is known.
    """
    kind = other_kind(content, wanted)
    if kind is None:
        return LogitconfError(f"{path} must be {what}, but {reason}")
    return LogitconfError(f"{path} must be {what}, but it is {kind.words}{kind.advice(wanted)}")


def other_kind(content: bytes, wanted: str) -> FileKind | None:
    """What a content is, if that is known and not what is wanted; see `misfit`."""
    kind = kind_of_content(content[:HEAD_BYTES])
    # a card that is damaged is a JSON text still
    same = (_KINDS[wanted], _KINDS["json"]) if wanted == "card" else (_KINDS[wanted],)
    return None if kind in same else kind


def unreadable(path: str | Path, what: str, error: Exception) -> LogitconfError:
    """The error of a file that cannot be opened: what is there instead, or the nearest name.

    Args:
        path: of the file.
        what: it must be, in words.
        error: by which the system refused.
    """
    if isinstance(error, FileNotFoundError):
        return LogitconfError(f"{path} must be {what}, but there is no such file{_nearest(path)}")
    if isinstance(error, IsADirectoryError):
        return LogitconfError(f"{path} must be {what}, but it is a folder; name a file in it")
    if isinstance(error, PermissionError):
        return LogitconfError(
            f"{path} must be {what}, but you may not read it; change its permissions"
        )
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return LogitconfError(f"{path} must be {what}, but it cannot be read: {reason}")


def _nearest(path: str | Path) -> str:
    """The file whose name is nearest, as the end of a sentence."""
    missing = Path(path)
    try:
        names = os.listdir(missing.parent)
    except OSError:
        return f"; there is no folder {missing.parent}"
    near = closest(missing.name, names)
    return "" if near is None else f"; did you mean {missing.with_name(near)}?"


def start_of(path: str | Path) -> bytes:
    """The first bytes of a file that can be read; none where it cannot."""
    try:
        with Path(path).open("rb") as stream:
            return stream.read(HEAD_BYTES)
    except (OSError, ValueError):
        return b""
