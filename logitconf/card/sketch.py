"""What a card keeps of its calibration scores, so that a monitor can tell changed inputs."""

from __future__ import annotations

from dataclasses import dataclass

from logitconf.errors import LogitconfError
from logitconf.typed_json import check_count, check_number


@dataclass(frozen=True, slots=True)
class ScoreSketch:
    """Counts of the calibration rows around a few quantiles of their scores.

    Attributes:
        rows: of calibration.
        rejected: how many of them the threshold rejects.
        cutoffs: quantiles of the scores, ascending; float32 values.
        beyond: how many rows have a score above each cutoff, or none.
        accepted: accepted rows up to the first cutoff, up to the second, ..., and above the last.
        right: how many of those were right; None without labels.
        per_class: whether each predicted class has a threshold of its own.
    """

    rows: int
    rejected: int
    cutoffs: tuple[float, ...]
    beyond: tuple[int, ...]
    accepted: tuple[int, ...]
    right: tuple[int, ...] | None = None
    per_class: bool = False

    def __post_init__(self) -> None:
        check_count(self.rows, "rows of a sketch", least=1)
        check_count(self.rejected, "rejected", most=self.rows)
        for cutoff in self.cutoffs:
            check_number(cutoff, "cutoff of a sketch", -4e38, 4e38)
        if any(b <= a for a, b in zip(self.cutoffs, self.cutoffs[1:], strict=False)):
            raise LogitconfError(f"the cutoffs of a sketch must ascend, got {self.cutoffs}")
        sizes = len(self.beyond), len(self.accepted) - 1
        if not self.cutoffs or sizes != (len(self.cutoffs),) * 2:
            raise LogitconfError(
                "a sketch must have a count beyond each cutoff and one accepted more, got "
                f"{len(self.cutoffs)} cutoffs, {len(self.beyond)} and {len(self.accepted)}"
            )
        for count in self.beyond:
            check_count(count, "beyond", most=self.rows)
        right = self.accepted if self.right is None else self.right
        for count, most in zip(right, self.accepted, strict=True):
            check_count(count, "right", most=most)
        if sum(self.accepted) + self.rejected != self.rows:
            raise LogitconfError(
                f"accepted and rejected of a sketch must be all {self.rows} rows, got "
                f"{sum(self.accepted)} and {self.rejected}"
            )
