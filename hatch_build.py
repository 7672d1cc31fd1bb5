"""What hatchling calls for the metadata: the README as package indexes need it."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

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
