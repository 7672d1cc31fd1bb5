"""The table of confidence scores, one row a score, and what it says of them; loads without NumPy.

Lower means more confident, everywhere. z = logits / T; natural logarithms. The formulas of a score
are pure functions of canonical logits in the module that its row names, and the class that users
fit is called as it is: ``max_logit`` is computed by ``max_logit_categorical`` and
``max_logit_bernoulli``, and fitted by ``MaxLogitScore``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from logitconf.errors import LogitconfError
from logitconf.scores import bands, meanings, ranges
from logitconf.scores.bands import Band
from logitconf.scores.meanings import Meaning
from logitconf.scores.ranges import Range

if TYPE_CHECKING:
    from logitconf.tasks import Family, InputKind, Layout


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that a score needs besides the temperature; static in its graph.

    Attributes:
        default: where none is given and none is fitted.
        lowest: smallest value allowed.
        highest: largest value allowed.
        whole: whether it is a whole number.
        tried: what ``fit`` tries on labelled rows, in this order; empty if it is never fitted.
    """

    default: float
    lowest: float
    highest: float
    whole: bool = False
    tried: tuple[float, ...] = ()

    def check(self, name: str, value: object) -> float:
        """The value, if it is allowed.

        Raises:
            LogitconfError: if it is not.
        """
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not self.lowest <= value <= self.highest:  # type: ignore[operator]
            raise LogitconfError(
                f"{name} must be a number in [{self.lowest:g}, {self.highest:g}], got {value!r}"
            )
        if self.whole and value != int(value):  # type: ignore[call-overload]
            raise LogitconfError(f"{name} must be a whole number, got {value!r}")
        return float(value)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One score.

    Attributes:
        home: the module of its formulas: (logits (N, K, ...), T, form) -> (N, ...) for competing
            classes, and the same for independent labels (N, L, ...).
        floor: every value that the score can take lies above; a runtime that loses a NaN on the
            way ends below, and the row is not accepted. onnxruntime loses none, and needs it only
            where it is −inf.
        range: of its values.
        meaning: of a score below its threshold, in words.
        band: of its rounding.
        band_of_sums: the same for labels that are added up, if it differs.
        families: the kinds of logits that it has a formula for.
        learned: whether the logits are those of a learned confidence: their sign counts, and the
            labels that belong to them say whether a prediction was right.
        needs_logits: whether the common offset of the logits counts, which probabilities lack.
        over_members: whether it compares the members of an ensemble, rather than scoring each.
        joins_labels: whether labels are added up or compared, and not judged one by one.
        fewest_classes: that it can tell apart.
        parameters: its numbers besides T, by name.
    """

    home: str
    floor: float
    range: Range
    meaning: Meaning
    band: Band
    families: tuple[Family, ...] = ("categorical", "bernoulli")
    learned: bool = False
    needs_logits: bool = False
    over_members: bool = False
    joins_labels: bool = False
    fewest_classes: int = 2
    band_of_sums: Band | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    @property
    def keeps_sign(self) -> bool:
        """Whether the sign of a single logit counts."""
        return self.learned or self.over_members

    @property
    def judges_labels(self) -> bool:
        """Whether it can judge each label by itself."""
        return "bernoulli" in self.families and not (self.learned or self.over_members)


_UNBOUNDED = -float("inf")

SCORES: Mapping[str, ScoreRow] = MappingProxyType(
    {
        "softmax": ScoreRow(
            "of_probabilities",
            -1.5,
            ranges.SOFTMAX,
            meanings.SOFTMAX,
            bands.SOFTMAX,
        ),
        "entropy": ScoreRow(
            "of_probabilities",
            -1.0,
            ranges.ENTROPY,
            meanings.ENTROPY,
            bands.ENTROPY,
        ),
        "energy": ScoreRow(
            "of_logits",
            _UNBOUNDED,
            ranges.ENERGY,
            meanings.ENERGY,
            bands.ENERGY,
            needs_logits=True,
            joins_labels=True,
            band_of_sums=bands.ENERGY_OF_LABELS,
        ),
        "margin": ScoreRow(
            "of_logits",
            _UNBOUNDED,
            ranges.MARGIN,
            meanings.MARGIN,
            bands.MARGIN,
        ),
        "softmax_margin": ScoreRow(
            "of_probabilities",
            -1.5,
            ranges.NEGATIVE_SHARE,
            meanings.SOFTMAX_MARGIN,
            bands.SOFTMAX_MARGIN,
        ),
        "learned": ScoreRow(
            "of_logits",
            -1.5,
            ranges.NEGATIVE_SHARE,
            meanings.LEARNED,
            bands.LEARNED,
            families=("bernoulli",),
            learned=True,
        ),
        "max_logit": ScoreRow(
            "of_logits",
            _UNBOUNDED,
            ranges.MAX_LOGIT,
            meanings.MAX_LOGIT,
            bands.MAX_LOGIT,
            needs_logits=True,
            joins_labels=True,
        ),
        "max_logit_norm": ScoreRow(
            "of_logits",
            -1.5,
            ranges.NEGATIVE_SHARE,
            meanings.MAX_LOGIT_NORM,
            bands.MAX_LOGIT_NORM,
            families=("categorical",),
            fewest_classes=3,
            parameters={
                "p": Parameter(4, 0, 10, whole=True, tried=tuple(float(p) for p in range(11)))
            },
        ),
        "gen": ScoreRow(
            "of_probabilities",
            -1.0,
            ranges.GEN,
            meanings.GEN,
            bands.GEN,
            parameters={
                "gamma": Parameter(0.1, 0.001, 1.0, tried=(0.1, 0.01, 0.03, 0.3, 1.0)),
                "top": Parameter(0, 0, 1e6, whole=True),
            },
        ),
        "gini": ScoreRow(
            "of_probabilities",
            -0.5,
            ranges.GINI,
            meanings.GINI,
            bands.GINI,
        ),
        "doctor": ScoreRow(
            "of_probabilities",
            -0.5,
            ranges.DOCTOR,
            meanings.DOCTOR,
            bands.DOCTOR,
        ),
        "doctor_beta": ScoreRow(
            "of_probabilities",
            -0.5,
            ranges.DOCTOR,
            meanings.DOCTOR_BETA,
            bands.DOCTOR_BETA,
        ),
        "mutual_information": ScoreRow(
            "of_members",
            -1.0,
            ranges.MUTUAL_INFORMATION,
            meanings.MUTUAL_INFORMATION,
            bands.MUTUAL_INFORMATION,
            over_members=True,
        ),
        "predictive_variance": ScoreRow(
            "of_members",
            -1.0,
            ranges.VARIANCE,
            meanings.VARIANCE,
            bands.PREDICTIVE_VARIANCE,
            over_members=True,
        ),
    }
)


def class_of(score: str) -> tuple[str, str]:
    """Module and name of the class that users fit.

    >>> class_of("max_logit")
    ('fitting.score_classes', 'MaxLogitScore')
    """
    if SCORES[score].learned:
        return "fitting.learned_score", "LearnedConfidenceScore"
    return "fitting.score_classes", "".join(
        word.capitalize() for word in score.split("_")
    ) + "Score"


SCORE_SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        **{class_of(name)[1]: name for name in SCORES},
        "msp": "softmax",
        "max_softmax": "softmax",
        "max_probability": "softmax",
        "maximum_softmax_probability": "softmax",
        "confidence": "softmax",
        "probability": "softmax",
        "mls": "max_logit",
        "free_energy": "energy",
        "logsumexp": "energy",
        "bald": "mutual_information",
        "mi": "mutual_information",
        "variance": "predictive_variance",
        "pe": "entropy",
        "predictive_entropy": "entropy",
        "gini_impurity": "gini",
        "generalised_entropy": "gen",
    }
)
"""What others call them, and the classes of users."""


def refusal(score: str, layout: Layout) -> str:
    """Why a score is not defined for logits of this layout; empty if it is."""
    row = SCORES[score]
    if layout.per_label and not (row.judges_labels and layout.task == "multilabel"):
        able = [name for name, other in SCORES.items() if other.judges_labels]
        return (
            f"per_label is for the task 'multilabel' and the scores {able}, got {layout.task!r} "
            f"and {score}"
        )
    if row.learned and layout.family == "categorical":
        return (
            "a learned confidence is one logit a row (task 'binary') or one a label (task "
            "'multilabel'), got classes that compete: "
            f"task {layout.task!r} with n_classes={layout.n_classes}"
        )
    if layout.family == "bernoulli" and "bernoulli" not in row.families:
        what = "one logit" if layout.one_logit else "labels"
        return f"{score} is defined for classes that compete, got {what}; use margin or softmax"
    if row.over_members and (layout.members is None or layout.members < 2):
        given = "logits without" if layout.members is None else f"{layout.members} of"
        return f"{score} compares at least 2 members, got {given} members; use per_member logits"
    n_classes = layout.n_classes
    if layout.family == "categorical" and n_classes is not None and n_classes < row.fewest_classes:
        return (
            f"{score} needs at least {row.fewest_classes} classes, got {n_classes}, where it is "
            "the same for all rows; use margin or softmax"
        )
    return ""


def check_defined(score: str, layout: Layout, kind: InputKind = "logits") -> None:
    """Checks that a score is defined for logits of this layout, that were made from this kind.

    Raises:
        LogitconfError: if it is not, with what to use instead.
    """
    reason = refusal(score, layout)
    if SCORES[score].needs_logits and kind != "logits" and layout.family == "categorical":
        reason = (
            f"{score} needs logits, got {kind}: a probability has lost the logits' offset; "
            "use margin or softmax, or say kind='logits' (--kind logits) if they are logits"
        )
    if reason:
        raise LogitconfError(reason)


def check_parameters(score: str, given: Mapping[str, object]) -> dict[str, float]:
    """All parameters of a score: those given, checked, and the defaults of the others.

    Raises:
        LogitconfError: for a name that the score does not have, or a value out of range.
    """
    known = SCORES[score].parameters
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise LogitconfError(f"{score} has the parameters {sorted(known)}, got {unknown}")
    return {
        name: parameter.check(name, given.get(name, parameter.default))
        for name, parameter in known.items()
    }
