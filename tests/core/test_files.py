import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from logitconf import files
from logitconf.errors import LogitconfError
from logitconf.files import PARTIAL, check_writable, write_all, write_atomically, write_folder


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_no_file_is_replaced_without_force(tmp_path: Path) -> None:
    target = tmp_path / "a"
    write_atomically(target, b"old")
    with pytest.raises(LogitconfError, match="exists; name another file"):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    write_atomically(target, b"new", force=True)
    assert target.read_bytes() == b"new"
    assert _names(tmp_path) == ["a"]


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path))


@pytest.mark.parametrize(
    ("make", "words"),
    [(_pipe, "a named pipe"), (_socket, "a socket"), (Path.mkdir, "a folder")],
    ids=["pipe", "socket", "folder"],
)
@pytest.mark.parametrize("linked", [False, True], ids=["itself", "by a link"])
def test_nothing_but_a_file_is_replaced(
    make: Callable[[Path], None],
    words: str,
    linked: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # the address of a socket must be short
    thing = tmp_path / "thing"
    make(thing)
    before = thing.lstat()
    target = tmp_path / "link" if linked else thing
    if linked:
        target.symlink_to(thing)
    with pytest.raises(LogitconfError, match=f"the output must be a file, got {words}"):
        write_atomically(target, b"new", force=True)
    assert thing.lstat()[:9] == before[:9]
    assert target.is_symlink() == linked


def test_a_link_gives_way_and_its_file_stays(tmp_path: Path) -> None:
    (tmp_path / "stored").write_bytes(b"kept by a store of models")
    link = tmp_path / "link"
    link.symlink_to("stored")
    with pytest.raises(LogitconfError, match="exists"):
        write_atomically(link, b"new")
    write_atomically(link, b"new", force=True)
    assert not link.is_symlink()
    assert (tmp_path / "stored").read_bytes() == b"kept by a store of models"


@pytest.mark.parametrize("force", [False, True])
def test_a_link_that_leads_nowhere_is_refused(force: bool, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("nowhere")
    with pytest.raises(LogitconfError, match="a link that leads nowhere"):
        check_writable(link, force=force)


@pytest.mark.parametrize(
    ("path", "words"),
    [("no/a", "folder of the output must exist"), ("a\0b", "null"), ("x" * 300, "too long")],
)
def test_paths_that_no_file_can_have_are_refused(path: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(LogitconfError, match=words):
        write_atomically(tmp_path / path, b"")


def test_a_new_file_has_the_rights_that_the_umask_leaves_and_an_old_one_keeps_its(
    tmp_path: Path,
) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "new", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    (tmp_path / "new").chmod(0o604)
    write_atomically(tmp_path / "new", b"", force=True)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o604


def test_the_longest_name_that_a_disk_takes_can_be_written(tmp_path: Path) -> None:
    write_atomically(tmp_path / ("ä" * 127), b"whole")
    assert _names(tmp_path) == ["ä" * 127]


def test_what_a_dead_writer_left_goes_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    dead, living = (tmp_path / f".a.{name}{PARTIAL}" for name in ("dead", "living"))
    other = tmp_path / f".b.dead{PARTIAL}"
    for path in (dead, living, other):
        path.write_bytes(b"half")
    with living.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        write_atomically(tmp_path / "a", b"whole")
    assert _names(tmp_path) == sorted([living.name, other.name, "a"])


def test_several_files_appear_together_or_not_at_all(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"weights" * 10**6)
    first, last = tmp_path / "weights", tmp_path / "model"
    write_all({first: source, last: b"model"})
    assert first.read_bytes() == source.read_bytes()
    assert last.read_bytes() == b"model"
    first.unlink()
    with pytest.raises(LogitconfError, match="model exists"):
        write_all({first: source, last: b"other"})
    with pytest.raises(LogitconfError, match="No such file"):
        write_all({first: b"new", last: tmp_path / "missing"}, force=True)
    assert _names(tmp_path) == ["model", "source"]
    assert last.read_bytes() == b"model"


def test_a_file_that_another_writer_made_first_takes_the_others_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, last = tmp_path / "weights", tmp_path / "model"
    link = os.link

    def late(source: Path, target: Path) -> None:
        if target == last:
            last.write_bytes(b"another's")
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(LogitconfError, match="model exists"):
        write_all({first: b"ours", last: b"ours"})
    assert _names(tmp_path) == ["model"]
    assert last.read_bytes() == b"another's"


def test_disks_without_hard_links_are_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted", source, None, target)

    monkeypatch.setattr(os, "link", refused)
    write_atomically(tmp_path / "a", b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"
    assert _names(tmp_path) == ["a"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_acts_when_nothing_is_left(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    before = signal.signal(number, lambda *_: seen.append(_names(tmp_path)))
    write = os.write

    def interrupted(handle: int, content: memoryview) -> int:
        signal.raise_signal(number)
        return write(handle, content[:1])

    monkeypatch.setattr(os, "write", interrupted)
    try:
        # its handler comes back, so that the writer must say that nothing was written
        with pytest.raises(LogitconfError, match=f"cannot write .*: {number.name} came"):
            write_atomically(tmp_path / "a", b"whole")
        assert signal.getsignal(number) is not signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert seen == [[]]
    assert _names(tmp_path) == []


def test_threads_write_too(tmp_path: Path) -> None:
    writer = threading.Thread(target=write_atomically, args=(tmp_path / "a", b"whole"))
    writer.start()
    writer.join()
    assert (tmp_path / "a").read_bytes() == b"whole"


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    write_folder(tmp_path / "bundle", {"a": b"1", "b": Path(files.__file__)})
    assert _names(tmp_path / "bundle") == ["a", "b"]
    with pytest.raises(LogitconfError, match="bundle exists"):
        write_folder(tmp_path / "bundle", {})
    with pytest.raises(LogitconfError, match="No such file"):
        write_folder(tmp_path / "other", {"a": b"1", "b": tmp_path / "missing"})
    assert _names(tmp_path) == ["bundle"]


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_killed_and_racing_writers_leave_whole_files() -> None:
    loops = [sys.executable, "-m", "support.file_loops", "--count", "6"]
    done = subprocess.run(
        loops, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "SIGKILL",
        "SIGTERM",
        "SIGINT",
        "races for 1 files",
        "races for 3 files",
    ]
