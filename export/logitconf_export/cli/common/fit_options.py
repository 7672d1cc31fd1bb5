"""What ``fit`` is asked for: the score, and how its threshold is chosen."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from logitconf.errors import LogitconfError
from logitconf.scores.table import SCORES
from logitconf_export.cli.common.options import PLACE, ROWS, THRESHOLD, Task, in_panel


@dataclass(frozen=True, slots=True)
class RowMeaning:
    """What the columns of the rows are."""

    task: Task = None
    per_member: Annotated[
        bool, in_panel(ROWS, "--per-member", "The logits of an ensemble: members come last.")
    ] = False
    class_logits: Annotated[
        str | None,
        in_panel(
            PLACE,
            "--class-logits",
            "For a learned confidence, which --logits names: the tensor of the classes.",
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """Which score is fitted."""

    score: Annotated[str, typer.Option("--score", help=f"{', '.join(SCORES)}.")]
    per_label: Annotated[
        bool, typer.Option("--per-label", help="Multilabel: judge each label by itself.")
    ] = False


@dataclass(frozen=True, slots=True)
class PolicyOptions:
    """How the threshold is chosen."""

    coverage: Annotated[
        float | None,
        in_panel(THRESHOLD, "--coverage", "Share of the rows to accept, in (0, 1]."),
    ] = None
    q: Annotated[
        float | None,
        in_panel(THRESHOLD, "--q", "Quantile of the scores; .99 if nothing is asked."),
    ] = None
    risk: Annotated[
        float | None,
        in_panel(
            THRESHOLD, "--risk", "At most this share of the accepted rows is wrong, certified."
        ),
    ] = None
    confidence: Annotated[
        float | None,
        in_panel(THRESHOLD, "--confidence", "With --risk: of that promise; .95."),
    ] = None
    threshold: Annotated[
        float | None,
        in_panel(THRESHOLD, "--threshold", "This threshold."),
    ] = None
    per_class: Annotated[
        bool,
        in_panel(THRESHOLD, "--per-class", "A threshold for each predicted class."),
    ] = False

    def arguments(self) -> dict[str, Any]:
        """The one policy asked for, as arguments of :meth:`~logitconf.LogitScore.set_threshold`.

        Raises:
            LogitconfError: for several, or a confidence without a risk.
        """
        policies = {
            "coverage": self.coverage,
            "q": self.q,
            "risk": self.risk,
            "value": self.threshold,
        }
        policy: dict[str, Any] = {k: value for k, value in policies.items() if value is not None}
        if len(policy) > 1:
            raise LogitconfError("give one of --coverage, --q, --risk and --threshold, got several")
        if self.confidence is not None:
            if self.risk is None:
                raise LogitconfError("--confidence belongs to --risk, got no --risk")
            policy["confidence"] = self.confidence
        if self.per_class:
            policy["per_class"] = True
        return policy
