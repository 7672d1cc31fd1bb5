"""Options that belong together reach a command as one frozen value."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from inspect import Parameter
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer reads it: every dataclass parameter replaced by the dataclass's fields.

    Args:
        command: its parameters are options, arguments, or dataclasses of these.
    """
    parameters: list[Parameter] = []
    groups: dict[str, tuple[Callable[..., Any], list[str]]] = {}
    hints = _written_hints(command)
    for parameter in inspect.signature(command).parameters.values():
        kind = hints[parameter.name]
        if isinstance(kind, type) and is_dataclass(kind):
            own = _of_group(kind)
            groups[parameter.name] = (kind, [each.name for each in own])
            parameters += own
        else:
            parameters.append(parameter.replace(kind=Parameter.KEYWORD_ONLY, annotation=kind))

    @wraps(command)
    def ungrouped(**given: Any) -> None:
        values = {
            name: kind(**{part: given.pop(part) for part in parts})
            for name, (kind, parts) in groups.items()
        }
        command(**given, **values)

    ungrouped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    # of which parameters one must be given, where a group says so
    choices = [each for kind, _ in groups.values() for each in getattr(kind, "CHOICES", ())]
    ungrouped.choices = choices  # type: ignore[attr-defined]
    return ungrouped


def _written_hints(command: Callable[..., None]) -> dict[str, Any]:
    """The types of the parameters, with what typer is told in their annotations.

    Python 3.10 makes an optional of what has None as its default, around the annotation, where
    typer does not look: an argument would become an option.
    """
    hints = get_type_hints(command, include_extras=True)
    for name, hint in hints.items():
        inner = [part for part in get_args(hint) if get_origin(part) is Annotated]
        if get_origin(hint) is Union and inner:
            hints[name] = inner[0]
    return hints


def _of_group(group: type) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(
            each.name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if each.default is MISSING else each.default,
            annotation=hints[each.name],
        )
        for each in fields(group)
    ]
