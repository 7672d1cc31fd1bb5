"""What is said of a command line that cannot run: what is missing, and what was likely meant."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Union, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup

from logitconf.errors import LogitconfError, closest

if TYPE_CHECKING:
    from typer.core import TyperArgument, TyperOption

COMMAND_SYNONYMS: Mapping[str, str] = {
    "calibrate": "fit",
    "train": "fit",
    "rank": "compare",
    "convert": "export",
    "add": "attach",
    "bake": "attach",
    "remove": "detach",
    "strip": "detach",
    "tune": "retune",
    "set-threshold": "retune",
    "join": "ensemble",
    "check": "verify",
    "test": "verify",
    "validate": "verify",
    "diff": "drift",
    "info": "inspect",
    "show": "inspect",
    "read": "inspect",
    "list": "inspect",
    "diagnose": "doctor",
    "env": "doctor",
}
"""What others call the commands."""


_TYPED = {str: "NAME", Path: "FILE", float: "NUMBER", int: "NUMBER"}
"""What is typed for a parameter of a type."""


class Commands(TyperGroup):
    """All commands; one that is none is answered with what was likely meant."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Arguments and options, flags without a type."""
        return _without_types_of_flags(super().get_params(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The help, which ends with how to start."""
        from logitconf_export.cli.common.examples import START, epilog

        self.epilog = epilog(START)
        super().format_help(ctx, formatter)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first word names.

        Raises:
            LogitconfError: if it names none.
        """
        name = args[0]
        known = self.get_command(ctx, name) is not None
        if known or ctx.resilient_parsing or name.startswith("-"):
            return super().resolve_command(ctx, args)
        commands = list(self.commands)
        if Path(name).exists():
            raise LogitconfError(
                f"a command must come first, got the file {name}; "
                f"try logitconf inspect {name}, or see the commands with logitconf --help"
            )
        meant = closest(name, commands, COMMAND_SYNONYMS)
        hint = f"; did you mean {meant!r}?" if meant else f"; the commands are {commands}"
        raise LogitconfError(f"there is no command {name!r}{hint}")


class Command(TyperCommand):
    """One command; what was typed is looked at as a whole before it runs.

    Attributes:
        numbers: float or int by the name of a parameter that takes one number.
        choices: sets of parameters of which one must be given, each with what to say of it.
        types: what is typed after an option, by the name of its parameter.
    """

    numbers: ClassVar[Mapping[str, type]] = {}
    choices: ClassVar[Sequence[tuple[tuple[str, ...], str]]] = ()
    types: ClassVar[Mapping[str, str]] = {}

    def get_params(self, ctx: Any) -> list[Any]:
        """Arguments and options, flags without a type, all else with what one types there."""
        params = _without_types_of_flags(super().get_params(ctx))
        for each in params:
            if each.param_type_name == "option" and each.metavar is None:
                each.metavar = self.types.get(each.name or "")
        return params

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The help, which ends with examples."""
        from logitconf_export.cli.common.examples import EXAMPLES, epilog

        examples = EXAMPLES.get(self.name or "")
        self.epilog = None if examples is None else epilog(examples)
        super().format_help(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments that are left, as typer gives them.

        Raises:
            LogitconfError: for an option that is none, arguments too many, all that is missing, and
                what should be a number.
        """
        if not ctx.resilient_parsing:
            try:
                given, rest, _ = self.make_parser(ctx).parse_args(args=list(args))
            except typer.TyperException as error:
                raise LogitconfError(self._explained(error)) from error
            if not given.get("help"):
                self._check(given, rest)
        return super().parse_args(ctx, args)

    def _explained(self, error: typer.TyperException) -> str:
        option = getattr(error, "option_name", None)
        if option is None:
            return f"{self.name}: {error.format_message()}"
        if not hasattr(error, "possibilities"):
            return f"{self.name} needs a value after {option}, got none"
        flags = [flag for each in self.params for flag in each.opts if flag.startswith("--")]
        meant = closest(option.lstrip("-"), [flag.removeprefix("--") for flag in flags])
        hint = f"did you mean --{meant}?" if meant else f"see logitconf {self.name} --help"
        return f"{self.name} has no option {option}; {hint}"

    def _check(self, given: Mapping[str, Any], rest: Sequence[str]) -> None:
        if rest:
            arguments = [each for each in self.params if each.param_type_name == "argument"]
            takes = " and ".join(map(_named, arguments)) or "options alone"
            raise LogitconfError(
                f"{self.name} takes {takes}, got {' '.join(rest)} besides; "
                "put names with blanks in quotes"
            )
        missing = [
            _named(each)
            for each in self.params
            if each.required and each.value_is_missing(given.get(each.name or ""))
        ]
        if missing:
            missing += [text for names, text in self.choices if not any(map(given.get, names))]
            raise LogitconfError(
                f"{self.name} needs {_listed(missing)}; see logitconf {self.name} --help"
            )
        for each in self.params:
            kind = self.numbers.get(each.name or "")
            texts = given.get(each.name or "") if kind else None
            for text in texts if isinstance(texts, list | tuple) else [texts]:
                if kind is not None and isinstance(text, str):
                    check_number(each.opts[0], text, kind)


def _without_types_of_flags(params: Sequence[Any]) -> list[Any]:
    """A flag takes nothing, so help has more room for what it does."""
    for each in params:
        if getattr(each, "is_flag", False):
            each.metavar = ""
    return [*params]


def command_class(command: Callable[..., None]) -> type[Command]:
    """The class for a command: it knows what its parameters are.

    Args:
        command: as typer reads it; its attribute ``choices``, if any, is taken over.
    """
    numbers = {
        name: kind
        for name, each in inspect.signature(command).parameters.items()
        for kind in (float, int)
        if kind in _parts(each.annotation)
    }
    types = {
        name: word
        for name, each in inspect.signature(command).parameters.items()
        for kind, word in _TYPED.items()
        if kind in _parts(each.annotation)
    }
    own = {"numbers": numbers, "choices": getattr(command, "choices", ()), "types": types}
    return type("Command", (Command,), own)


def _parts(annotation: object) -> set[object]:
    """The types in an annotation: what is optional or a list of it, too."""
    nested = get_args(annotation)
    if not nested:
        return {annotation}
    # what follows the type in Annotated is no type
    union = get_origin(annotation) in (Union, UnionType)
    return {part for each in (nested if union else nested[:1]) for part in _parts(each)}


def check_number(flag: str, text: str, kind: type) -> None:
    """Checks that a text is a number.

    Raises:
        LogitconfError: if it is none, with how to write what was likely meant.

    >>> check_number("--coverage", "0.9", float)
    >>> check_number("--coverage", "90%", float)
    Traceback (most recent call last):
    logitconf.errors.LogitconfError: --coverage must be a number, got '90%'; write 0.9
    """
    try:
        kind(text)
    except ValueError as error:
        what = "a whole number" if kind is int else "a number"
        meant = _meant_number(text, kind)
        hint = "" if meant is None else f"; write {meant}"
        raise LogitconfError(f"{flag} must be {what}, got {text!r}{hint}") from error


def _meant_number(text: str, kind: type) -> str | None:
    plain = text.strip().replace(",", ".")
    percent = plain.endswith("%")
    try:
        value = float(plain.rstrip("% "))
    except ValueError:
        return None
    value = value / 100.0 if percent else value
    if kind is int:
        return f"{value:g}" if value.is_integer() else None
    return f"{value:g}"


def _named(param: TyperArgument | TyperOption | Any) -> str:
    """A parameter as one types it."""
    if param.param_type_name == "argument":
        return str(param.metavar or param.name)
    longest, *others = sorted(param.opts, key=len, reverse=True)
    return f"{longest} ({', '.join(others)})" if others else str(longest)


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def help_text(command: Callable[..., None]) -> str:
    """What a command says of itself, each paragraph on one line, to be broken where it is shown."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)
