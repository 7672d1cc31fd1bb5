"""Arrays in `.npz` files, and which of them a host takes; only what is needed is read."""

import io
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from logitconf.errors import LogitconfError
from logitconf.telling.file_words import misfit, start_of, unreadable
from logitconf_export.onnx_files.types import Array, Arrays
from logitconf_export.runtimes.likeliest import input_hint, missing_array

LABELS = "labels"
MAPPED_BYTES = 64 << 20
"""Arrays of so many bytes that are stored without compression are mapped, not read."""
_PART, _ENCRYPTED = 1 << 20, 1
ONE_INPUT = ("inputs", "x")
"""Names that stand for the input of a host that has only one."""

# what zipfile and NumPy raise on damaged files: 20,000 of them were tried
_DAMAGED = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    NotImplementedError,
    OverflowError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    TypeError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


class StoredArrays(Mapping[str, Array]):
    """The arrays of a file by name, each read when it is asked for; nothing is unpickled."""

    def __init__(self, path: str | Path) -> None:
        """Opens the file and looks at its list of arrays alone.

        Raises:
            LogitconfError: if it is no ``.npz`` file.
        """
        self._path = path
        try:
            with zipfile.ZipFile(path) as stored:
                members = [entry.filename for entry in stored.infolist()]
        except _DAMAGED as error:
            raise self._damaged(error) from error
        self._members = {name.removesuffix(".npy"): name for name in members}

    def __getitem__(self, name: str) -> Array:
        member = self._members[name]
        try:
            mapped = _mapped(self._path, member)
            if mapped is not None:
                return mapped
            with zipfile.ZipFile(self._path) as stored, stored.open(member) as stream:
                array: Array = np.lib.format.read_array(stream, allow_pickle=False)
                # the checksum is compared when the end is read
                if stream.read(1):
                    raise ValueError(f"'{name}' is longer than its shape says")
        except _DAMAGED as error:
            raise self._damaged(error) from error
        return array

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def _damaged(self, error: BaseException) -> LogitconfError:
        return no_arrays(self._path, error)


def _mapped(path: str | Path, member: str) -> Array | None:
    """A large array that lies in the file as it is, as a map of the file; None for any other.

    Raises:
        ValueError: if it is not as long as its header says, or holds objects.
        BadZipFile: if its checksum is not that of the list.
    """
    with zipfile.ZipFile(path) as stored:
        entry = stored.getinfo(member)
    plain = entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & _ENCRYPTED
    if not plain or entry.file_size < MAPPED_BYTES:
        return None
    with Path(path).open("rb") as stream:
        # the list of the archive knows where an entry begins, its own header how long that is
        stream.seek(entry.header_offset + 26)
        lengths = struct.unpack("<HH", stream.read(4))
        start = entry.header_offset + 30 + sum(lengths)
        stream.seek(start)
        version = np.lib.format.read_magic(stream)
        if version not in {(1, 0), (2, 0)}:
            return None
        headers = np.lib.format.read_array_header_1_0, np.lib.format.read_array_header_2_0
        shape, fortran, kind = headers[version[0] - 1](stream)
        offset = stream.tell()
        if kind.hasobject or offset - start + math.prod(shape) * kind.itemsize != entry.file_size:
            raise ValueError(f"'{member}' is not as long as its shape says, or holds objects")
        stream.seek(start)
        checksum, left = 0, entry.file_size
        while left:
            part = stream.read(min(left, _PART))
            if not part:
                raise EOFError(f"'{member}' ends too soon")
            checksum, left = zlib.crc32(part, checksum), left - len(part)
    if checksum != entry.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {member!r}")
    array: Array = np.memmap(path, kind, "r", offset, shape, "F" if fortran else "C")
    return array


def read_arrays(path: str | Path, *, single: str | None = None) -> Arrays:
    """The arrays of a file, by name; nothing in it is unpickled.

    Args:
        path: of the file.
        single: name of the array in a ``.npy`` file, if there may be one.

    Raises:
        LogitconfError: if it is not a whole ``.npz`` file of plain arrays.
    """
    try:
        with Path(path).open("rb") as stream:
            alone = stream.read(6) == np.lib.format.MAGIC_PREFIX
        if not alone:
            return StoredArrays(path)
        if single is not None:
            return {single: np.load(path, allow_pickle=False)}
    except _DAMAGED as error:
        if isinstance(error, LogitconfError):
            raise
        raise no_arrays(path, error) from error
    raise LogitconfError(
        f"{path} must be an .npz file of named arrays, got a single array; save it with numpy.savez"
    )


def no_arrays(path: str | Path, error: BaseException) -> LogitconfError:
    """The error of a file that holds no arrays that can be read."""
    what = "a readable .npz file of arrays"
    if isinstance(error, OSError) and error.errno is not None:
        return unreadable(path, what, error)
    return misfit(path, what, "arrays", start_of(path), str(error) or type(error).__name__)


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
        raise missing_array(arrays, name, path)
    return arrays[name]


def host_feeds(arrays: Arrays, input_names: Sequence[str], path: str | Path) -> dict[str, Array]:
    """The arrays that a host takes, by the host's names; no other is read.

    Args:
        arrays: under the host's own input names; for a host with one input also under ``inputs``
            or ``x``.
        input_names: what the host must be given.
        path: the file, for messages.

    Raises:
        LogitconfError: if an input is missing.
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
            f"it holds {sorted(arrays)}{input_hint(arrays, list(input_names))}"
        )
    return feeds


def given_feeds(
    data: str | Path | Arrays | Array, labels: Array | None, input_names: Sequence[str]
) -> tuple[dict[str, Array], Array | None]:
    """What a host is fed and the labels, from what a user gives as data.

    Args:
        data: a file of named arrays, the arrays themselves, or the only input.
        labels: of the rows; what the data call ``labels`` unless given, if the host takes no input
            of that name.
        input_names: what the host must be given.

    Raises:
        LogitconfError: if an input is missing, or one array is given to a host of several inputs.

    >>> data = {"x": np.zeros((2, 3)), "labels": np.zeros(2)}
    >>> feeds, labels = given_feeds(data, None, ["pixels"])
    >>> list(feeds), labels.shape
    (['pixels'], (2,))
    """
    if isinstance(data, str | Path):
        arrays, where = read_arrays(data), str(data)
    elif isinstance(data, Mapping):
        arrays, where = data, "the data"
    elif len(input_names) == 1:
        return {input_names[0]: np.asarray(data)}, labels
    else:
        raise LogitconfError(
            f"a host of several inputs needs arrays by name ({list(input_names)}), got one array"
        )
    feeds = host_feeds(arrays, input_names, where)
    if labels is None and LABELS in arrays and LABELS not in input_names:
        labels = arrays[LABELS]
    return feeds, labels


def rows_kept(labels: Array, ignored: Sequence[int], *, rows: int) -> Array:
    """(N,) which rows have no label among those that are to be ignored.

    Args:
        labels: (N, ...), one or several a row.
        ignored: such as 255 of pixels that nobody has labelled.
        rows: how many there must be.

    Raises:
        LogitconfError: if none is left, or the labels are not one or several a row.
    """
    if not labels.ndim or len(labels) != rows:
        raise LogitconfError(
            f"labels must be one for each of {rows} rows, got shape {labels.shape}"
        )
    unknown = np.isin(labels, np.asarray(ignored))
    kept = np.asarray(~unknown.reshape(len(labels), -1).any(axis=1))
    if not kept.any():
        raise LogitconfError(f"some row must have a label that is not {list(ignored)}, got none")
    return kept
