"""What ``--names`` says becomes names in their order, or is refused with the reason."""

import re
from pathlib import Path

import pytest

from logitconf.errors import LogitconfError
from logitconf_export.cli.rows.class_names import given_names


def test_names_are_read_from_the_command_line_and_from_files(tmp_path: Path) -> None:
    assert given_names(None) is None
    assert given_names("cat,dog , sea eel") == ("cat", "dog", "sea eel")
    file = tmp_path / "names.txt"
    file.write_bytes("\ufeffcat\r\nhound, or dog\r\n  größe\r\n\r\n".encode())
    assert given_names(str(file)) == ("cat", "hound, or dog", "größe")


@pytest.mark.parametrize(
    ("text", "content", "message"),
    [
        ("cat,,dog", None, "must give each class a name, got an empty one in 'cat,,dog'"),
        ("nmaes.txt", None, "a text file with a name a line, got 'nmaes.txt', which is no file"),
        ("names.txt", b"cat\n\ndog\n", "got an empty one in line 2 of names.txt"),
        ("names.txt", b"\n", "must name the classes, got names.txt, which is empty"),
        ("names.txt", b"\xff\xfe\x00", "must be a text file in UTF-8 with a name a line, got"),
    ],
)
def test_what_is_no_list_of_names_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    content: bytes | None,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("names.txt").write_bytes(content)
    with pytest.raises(LogitconfError, match=re.escape(message)):
        given_names(text)
