"""The errors and the warning that logitconf raises, and what to say of a word that is none."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

_NO_SYNONYMS: Mapping[str, str] = MappingProxyType({})


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


def not_among(
    what: str,
    word: object,
    words: Iterable[str],
    synonyms: Mapping[str, str] = _NO_SYNONYMS,
) -> LogitconfError:
    """The error of a word that is none of those allowed, with the one that was likely meant.

    Args:
        what: the word stands for, such as ``"score"``.
        word: that was given.
        words: that are allowed.
        synonyms: other names that users may know, each with the word it stands for.

    >>> print(not_among("task", "Multi-Class", ["multiclass", "binary"]))
    task must be one of ['multiclass', 'binary'], got 'Multi-Class'; did you mean 'multiclass'?
    """
    allowed = list(words)
    meant = closest(word, allowed, synonyms)
    hint = "" if meant is None else f"; did you mean {meant!r}?"
    return LogitconfError(f"{what} must be one of {allowed}, got {word!r}{hint}")


def closest(
    word: object, words: Iterable[str], synonyms: Mapping[str, str] = _NO_SYNONYMS
) -> str | None:
    """The word that was likely meant, whatever its capitals, blanks and dashes; None if none is.

    >>> closest("Log_Probabilitys", ["logits", "probabilities", "log-probabilities"])
    'log-probabilities'
    >>> closest("gpu", ["cpu", "cuda"], {"gpu": "cuda"})
    'cuda'
    """
    if not isinstance(word, str):
        return None
    from difflib import get_close_matches

    allowed = list(words)
    targets = {_plain(known): meant for known, meant in synonyms.items() if meant in allowed}
    targets |= {_plain(each): each for each in allowed}
    near = get_close_matches(_plain(word), targets, n=1, cutoff=0.7)
    return targets[near[0]] if near else None


def share_hint(value: float) -> str:
    """How to write a share that was given in percent, as the end of a sentence; else empty.

    >>> share_hint(90.0)
    '; write 0.9 for 90 %'
    """
    return f"; write {value / 100.0:g} for {value:g} %" if 1.0 < value <= 100.0 else ""


def _plain(word: str) -> str:
    """A word as it sounds: without capitals, blanks and what joins its parts."""
    return "".join(letter for letter in word.lower() if letter not in " _-.")


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
