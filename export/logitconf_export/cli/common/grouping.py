"""Options that belong together reach a command as one frozen value."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from inspect import Parameter
from typing import Any, get_type_hints


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer reads it: every dataclass parameter replaced by the dataclass's fields.

    Args:
        command: its parameters are options, arguments, or dataclasses of these.
    """
    parameters: list[Parameter] = []
    groups: dict[str, tuple[Callable[..., Any], list[str]]] = {}
    hints = get_type_hints(command, include_extras=True)
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
