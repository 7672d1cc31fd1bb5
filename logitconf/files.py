"""Writing files whole or not at all."""

import os
import tempfile
from pathlib import Path

from logitconf.errors import LogitconfError


def check_writable(path: str | Path, *, force: bool) -> Path:
    """The path, if a file may be written there.

    Raises:
        LogitconfError: if it exists without ``force``, is a folder, or has no parent folder.
    """
    target = Path(path)
    if target.is_dir():
        raise LogitconfError(f"the output must be a file, got the folder {target}")
    if target.exists() and not force:
        raise LogitconfError(f"{target} exists; name another file or overwrite it with force")
    if not target.parent.is_dir():
        raise LogitconfError(f"the folder of the output must exist, got {target.parent}")
    return target


def write_atomically(path: str | Path, content: bytes, *, force: bool = False) -> None:
    """Writes the content so that the path holds the old file or the new one, never a part.

    Raises:
        LogitconfError: if the path exists without ``force`` or cannot be written.
    """
    target = check_writable(path, force=force)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            mode = target.stat().st_mode if target.exists() else 0o666 & ~_umask()
            os.chmod(name, mode)
            os.replace(name, target)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise LogitconfError(f"cannot write {target}: {error.strerror}") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
