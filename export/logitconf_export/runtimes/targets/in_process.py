"""What runtimes share that run inside this process."""

import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from logitconf.errors import MissingExtraError
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.protocol import Answer, Job, RunError
from logitconf_export.runtimes.sessions import session_errors

_MOST_KEPT = 8
INSTALL = 'install it with pip install "logitconf[runtimes]"'


def imported(module: str, package: str) -> ModuleType:
    """A package of a runtime.

    Raises:
        MissingExtraError: if it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return import_module(module)
    except ImportError as error:
        raise MissingExtraError(f"{package} is not installed; {INSTALL}") from error


def each(
    jobs: Sequence[Job],
    load: Callable[[bytes], Any],
    run: Callable[[Any, Job], Sequence[Array]],
    errors: tuple[type[Exception], ...],
    kept: dict[bytes, Any] | None = None,
) -> list[Answer]:
    """Runs jobs one by one; a model that repeats is loaded once.

    Args:
        jobs: in order.
        load: of a model.
        run: of what was loaded.
        errors: that are reasons of the runtime.
        kept: models that stay loaded for the next jobs, a few of them; only the last one without.
    """
    loaded = {} if kept is None else kept
    answers: list[Answer] = []
    for job in jobs:
        try:
            if job.model not in loaded:
                if kept is None or len(loaded) >= _MOST_KEPT:
                    loaded.clear()
                loaded[job.model] = load(job.model)
            answers.append(tuple(run(loaded[job.model], job)))
        except errors as error:
            answers.append(RunError(f"{type(error).__name__}: {error}"))
    return answers


def each_in_session(
    jobs: Sequence[Job], load: Callable[[bytes], Any], kept: dict[bytes, Any] | None = None
) -> list[Answer]:
    """Runs jobs one by one in sessions of onnxruntime."""
    return each(
        jobs,
        load,
        lambda session, job: session.run(list(job.outputs), dict(job.feeds)),
        session_errors(),
        kept,
    )
