"""What hatchling calls: for the README as package indexes need it, and for the code in the wheel.

The wheel leaves out what only those read who work on the code, and they have the sources: comments,
and docstrings of modules, functions and methods that no front door hands out; of classes, the first
line stays. Every line of code stays in its place, as tracebacks name it.
"""

import ast
import io
import re
import shutil
import tempfile
import tokenize
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

PACKAGES = {"logitconf": "logitconf", "logitconf_export": "export/logitconf_export"}
# pytest shows the docstrings of its fixtures, users copy the monitor, and these are the front doors
WHOLE = (
    "logitconf/__init__.py",
    "logitconf/monitoring",
    "logitconf_export/__init__.py",
    "logitconf_export/testing/pytest_plugin.py",
)
COMMANDS = "logitconf_export/cli/"
LINK = re.compile(r'(?P<before>\]\(|src="|srcset=")(?P<path>(?!https?://|#)[^)"\s]+)')
PICTURES = (".svg", ".png", ".jpg")


class CustomMetadataHook(MetadataHookInterface):
    """Makes the README's relative links absolute, once `pyproject.toml` says where they lead."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Adds the README to the project's metadata."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute(
                text,
                files=self.config.get("files", ""),
                pictures=self.config.get("pictures", ""),
                version=metadata["version"],
            ),
        }


def absolute(text: str, *, files: str, pictures: str, version: str) -> str:
    """The text with an address before each relative link, or as it is without an address.

    Args:
        text: Markdown, with HTML for pictures.
        files: the beginning of a file's address, with ``{version}`` in it.
        pictures: the same for what is shown in the page.
        version: of the project.
    """
    if not files or not pictures:
        return text

    def led(match: re.Match[str]) -> str:
        path = match["path"]
        start = pictures if path.partition("#")[0].endswith(PICTURES) else files
        return f"{match['before']}{start.format(version=version)}{path}"

    return LINK.sub(led, text)


class CustomBuildHook(BuildHookInterface[Any]):
    """Puts lean copies of the modules into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Writes the copies and names them; an editable install has the sources."""
        self.folder = Path(tempfile.mkdtemp())
        if version == "editable":
            return
        doors = [Path(self.root, home, "__init__.py") for home in PACKAGES.values()]
        public = {name for door in doors for name in re.findall(r'[":](\w+)"', door.read_text())}
        for package, home in PACKAGES.items():
            for path in sorted(Path(self.root, home).rglob("*.py")):
                name = f"{package}/{path.relative_to(Path(self.root, home)).as_posix()}"
                if name.startswith(WHOLE):
                    continue
                # help shows the docstring of a command, the function of its file's name
                kept = {*public, path.stem, "logitconf"} if name.startswith(COMMANDS) else public
                copy = self.folder / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text(lean(path.read_text(encoding="utf-8"), kept), encoding="utf-8")
                build_data["force_include"][str(copy)] = name

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Takes the copies away."""
        shutil.rmtree(self.folder)


def lean(source: str, public: Collection[str]) -> str:
    """The code of a module without comments and inner docstrings; every line stays in its place.

    Args:
        source: of the module.
        public: names of functions and classes whose docstrings stay, with those of methods; other
            classes keep the first line of theirs.
    """
    lines = source.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    module = ast.parse(source)
    for owner in (module, *_inner(module, public)):
        text = ast.get_docstring(owner)
        if text is None:
            continue
        docstring = owner.body[0]
        rows = range(docstring.lineno - 1, docstring.end_lineno or 0)
        for row in rows:
            lines[row] = ""
        if isinstance(owner, ast.ClassDef) and not owner.name.startswith("_"):
            lines[rows[0]] = " " * docstring.col_offset + repr(text.partition("\n")[0])
        elif len(owner.body) == 1:
            lines[rows[0]] = " " * docstring.col_offset + "..."
    return "\n".join(lines)


_Owner = ast.Module | ast.ClassDef | ast.FunctionDef


def _inner(owner: _Owner, public: Collection[str], shown: bool = True) -> Iterator[_Owner]:
    """The functions and classes that are not shown to users, from a module or class down."""
    for part in ast.walk(owner) if not shown else ast.iter_child_nodes(owner):
        if isinstance(part, ast.ClassDef | ast.FunctionDef):
            seen = shown and not part.name.startswith("_")
            if isinstance(owner, ast.Module):
                seen = seen and part.name in public
            if not seen:
                yield part
            if shown:
                yield from _inner(part, public, seen)
