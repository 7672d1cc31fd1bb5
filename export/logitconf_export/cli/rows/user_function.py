"""Inputs that a function of the user makes, for hosts that read images, text or anything else."""

import importlib
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from logitconf.errors import LogitconfError
from logitconf_export.cli.rows.npz import ONE_INPUT
from logitconf_export.onnx_files.types import Array


def made_arrays(name: str, data: Path | None) -> dict[str, Array]:
    """What a function returns: arrays by name, as a file of arrays would hold them.

    Args:
        name: ``"module:function"``; the module is looked for in the working directory first.
        data: handed to the function, such as a folder of images; without it the function is called
            without arguments.

    Returns:
        The arrays; one that came without a name stands for the host's only input.

    Raises:
        LogitconfError: if there is no such function, it fails, or it returns no arrays.
    """
    with _working_directory_importable():
        function = _function(name)
        try:
            returned = function() if data is None else function(data)
        except Exception as error:  # the code is the user's: it may raise anything
            raise LogitconfError(
                f"{name} must return the inputs, but it raised {type(error).__name__}: {error} "
                f"({_place(error)})"
            ) from error
    named = returned if isinstance(returned, Mapping) else {ONE_INPUT[0]: returned}
    return {str(key): _array(value, f"'{key}' of {name}") for key, value in named.items()}


@contextmanager
def _working_directory_importable() -> Iterator[None]:
    """As with ``python -m``; a console script has its own folder there instead."""
    before = list(sys.path)
    sys.path.insert(0, str(Path.cwd()))
    try:
        yield
    finally:
        sys.path[:] = before


def _function(name: str) -> Callable[..., Any]:
    module_name, colon, function_name = name.partition(":")
    if not (module_name and colon and function_name):
        raise LogitconfError(f"--inputs must be module:function, got {name!r}")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise LogitconfError(f"{name} must be importable: {error}") from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise LogitconfError(f"{module_name} must have a function {function_name!r}, got none")
    return function  # type: ignore[no-any-return]


def _place(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename}, line {frame.lineno}"


def _array(value: Any, what: str) -> Array:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise LogitconfError(f"{what} must be an array: {error}") from error
    strings = array.dtype.kind == "O" and all(isinstance(item, str) for item in array.flat)
    if array.ndim == 0 or (array.dtype.kind == "O" and not strings):
        raise LogitconfError(
            f"{what} must be an array of numbers or strings with rows first, got "
            f"{type(value).__name__}"
        )
    return array
