"""Every runtime that a head is tried on, behind one protocol.

A runtime takes jobs (a model and its inputs) and gives back outputs, or says in words why it
refuses. What each is known not to do is declared as its gaps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np

from logitconf.errors import LogitconfError
from logitconf.scores.bands import Sums
from logitconf_export.onnx_files.types import Array


@dataclass(frozen=True, slots=True)
class Job:
    """One model to run once.

    Attributes:
        model: serialised ONNX.
        feeds: inputs by name.
        outputs: names of the outputs wanted, in order.
    """

    model: bytes
    feeds: Mapping[str, Array]
    outputs: tuple[str, ...] = ("score", "mask")


@dataclass(frozen=True, slots=True)
class RunError:
    """A runtime's reason not to run a job."""

    reason: str


Answer: TypeAlias = "tuple[Array, ...] | RunError"


@dataclass(frozen=True, slots=True)
class Gap:
    """What a runtime is known not to do.

    Attributes:
        kind: ``"empty batch"``: refuses a batch without rows; ``"finite score"``: some rows that
            have no score get a finite one, though they are rejected; ``"huge labels"``: rejects
            rows whose labels' logits add up to more than float32 holds.
        detail: what it does instead, and in which version that was seen.
    """

    kind: Literal["empty batch", "finite score", "huge labels"]
    detail: str


class Runtime(Protocol):
    """A runtime that models are shipped to.

    Attributes:
        name: short and stable.
        gaps: what it is known not to do.
        sums: how it adds up the classes of a row: ``"any order"`` unless a table of its operations
            pins that.
    """

    name: str
    gaps: tuple[Gap, ...]
    sums: Sums

    def load(self) -> str:
        """Finds the runtime on this machine and gives its version.

        Raises:
            MissingExtraError: if it is not there, with what to install.
        """

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job; one answer each, in order."""


def as_mask(values: Array) -> Array:
    """A mask as bool, for runtimes that hand bools out as numbers.

    Raises:
        LogitconfError: if it holds anything but 0 and 1.
    """
    plain = np.asarray(values)
    if plain.dtype != np.bool_ and not np.isin(plain, (0, 1)).all():
        raise LogitconfError(f"a mask must hold 0 and 1 alone, got {np.unique(plain)[:5].tolist()}")
    return plain.astype(np.bool_)
