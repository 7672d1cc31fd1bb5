"""The errors and the warning that logitconf raises."""


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


class LogitconfWarning(UserWarning):
    """Something was done that the user should know of, though nothing failed."""
