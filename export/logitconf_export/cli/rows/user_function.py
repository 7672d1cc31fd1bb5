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
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.stored_arrays import ONE_INPUT


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
            named = dict(returned) if isinstance(returned, Mapping) else {ONE_INPUT[0]: returned}
            given = {str(key): _plain(value) for key, value in named.items()}
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the code is the user's: it may raise anything, exit too
            raise LogitconfError(
                f"{name} must return the inputs, but it raised {_described(error)}"
            ) from error
    return {key: _array(value, f"'{key}' of {name}") for key, value in given.items()}


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
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise LogitconfError(
            f"{name} must be importable, but its module raised {_described(error)}"
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise LogitconfError(f"{module_name} must have a function {function_name!r}, got none")
    return function  # type: ignore[no-any-return]


def _described(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({frame.filename}, line {frame.lineno})"


def _plain(value: Any) -> Any:
    """The value as an array; what NumPy cannot make one of is left for the check."""
    try:
        return np.asarray(value)
    except ValueError:
        return value


def _array(value: Any, what: str) -> Array:
    if not isinstance(value, np.ndarray):
        raise LogitconfError(f"{what} must be an array, got rows of different lengths")
    strings = value.dtype.kind == "O" and all(isinstance(item, str) for item in value.flat)
    if value.dtype.kind == "O" and not strings:
        raise LogitconfError(f"{what} must be an array of numbers or strings with rows first")
    return value
