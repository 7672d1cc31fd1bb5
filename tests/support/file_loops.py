"""Writers that are killed and writers that race: ``python -m support.file_loops --count 200``.

Each writer is a fork of this process, so that one takes milliseconds.
"""

import argparse
import os
import random
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from logitconf.errors import LogitconfError
from logitconf.files import PARTIAL, write_all, write_atomically

SIZE = 2**24
"""Bytes that a disk needs longer for than a process to be killed."""
REFUSED = 2


def forked(action: Callable[[], None]) -> int:
    """The process that does it: its exit code is 0, or 2 if it was refused."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        action()
        code = 0
    except LogitconfError as error:
        code = REFUSED if "exists" in str(error) else 3
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except BaseException:  # the child must never go on as its parent
        traceback.print_exc()
    os._exit(code)


def partials(folder: Path) -> list[Path]:
    """What is left of files that were being written."""
    return [path for path in folder.iterdir() if path.name.endswith(PARTIAL)]


def kill_writers(count: int, number: int, folder: Path, *, size: int = SIZE) -> Counter[str]:
    """What the target held after each writer was sent a signal: the old file or the new one.

    Raises:
        RuntimeError: if it held anything else, or something is left that may not be.
    """
    rng = random.Random(count)
    target, held = folder / "out.onnx", Counter[str]()
    start = time.monotonic()
    write_atomically(target, b"\0" * size, force=True)
    longest = 1.5 * (time.monotonic() - start)
    old = 0
    for case in range(1, count + 1):
        new = case % 251 + 1
        child = forked(partial(write_atomically, target, bytes([new]) * size, force=True))
        time.sleep(rng.uniform(0, longest))
        os.kill(child, number)
        os.waitpid(child, 0)
        content = target.read_bytes()
        if content == bytes([new]) * size:
            held["new"] += 1
            old = new
        elif content == bytes([old]) * size:
            held["old"] += 1
        else:
            raise RuntimeError(f"case {case}: neither the old file nor the new one")
        left = len(partials(folder))
        held["left over"] += left
        if left > (number == signal.SIGKILL):
            raise RuntimeError(f"case {case}: {left} files are left")
    write_atomically(target, b"last", force=True)
    if list(folder.iterdir()) != [target]:
        raise RuntimeError(f"the next writer left {list(folder.iterdir())}")
    return held


def race_writers(count: int, folder: Path, *, files: int = 1) -> Counter[str]:
    """Which of two writers without force succeeded.

    Args:
        count: of races.
        folder: to write in; empty.
        files: that each writes together.

    Raises:
        RuntimeError: unless it was exactly one, and the file is all its own.
    """
    won = Counter[str]()
    for case in range(count):
        targets = [folder / f"{case}-{i}" for i in range(files)]
        gate, go = os.pipe()
        children = {}
        for writer in ("first", "second"):
            contents: dict[Path, bytes | Path] = {
                path: f"{writer} {path.name}".encode() * 1000 for path in targets
            }

            wait = partial(_wait_at, gate, go)
            children[forked(partial(_write_behind, wait, contents))] = writer, contents
        os.close(gate)
        os.close(go)
        codes = {child: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children}
        winners = [children[child] for child, code in codes.items() if code == 0]
        if sorted(codes.values()) != [0, REFUSED]:
            raise RuntimeError(f"case {case}: exit codes {sorted(codes.values())}")
        writer, contents = winners[0]
        if any(path.read_bytes() != content for path, content in contents.items()):
            raise RuntimeError(f"case {case}: the {writer} writer won, but the files are not its")
        won[writer] += 1
    if partials(folder):
        raise RuntimeError(f"{partials(folder)} are left")
    return won


def _write_behind(wait: Callable[[], None], contents: dict[Path, bytes | Path]) -> None:
    wait()
    write_all(contents)


def _wait_at(gate: int, go: int) -> None:
    """Waits until every other holder of the pipe's end has closed it."""
    os.close(go)
    os.read(gate, 1)


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    count = parser.parse_args().count
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        with tempfile.TemporaryDirectory() as folder:
            print(f"{number.name}:", dict(kill_writers(count, number, Path(folder))), flush=True)
    for files in (1, 3):
        with tempfile.TemporaryDirectory() as folder:
            print(f"races for {files} files:", dict(race_writers(count, Path(folder), files=files)))


if __name__ == "__main__":
    main()
