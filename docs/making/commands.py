"""The reference of the command line, from the commands themselves."""

from collections.abc import Iterable
from typing import Any

import typer

from logitconf_export.cli.app import application


def as_markdown() -> str:
    """A chapter for each command: what it does, its arguments and its options."""
    root: Any = typer.main.get_command(application())
    return "\n".join(line for name, each in root.commands.items() for line in _chapter(name, each))


def _chapter(name: str, command: Any) -> Iterable[str]:
    shown = [each for each in command.params if not each.hidden and each.name != "help"]
    arguments = [each for each in shown if each.param_type_name == "argument"]
    wanted = " ".join(_usage(each) for each in shown if each in arguments or each.required)
    yield f"## {name}\n"
    yield f"{_prose(command.help)}\n"
    yield f"    logitconf {name} {wanted} [OPTIONS]\n"
    panels = list(dict.fromkeys(each.rich_help_panel for each in shown))
    for panel in panels:
        if panel:
            yield f"**{panel}**\n"
        yield "| | | default |"
        yield "|---|---|---|"
        for each in shown:
            if each.rich_help_panel == panel:
                yield f"| {_names(each)} | {_cell(each.help or '')} | {_default(each)} |"
        yield ""


def _usage(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name.upper()
        return str(name) if parameter.required else f"[{name}]"
    return f"{parameter.opts[0]} {parameter.name.upper()}"


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    return ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    value = parameter.default
    if value is None or value is False or callable(value):
        return ""
    return f"`{getattr(value, 'value', value)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _prose(text: str) -> str:
    """The help as paragraphs; what is laid out by hand (examples) stays as it is."""
    paragraphs = (text or "").replace("\b", "").strip().split("\n\n")
    return "\n\n".join(
        "\n".join(f"    {line.strip()}" for line in part.splitlines())
        if part.lstrip().startswith(("$ ", "logitconf "))
        else " ".join(part.split())
        for part in paragraphs
    )
