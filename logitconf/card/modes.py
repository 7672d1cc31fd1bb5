"""Several thresholds under names in one card, and which labels it gives where it accepts or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from logitconf.errors import LogitconfError
from logitconf.notebook.brief import brief
from logitconf.typed_json import check_count, check_number, check_text, shown

MOST_MODES = 64


@dataclass(frozen=True, slots=True)
class Modes:
    """Thresholds under names, such as strict, default and loose.

    Attributes:
        names: of the modes, each once.
        thresholds: of each, as a card holds its own: one number each, or for each one for each
            class or label, so that a head can change from one mode to another.
        chosen: the mode whose threshold is the card's; None if the card has another one.
    """

    names: tuple[str, ...]
    thresholds: tuple[float | tuple[float, ...], ...]
    chosen: str | None = None

    __repr__ = brief

    def __post_init__(self) -> None:
        count = len(self.names)
        if not 1 <= count <= MOST_MODES or len(self.thresholds) != count:
            raise LogitconfError(
                f"modes must be 1 to {MOST_MODES} names, each with a threshold, got {count} names "
                f"and {len(self.thresholds)} thresholds"
            )
        for name in self.names:
            check_text(name, "name of a mode")
        if len(set(self.names)) != count or "" in self.names:
            raise LogitconfError(f"each mode must have a name of its own, got {shown(self.names)}")
        thresholds = tuple(map(_float32, self.thresholds))
        object.__setattr__(self, "thresholds", thresholds)
        sizes = {len(each) if isinstance(each, tuple) else 0 for each in self.thresholds}
        if len(sizes) > 1:
            raise LogitconfError(
                "modes must have one threshold each, or one for each class or label in every mode, "
                f"got {sorted(sizes)}"
            )
        if self.chosen is not None:
            check_text(self.chosen, "chosen of the modes", list(self.names))

    def threshold(self, name: str) -> float | tuple[float, ...]:
        """The threshold of a mode.

        Raises:
            LogitconfError: if there is none of that name.
        """
        if name not in self.names:
            raise LogitconfError(f"the modes are {list(self.names)}, got {name!r}")
        return self.thresholds[self.names.index(name)]


@dataclass(frozen=True, slots=True)
class LabelMap:
    """Which label stands for each predicted class.

    Attributes:
        accepted: by class, where the row is accepted.
        rejected: by class, where it has a score but is not; such as that of "some text".
    """

    accepted: tuple[int, ...]
    rejected: tuple[int, ...]

    __repr__ = brief

    def __post_init__(self) -> None:
        if len(self.accepted) != len(self.rejected) or len(self.accepted) < 2:
            raise LogitconfError(
                "a label map must name a label for each class, accepted and rejected, got "
                f"{len(self.accepted)} and {len(self.rejected)}"
            )
        for label in (*self.accepted, *self.rejected):
            check_count(label, "label of a label map", most=2**31 - 1)


def _float32(threshold: float | tuple[float, ...]) -> float | tuple[float, ...]:
    values = threshold if isinstance(threshold, tuple) else (threshold,)
    for value in values:
        check_number(value, "threshold of a mode", -_LARGEST, _LARGEST)
    single = tuple(float(np.float32(value)) for value in values)
    return single if isinstance(threshold, tuple) else single[0]


_LARGEST = float(np.finfo(np.float32).max)


def check_chosen(modes: Modes | None, threshold: float | tuple[float, ...] | None) -> None:
    """Checks that a card has the threshold of the mode that it says it has.

    Raises:
        LogitconfError: if it has another one.
    """
    chosen = None if modes is None else modes.chosen
    if modes is not None and chosen is not None and modes.threshold(chosen) != threshold:
        raise LogitconfError(
            f"the threshold of the mode {chosen!r} must be the card's, {shown(threshold)}"
        )


def check_names(
    names: tuple[str, ...] | None,
    labels: LabelMap | None,
    n_classes: int | None,
    *,
    one_logit: bool = False,
) -> None:
    """Checks that names and a label map belong to as many classes as there are.

    Args:
        names: of the labels; one logit has two, no and yes.
        labels: which stand for the classes; there may be more names than it uses.
        n_classes: columns of the logits, None if unknown.
        one_logit: whether the only column decides between two, rather than on one label.

    Raises:
        LogitconfError: if they do not.
    """
    if labels is not None and n_classes not in {None, len(labels.accepted)}:
        raise LogitconfError(
            f"a label map must be of {n_classes} classes, got {len(labels.accepted)}"
        )
    if names is None:
        return
    for name in names:
        check_text(name, "name of a class")
    wanted = 2 if one_logit else n_classes
    if labels is not None:
        wanted = max(*labels.accepted, *labels.rejected) + 1
    if wanted is None or len(names) == wanted or (labels is not None and len(names) > wanted):
        return
    raise LogitconfError(f"there must be {wanted} names, one for each class, got {len(names)}")
