"""What a command writes reaches who reads it, or ends quietly where nobody does; signals end it."""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from logitconf.errors import LogitconfError

# in an encoding without them they are spelled
_SPELLED = str.maketrans({"→": "->", "±": "+/-", "–": "-", "…": "...", "│": "|", "─": "-"})


class _GuardedStream:
    """A stream whose reader may go away, and may not read UTF-8."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost = False
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        utf = (stream.encoding or "utf-8").lower().replace("-", "").startswith("utf")
        self._spelled = {} if utf else _SPELLED
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        """Writes, until nobody reads any more."""
        if not self._lost:
            try:
                self._stream.write(text.translate(self._spelled))
            except OSError as error:
                self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Flushes, until nobody reads any more."""
        if not self._lost:
            try:
                self._stream.flush()
            except OSError as error:
                self._lose(error)

    def write_bytes(self, content: bytes) -> int:
        """Writes bytes, until nobody reads any more."""
        if not self._lost:
            try:
                self._stream.flush()
                self._stream.buffer.write(content)
                self._stream.buffer.flush()
            except OSError as error:
                self._lose(error)
        return len(content)

    def _lose(self, error: OSError) -> None:
        self._lost = True
        if not isinstance(error, BrokenPipeError):
            self.error = error
        try:
            # what the buffer holds must not fail again when the interpreter ends
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self._stream.fileno())
        except (OSError, ValueError):
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def write_bytes(content: bytes) -> None:
    """Writes a file to stdout, guarded or not."""
    stream = sys.stdout
    if isinstance(stream, _GuardedStream):
        stream.write_bytes(content)
        return
    stream.flush()
    stream.buffer.write(content)
    stream.buffer.flush()


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Lets stdout and stderr lose their readers quietly; both are as they were afterwards.

    Raises:
        LogitconfError: at the end, if what was printed could not be written, as on a full disk.
    """
    before = sys.stdout, sys.stderr
    # a closed stream is None
    nowhere = io.StringIO()
    guarded = [_GuardedStream(stream or nowhere) for stream in before]
    sys.stdout, sys.stderr = cast(TextIO, guarded[0]), cast(TextIO, guarded[1])
    try:
        yield
        for stream in guarded:
            stream.flush()
    finally:
        sys.stdout, sys.stderr = before
    if guarded[0].error is not None:
        raise LogitconfError(f"cannot write to stdout: {guarded[0].error.strerror}")


@contextmanager
def ending_signals() -> Iterator[list[int]]:
    """Makes SIGTERM and SIGHUP end the command as Ctrl-C does, so that it puts files away.

    Yields:
        The signals that came.
    """
    received: list[int] = []

    def end(number: int, _: object) -> None:
        received.append(number)
        raise KeyboardInterrupt

    handled = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # one that is ignored, as under nohup, stays ignored
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                handled[number] = signal.signal(number, end)
    try:
        yield received
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
