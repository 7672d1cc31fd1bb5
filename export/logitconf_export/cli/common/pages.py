"""The page that several commands write besides what they print."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TypeAlias

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.options import REPORT, in_panel
from logitconf_export.cli.common.view import check_output

PageFile: TypeAlias = Annotated[
    Path | None,
    in_panel(REPORT, "--report", "Write a page that shows it, with plots: one .html file."),
]


def check_page_file(path: Path | None, inputs: Iterable[Path | None], *, force: bool) -> None:
    """Refuses a page before any work is done; nothing is checked where none is asked for.

    Raises:
        LogitconfError: for a file of another kind, one that exists, or one of the inputs.
        MissingExtraError: if what draws pages is not installed.
    """
    if path is None:
        return
    if path.suffix.lower() not in (".html", ".htm"):
        raise LogitconfError(f"a page must be a file .html, got {path}")
    check_output(path, inputs, force=force)
    from logitconf_export.display.page.reporting import check_page

    check_page()
