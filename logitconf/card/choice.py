"""What a card says of how its score was chosen among all scores."""

from __future__ import annotations

from dataclasses import dataclass

from logitconf.card.parts import Split
from logitconf.notebook.brief import brief
from logitconf.typed_json import check_count


@dataclass(frozen=True, slots=True)
class ScoreChoice:
    """How a score was chosen: on rows of its own, which nothing else saw.

    Attributes:
        compared: names of the scores that were compared, that of the least AURC first.
        tied: those of them whose distance from the first may be noise, the first included.
        fitted_rows: rows that temperatures and parameters were fitted on for the comparison.
        rows: other rows, that the scores were compared on.
        errors: wrong predictions among those.
        split: how all of these rows were drawn.
    """

    compared: tuple[str, ...]
    tied: tuple[str, ...]
    fitted_rows: int
    rows: int
    errors: int
    split: Split

    __repr__ = brief

    def __post_init__(self) -> None:
        for name in ("fitted_rows", "rows", "errors"):
            check_count(getattr(self, name), name)
