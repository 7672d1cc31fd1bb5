"""The table of policies, one row a policy: its class, and how it is asked for; loads without numpy.

The arguments of ``set_threshold``, the options of the command line and the numbers that a card may
keep are those of the rows; the classes are in the room of thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypedDict


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of ``set_threshold`` and option of the command line.

    Attributes:
        name: of the argument.
        text: what the option's help says.
        parts: names of the numbers, where it takes several.
        option: of the command line, without dashes, where it differs from the name.
        default: what holds where it is not given, if anything.
    """

    name: str
    text: str
    parts: tuple[str, ...] = ()
    option: str = ""
    default: str = ""

    @property
    def flag(self) -> str:
        """The option, such as ``--coverage``."""
        return f"--{self.option or self.name.replace('_', '-')}"


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One policy.

    Attributes:
        home: module and class.
        argument: that asks for it.
        numbers: that a card keeps, its own and what came out: lowest, highest, whether a count.
        further: arguments that it takes besides, with defaults.
        optional: numbers that a card may lack: those that older cards, or changed files, have not.
    """

    home: tuple[str, str]
    argument: Argument
    numbers: Mapping[str, tuple[float, float, bool]]
    further: tuple[Argument, ...] = ()
    optional: frozenset[str] = frozenset()


class PolicyArguments(TypedDict, total=False):
    """What the rows take, for type checkers."""

    coverage: float | None
    risk: float | None
    confidence: float | None
    fpr: float | None
    tpr: float | None
    cost: tuple[float, float] | None
    min_confidence: float | None
    value: float | None


_SHARE, _COST, _COUNT = (0.0, 1.0, False), (0.0, 1e300, False), (0, 0, True)

# by the name in a card
POLICIES: Mapping[str, PolicyRow] = MappingProxyType(
    {
        "quantile": PolicyRow(
            ("policies", "Quantile"),
            Argument("q", "Quantile of the scores.", default="0.99, where no policy is named"),
            {"q": _SHARE},
        ),
        "coverage": PolicyRow(
            ("policies", "Coverage"),
            Argument("coverage", "Share of the rows to accept, in (0, 1]."),
            {"coverage": _SHARE},
        ),
        "risk": PolicyRow(
            ("policies", "Risk"),
            Argument("risk", "At most this share of the accepted rows is wrong, certified."),
            {
                "risk": _SHARE,
                "confidence": _SHARE,
                "bound": _SHARE,
                "candidates": _COUNT,
                "tested": _COUNT,
                "significance": _SHARE,
            },
            (Argument("confidence", "With --risk: of that promise.", default="0.95"),),
            frozenset({"significance"}),
        ),
        "cost": PolicyRow(
            ("policies", "Cost"),
            Argument(
                "cost",
                "What an accepted error and a rejected row cost.",
                parts=("ERROR", "REJECT"),
            ),
            {"error_cost": _COST, "rejection_cost": _COST, "mean_cost": _COST},
        ),
        "fpr": PolicyRow(
            ("out_of_distribution", "FalsePositiveRate"),
            Argument("fpr", "With --ood: accept at most this share of those rows."),
            {"fpr": _SHARE, "ood_rows": _COUNT, "ood_accepted": _COUNT},
        ),
        "tpr": PolicyRow(
            ("out_of_distribution", "TruePositiveRate"),
            Argument("tpr", "With --ood: accept at least this share of the rows."),
            {"tpr": _SHARE, "ood_rows": _COUNT, "ood_accepted": _COUNT},
        ),
        "confidence": PolicyRow(
            ("surely_right", "MinConfidence"),
            Argument(
                "min_confidence",
                "Accept what is right with this probability at least, as the score's confidence "
                "says; not the --confidence of a promise.",
            ),
            {"min_confidence": _SHARE},
        ),
        "value": PolicyRow(
            ("reach", "Value"),
            Argument("value", "This threshold.", option="threshold"),
            {"value": (-4e38, 4e38, False)},
            # a threshold that was changed in a file has no value beside it
            optional=frozenset({"value"}),
        ),
    }
)


POLICY_PARTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"per class": ("classes", "class"), "per label": ("labels", "label")}
)
"""By the name of a policy in parts: where it keeps them, and what one of them is called."""
