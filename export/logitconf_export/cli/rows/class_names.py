"""Names of classes as users give them: with commas between, or a line each in a text file."""

from pathlib import Path

from logitconf.errors import LogitconfError


def given_names(text: str | None) -> tuple[str, ...] | None:
    """The names that ``--names`` says, in their order; None without it.

    Args:
        text: such as ``cat,dog``, or the path of a text file in UTF-8 with a name a line. Spaces
            around a name, and empty lines at the end of the file, are no part of it.

    Raises:
        LogitconfError: if it is neither, or a name is empty.

    >>> given_names("cat, dog")
    ('cat', 'dog')
    """
    if text is None:
        return None
    path = Path(text)
    in_file = path.is_file()
    if not in_file and "," not in text:
        raise LogitconfError(
            "--names must be names with commas between, or a text file with a name a line, got "
            f"{text!r}, which is no file"
        )
    parts = _lines(path) if in_file else text.split(",")
    names = tuple(part.strip() for part in parts)
    if "" in names:
        where = f"line {names.index('') + 1} of {path}" if in_file else f"{text!r}"
        raise LogitconfError(f"--names must give each class a name, got an empty one in {where}")
    return names


def _lines(path: Path) -> list[str]:
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise LogitconfError(
            f"--names must be a text file in UTF-8 with a name a line, got {path}, which is none"
        ) from error
    except OSError as error:
        raise LogitconfError(f"--names must be readable, got {path}: {error.strerror}") from error
    lines = content.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise LogitconfError(f"--names must name the classes, got {path}, which is empty")
    return lines
