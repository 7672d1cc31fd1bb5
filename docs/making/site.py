"""What mkdocs calls while it builds the site: pages that are written from the code itself."""

from typing import Any

from docs.making import commands, front_door

_WRITTEN = {
    "<!-- every command -->": commands.as_markdown,
    "<!-- every name of the front door -->": front_door.as_markdown,
}
"""What stands in a page for text that is made from the code, and who makes it."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with everything written that is left to the code."""
    for mark, written in _WRITTEN.items():
        if mark in markdown:
            markdown = markdown.replace(mark, written())
    return markdown
