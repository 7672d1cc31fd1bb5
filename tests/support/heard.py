"""Listens to how far work is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from logitconf.telling.progress import Advance


@dataclass
class Heard:
    """Every piece of work, with its parts and those that were told as done."""

    pieces: list[list[object]] = field(default_factory=list)
    open: int = 0

    @contextmanager
    def __call__(self, what: str, total: int | None) -> Iterator[Advance]:
        piece: list[object] = [what, total, 0]
        self.pieces.append(piece)
        self.open += 1

        def advance(parts: int) -> None:
            piece[2] = int(str(piece[2])) + parts

        try:
            yield advance
        finally:
            self.open -= 1

    def named(self, word: str) -> list[list[object]]:
        """The pieces whose names hold a word."""
        return [piece for piece in self.pieces if word in str(piece[0])]


def check_all_done(heard: Heard) -> None:
    """What was told as done is what there was to do, and everything has ended."""
    assert heard.pieces
    assert heard.open == 0
    for what, total, told in heard.pieces:
        assert total is None or told == total, (what, total, told)
