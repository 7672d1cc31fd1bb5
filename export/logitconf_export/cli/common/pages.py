"""The page that several commands write besides what they print."""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.options import REPORT, in_panel
from logitconf_export.cli.common.view import check_output

if TYPE_CHECKING:
    import typer

    from logitconf_export.cli.results.result import Result
    from logitconf_export.display.page.reporting import Page

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


def with_page(result: "Result", page: "Page", path: Path, *, force: bool) -> "Result":
    """Writes the page; the result says so."""
    from logitconf_export.cli.results.blocks import Facts
    from logitconf_export.cli.results.result import size

    page.save(path, force=force)
    fact = ("page", f"{path} ({size(path.stat().st_size)})")
    return replace(result, blocks=(*result.blocks, Facts([fact])))


def as_typed(context: "typer.Context") -> str:
    """The command as it was typed, its files without their folders."""
    words = ["logitconf", str(context.info_name)]
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            words += _words(parameter, context.params[name])
    return shlex.join(words)


def _words(parameter: Any, value: object) -> Iterator[str]:
    flag = None if parameter.param_type_name == "argument" else parameter.opts[-1]
    flag = next((each for each in parameter.opts if each.startswith("--")), flag)
    for each in value if isinstance(value, list | tuple) else [value]:
        if flag is not None:
            yield flag
        if not isinstance(each, bool):
            word = each.name if isinstance(each, Path) else f"{each}"
            yield f"./{word}" if word.startswith("-") and isinstance(each, Path) else word
