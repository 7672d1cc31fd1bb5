"""Writing files whole or not at all.

A path holds the old file or the new one, never a part: content is written to a file of its own
beside the target, and takes the target's name when all of it is on the disk. Where the target is a
link to a file, the link gives way and the file that it led to stays as it is: model stores keep
many names for one file. Ctrl-C and SIGTERM wait for the end of a chunk and leave nothing; what a
killed process leaves ends in ``.logitconf-partial`` and goes when the same target is written next.
"""

import os
import shutil
import signal
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from logitconf.errors import LogitconfError

try:
    import fcntl
except ImportError:  # Windows, where a file that is open elsewhere cannot be removed anyway
    fcntl = None  # type: ignore[assignment]

PARTIAL = ".logitconf-partial"
"""How the name of a file ends that is being written."""
_CHUNK = 2**24
_STEM = 40
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
)


def check_writable(path: str | Path, *, force: bool) -> Path:
    """The path, if a file may be written there.

    Raises:
        LogitconfError: if it exists without ``force``, is anything but a regular file, a link that
            leads nowhere included, or has no parent folder.
    """
    target = Path(path)
    try:
        mode, is_link = _mode(target), target.is_symlink()
    except (OSError, ValueError) as error:
        raise LogitconfError(f"cannot write {target}: {_reason(error)}") from error
    if mode is not None and not stat.S_ISREG(mode):
        kind = next((what for test, what in _KINDS if test(mode)), "something else")
        raise LogitconfError(f"the output must be a file, got {kind} {target}; name a file")
    if mode is None and is_link:
        raise LogitconfError(f"the output must be a file, got a link that leads nowhere: {target}")
    if mode is not None and not force:
        raise LogitconfError(f"{target} exists; name another file or overwrite it with force")
    if not target.parent.is_dir():
        raise LogitconfError(
            f"the folder of the output must exist, got {target.parent}; make it first"
        )
    return target


def write_atomically(path: str | Path, content: bytes, *, force: bool = False) -> None:
    """Writes the content so that the path holds the old file or the new one, never a part.

    Of several writers without ``force``, one succeeds.

    Raises:
        LogitconfError: if the path exists without ``force``, is no regular file, or cannot be
            written.
    """
    write_all({Path(path): content}, force=force)


def write_all(contents: Mapping[Path, bytes | Path], *, force: bool = False) -> None:
    """Writes several files; each is whole on the disk before the first of them appears.

    They appear in the order given, so the one that needs the others comes last. Without ``force``
    all of them appear or none.

    Args:
        contents: by target; a path stands for the content of that file.
        force: whether files may be replaced.

    Raises:
        LogitconfError: as :func:`write_atomically`.
    """
    for path in contents:
        check_writable(path, force=force)
    parts: list[_Part] = []
    shown: list[Path] = []
    with _signals_deferred() as pending:
        try:
            for target, content in contents.items():
                with _named_errors(target):
                    parts.append(_Part.beside(target))
                    parts[-1].fill(content, pending)
            for part in parts:
                with _named_errors(part.target):
                    part.publish(force=force)
                shown.append(part.target)
        except LogitconfError:
            for path in () if force else shown:
                path.unlink()
            raise
        finally:
            for part in parts:
                part.discard()


def write_folder(path: str | Path, contents: Mapping[str, bytes | Path]) -> None:
    """Writes a folder of files, which appears when all of it is on the disk.

    Args:
        path: of the folder, which must not exist.
        contents: by name, without folders; a path stands for the content of that file.

    Raises:
        LogitconfError: if something is there, or it cannot be written.
    """
    target = Path(path)
    if os.path.lexists(target):
        raise LogitconfError(f"{target} exists; name another folder")
    with _signals_deferred() as pending, _named_errors(target):
        part = _Part.beside(target, folder=True)
        try:
            for name, content in contents.items():
                handle = os.open(part.path / name, os.O_WRONLY | os.O_CREAT | _BINARY, 0o666)
                try:
                    _fill(handle, content, pending)
                finally:
                    os.close(handle)
            part.close()
            part.path.rename(target)  # which replaces no folder but an empty one
        finally:
            part.discard()


@dataclass(slots=True)
class _Part:
    """A file or folder that is being written, beside its target; locked while its writer lives."""

    target: Path
    path: Path
    handle: int

    @classmethod
    def beside(cls, target: Path, *, folder: bool = False) -> "_Part":
        """A new and empty one; what dead writers of this target left is removed."""
        # the name is cut: with our ending, the longest names that a disk takes would be too long
        start = f".{target.name[:_STEM]}."
        _remove_stale(target.parent, start)
        while True:
            path = target.parent / f"{start}{os.urandom(4).hex()}{PARTIAL}"
            if folder:
                path.mkdir()
                handle = -1 if fcntl is None else os.open(path, os.O_RDONLY)
            else:
                # never over another file; the umask cuts the mode
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
            if fcntl is None or _locked(handle):
                return cls(target, path, handle)
            os.close(handle)  # another writer took it for stale before it was locked

    def fill(self, content: bytes | Path, pending: list[int]) -> None:
        """Writes the content to the disk.

        Raises:
            InterruptedError: if a signal came meanwhile.
        """
        _fill(self.handle, content, pending)

    def publish(self, *, force: bool) -> None:
        """Gives the file its target's name.

        Raises:
            FileExistsError: without ``force``, if something has it.
        """
        if os.name == "nt":
            self.close()
        if force:
            mode = _mode(self.target)
            if mode is not None:
                self.path.chmod(stat.S_IMODE(mode))
            self.path.replace(self.target)
        elif os.name == "nt":
            self.path.rename(self.target)  # which replaces nothing there
        else:
            self._link()

    def _link(self) -> None:
        try:
            os.link(self.path, self.target)
        except FileExistsError:
            raise
        except OSError:
            # no hard links (FAT, some network folders): the name is taken first, then filled
            os.close(os.open(self.target, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            try:
                self.path.replace(self.target)
            except OSError:
                self.target.unlink()
                raise

    def discard(self) -> None:
        """Removes what still has its own name."""
        self.close()
        _remove(self.path)

    def close(self) -> None:
        """Closes it, which unlocks it."""
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1


def _fill(handle: int, content: bytes | Path, pending: list[int]) -> None:
    if isinstance(content, Path):
        with content.open("rb") as source:
            chunks = iter(lambda: source.read(_CHUNK), b"")
            _write(handle, chunks, pending)
    else:
        view = memoryview(content)
        _write(handle, (view[i : i + _CHUNK] for i in range(0, len(view), _CHUNK)), pending)
    os.fsync(handle)


def _write(handle: int, chunks: Iterable[bytes | memoryview], pending: list[int]) -> None:
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            if pending:
                raise InterruptedError(f"{signal.Signals(pending[0]).name} came meanwhile")
            view = view[os.write(handle, view) :]


_BINARY = getattr(os, "O_BINARY", 0)


def _mode(path: Path) -> int | None:
    """What a path leads to, None if to nothing."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _locked(handle: int) -> bool:
    """Locks what was just made; False if it has been removed before that."""
    with suppress(OSError):  # a disk without locks: then nothing there is taken for stale
        fcntl.flock(handle, fcntl.LOCK_EX)
    return os.fstat(handle).st_nlink > 0


def _remove_stale(folder: Path, start: str) -> None:
    """Removes what writers left that are no more."""
    try:
        names = os.listdir(folder)
    except OSError:  # a folder may be written without being listed
        return
    for name in names:
        if not (name.startswith(start) and name.endswith(PARTIAL)):
            continue
        with suppress(OSError):  # its writer lives, or was faster
            if fcntl is None:
                _remove(folder / name)
                continue
            handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder / name)
            finally:
                os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _named_errors(target: Path) -> Iterator[None]:
    """Errors of the system as ours, which name the target."""
    try:
        yield
    except FileExistsError as error:
        raise LogitconfError(
            f"{target} exists; name another file or overwrite it with force"
        ) from error
    except OSError as error:
        raise LogitconfError(f"cannot write {target}: {_reason(error)}") from error


@contextmanager
def _signals_deferred() -> Iterator[list[int]]:
    """The signals that came meanwhile; they act when all is cleaned up.

    Handlers belong to the main thread: elsewhere an interrupt hits that one, not the writer.
    """
    pending: list[int] = []
    before = {}

    def defer(number: int, frame: FrameType | None) -> None:
        del frame
        pending.append(number)

    if threading.current_thread() is threading.main_thread():
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            # one that was set outside Python could not be put back
            if number is not None and signal.getsignal(number) not in {None, signal.SIG_IGN}:
                before[number] = signal.signal(number, defer)
    try:
        yield pending
    finally:
        # SIGINT last: its handler may raise, and would keep the others from being put back
        for number, handler in reversed(before.items()):
            signal.signal(number, handler)
        for number in sorted(set(pending), reverse=True):
            signal.raise_signal(number)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
