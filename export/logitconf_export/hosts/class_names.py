"""Names of classes that a host carries: read where they are written, never guessed."""

import ast
import json
from collections.abc import Iterator
from typing import Any

import onnx

from logitconf_export.onnx_files.loading import scopes

KEYS = ("names", "id2label", "class_names", "classes", "labels")
"""Of metadata: ultralytics writes the first, as a Python dictionary; Transformers the second."""
_MOST_CHARACTERS = 2**20


def names_in(model: onnx.ModelProto, n_classes: int | None) -> tuple[str, ...] | None:
    """The names of so many classes, in their order; None where the host says none, or several.

    Args:
        model: the host.
        n_classes: columns of the logits; one logit has two names, of no and of yes.
    """
    wanted = 2 if n_classes == 1 else n_classes
    known = {names for names in (*_in_metadata(model), *_in_nodes(model)) if len(names) == wanted}
    return known.pop() if len(known) == 1 else None


def _in_metadata(model: onnx.ModelProto) -> Iterator[tuple[str, ...]]:
    for entry in model.metadata_props:
        if entry.key in KEYS and len(entry.value) <= _MOST_CHARACTERS:
            names = _ordered(_parsed(entry.value))
            if names is not None:
                yield names


def _in_nodes(model: onnx.ModelProto) -> Iterator[tuple[str, ...]]:
    """Of classifiers of ai.onnx.ml, and of what makes dictionaries of their outputs."""
    for scope in scopes(model):
        for node in scope.node:
            for attribute in node.attribute:
                if attribute.name == "classlabels_strings" and attribute.strings:
                    yield tuple(text.decode(errors="replace") for text in attribute.strings)


def _parsed(text: str) -> Any:
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None


def _ordered(values: Any) -> tuple[str, ...] | None:
    """The names in a list, or in a dictionary by whole numbers from 0 on, written out or not."""
    if isinstance(values, dict):
        by_number = {f"{key}": value for key, value in values.items()}
        if set(by_number) != {f"{number}" for number in range(len(values))}:
            return None
        values = [by_number[f"{number}"] for number in range(len(values))]
    if not isinstance(values, (list, tuple)) or not values:
        return None
    return tuple(values) if all(isinstance(value, str) for value in values) else None
