"""What a proof comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Verdict: TypeAlias = Literal["PROVED", "REFUTED", "CANNOT PROVE"]
EXIT_CODES: dict[Verdict, int] = {"PROVED": 0, "REFUTED": 1, "CANNOT PROVE": 2}


@dataclass(frozen=True, slots=True)
class Witness:
    """A row that is decided otherwise than its card says.

    Attributes:
        logits: the row.
        score: in the runtime.
        exact: by the card's formula, in double.
        accepted: in the runtime.
        band: of rounding there; NaN for a row without a score.
    """

    logits: tuple[float, ...]
    score: float
    exact: float
    accepted: bool
    band: float


@dataclass(frozen=True, slots=True)
class Bound:
    """How far a runtime's score may be from the exact one, for finite rows of the stated range.

    Attributes:
        anywhere: for all rows.
        near_threshold: for all rows whose decision it can change.
        band: the rounding band at the threshold.
        half_gap: half the gap between calibration scores that the threshold lies in; None if it
            is not known.
        masked: whether it holds for rows with masked classes too; else why it is not known.
    """

    anywhere: float
    near_threshold: float
    band: float
    half_gap: float | None = None
    masked: str = ""

    @property
    def cannot_flip(self) -> bool | None:
        """Whether no calibration row can be decided otherwise; None without a gap."""
        return None if self.half_gap is None else self.near_threshold < self.half_gap


@dataclass(frozen=True, slots=True)
class RuntimeProof:
    """What is proved of a head in one runtime.

    Attributes:
        runtime: name and version.
        verdict: as said.
        reason: why, in a sentence.
        bound: of finite rows; None where it was not come to.
        tables: SHA-256 of the tables of operations; empty without.
        processor: whose tables they are, and for which the proof holds; empty without.
        sampled: operations whose errors were not tried on every float.
        witness: a row that refutes, if one was found.
        head: its name, where the file has several.
        provider: of onnxruntime, that the tables are of.
    """

    runtime: str
    verdict: Verdict
    reason: str
    bound: Bound | None = None
    tables: str = ""
    processor: str = ""
    sampled: tuple[str, ...] = ()
    witness: Witness | None = None
    head: str = ""
    provider: str = "cpu"

    @property
    def place(self) -> str:
        """The head, where there are several, and the runtime."""
        return f"{self.head} on {self.runtime}" if self.head else self.runtime


def joined(verdicts: list[Verdict]) -> Verdict:
    """One refutation refutes; one that cannot be proved leaves all unproved."""
    for worst in ("REFUTED", "CANNOT PROVE"):
        if worst in verdicts:
            return worst
    return "PROVED"
