"""What a user should know about a threshold: kinds that code asks for, and their words."""

from dataclasses import dataclass, field
from enum import Enum


class NoteKind(Enum):
    """The kinds of notes; the value is what a user reads."""

    TIED = "scores tie: {accepted} rows are accepted where {wanted} were asked for"
    TIED_AT_QUANTILE = "scores tie at the quantile: {accepted} of {rows} rows lie below it"
    BEYOND_SCORES = "more than 1 - q of the {rows} rows have no finite score"
    NARROW = (
        "no gap between scores within 1 % of the rows is wider than two rounding bands; the widest "
        "was taken, and runtimes may decide differently on scores next to it"
    )
    NOTHING = "no row is accepted"
    UNSCORED = "only {accepted} of {rows} rows have a finite score and can be accepted"
    REFUSED = "{part} accepts nothing: {reason}"


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know about a threshold; its ``str`` is the sentence.

    Attributes:
        kind: of the note.
        accepted: rows that are, or can be, accepted.
        wanted: rows that should be.
        rows: all rows.
        reason: why a part accepts nothing.
        part: the class or label that it is about; empty for all rows.
    """

    kind: NoteKind
    accepted: int = field(default=0, kw_only=True)
    wanted: int = field(default=0, kw_only=True)
    rows: int = field(default=0, kw_only=True)
    reason: str = field(default="", kw_only=True)
    part: str = field(default="", kw_only=True)

    def __str__(self) -> str:
        text = self.kind.value.format(
            accepted=self.accepted,
            wanted=self.wanted,
            rows=self.rows,
            reason=self.reason,
            part=self.part,
        )
        if not self.part or self.kind is NoteKind.REFUSED:
            return text
        return f"{self.part}: {text}"


NARROW, NOTHING = Note(NoteKind.NARROW), Note(NoteKind.NOTHING)
