"""What mkdocs calls while it builds the site: what is written and drawn from the code itself."""

from functools import cache
from typing import Any

from mkdocs.structure.files import File, Files

from docs.making import commands, front_door

_WRITTEN = {
    "<!-- every command -->": commands.as_markdown,
    "<!-- every name of the front door -->": front_door.as_markdown,
}
"""What stands in a page for text that is made from the code, and who makes it."""


def on_files(files: Files, config: Any) -> Files:
    """The site's files and the pictures of the gallery."""
    for name, content in _gallery().items():
        files.append(File.generated(config, f"pictures/{name}", content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with everything written that is left to the code."""
    for mark, written in _WRITTEN.items():
        if mark in markdown:
            markdown = markdown.replace(mark, written())
    return markdown


@cache
def _gallery() -> dict[str, bytes]:
    """Drawn once, however often `mkdocs serve` builds."""
    from docs.making import gallery

    return gallery.drawn()
