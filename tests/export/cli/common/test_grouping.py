"""Options that belong together reach a command as one value."""

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Optional

import pytest
import typer

from logitconf_export.cli.common.grouping import with_groups


@dataclass(frozen=True)
class Size:
    """Two options, one of them without a default."""

    width: Annotated[int, typer.Option("--width")]
    height: Annotated[int, typer.Option("--height")] = 2


received: list[tuple[str, Size, bool]] = []


def paint(name: str, size: Size, *, fast: bool = False) -> None:
    """Paint it."""
    received.append((name, size, fast))


def run(*arguments: str) -> None:
    app = typer.Typer()
    app.command()(with_groups(paint))
    app(args=list(arguments), standalone_mode=False)


def test_the_options_of_a_group_arrive_as_one_value() -> None:
    received.clear()
    run("wall", "--width", "3", "--fast")
    run("door", "--height", "5", "--width", "4")
    assert received == [("wall", Size(3, 2), True), ("door", Size(4, 5), False)]


def test_an_option_without_a_default_is_required() -> None:
    with pytest.raises(typer.TyperException, match="Missing parameter: width"):
        run("wall")


def test_typer_sees_the_options_and_not_the_group() -> None:
    ungrouped = with_groups(paint)
    assert list(inspect.signature(ungrouped).parameters) == ["name", "width", "height", "fast"]
    assert ungrouped.__doc__ == "Paint it."


def test_two_groups_with_one_name_are_refused() -> None:
    def twice(first: Size, second: Size) -> None:
        """Both have a width."""

    with pytest.raises(ValueError, match="duplicate parameter name: 'width'"):
        with_groups(twice)


def test_an_argument_without_a_value_is_one_in_python_3_10_too(tmp_path: Path) -> None:
    # there, get_type_hints puts an optional around the annotation of what has None as its default
    def read(file: Optional[Annotated[Path | None, typer.Argument()]] = None) -> None:  # noqa: UP045
        files.append(file)

    files: list[Path | None] = []
    app = typer.Typer()
    app.command()(with_groups(read))
    for arguments in ([f"{tmp_path}"], []):
        app(args=arguments, standalone_mode=False)
    assert files == [tmp_path, None]
