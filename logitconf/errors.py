"""The errors and the warning that logitconf raises."""

from collections.abc import Iterator
from contextlib import contextmanager


class LogitconfError(ValueError):
    """Bad input: the message says what must hold, what came and what to do."""


class UncertifiableError(LogitconfError):
    """A promised risk cannot be certified with the rows given.

    Attributes:
        needed_rows: the smallest number of error-free accepted rows that could certify it, if any.
    """

    def __init__(self, message: str, *, needed_rows: int | None = None) -> None:
        super().__init__(message)
        self.needed_rows = needed_rows


class MissingExtraError(LogitconfError, ImportError):
    """An optional package is missing; the message names the extra that brings it."""


@contextmanager
def torch_for(what: str) -> Iterator[None]:
    """Says what to install where a statement in the block misses torch.

    Args:
        what: needs torch.

    Raises:
        MissingExtraError: without torch.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "torch":
            raise
        raise MissingExtraError(
            f'{what} needs torch, which is not installed; pip install "logitconf[torch]" (install '
            "a CPU-only build of torch first if no CUDA is wanted)"
        ) from error


class LogitconfWarning(UserWarning):
    """Something was done that the user should know of, though nothing failed."""
