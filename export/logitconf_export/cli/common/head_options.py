"""What the commands that write heads are asked for: a score without a card, and the head's form."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from logitconf.errors import LogitconfError
from logitconf.scores.table import SCORES
from logitconf_export.cli.common.options import HEAD, MASK_TYPES, NO_CARD, TASKS, Choices, in_panel

if TYPE_CHECKING:
    from logitconf.card.score_card import ScoreCard
    from logitconf.head_spec import Head


@dataclass(frozen=True, slots=True)
class CardOptions:
    """A score without a card."""

    CHOICES: ClassVar[Choices] = ((("cards", "score"), "CARD.json (or --score and --threshold)"),)

    score: Annotated[str | None, in_panel(NO_CARD, "--score", "The score.", words=SCORES)] = None
    temperature: Annotated[
        float | None, in_panel(NO_CARD, "--temperature", "T > 0.", default="1")
    ] = None
    threshold: Annotated[
        float | None,
        in_panel(NO_CARD, "--threshold", "Accept below it."),
    ] = None
    task: Annotated[
        str | None,
        in_panel(
            NO_CARD,
            "--task",
            "What the columns mean.",
            default="what the model tells, else multiclass",
            words=TASKS,
        ),
    ] = None

    def card(self, host_task: str | None) -> "ScoreCard":
        """The card that says so.

        Args:
            host_task: the one that the host tells, if none is given.

        Raises:
            LogitconfError: without a score or a threshold, or if they do not fit each other.
        """
        from logitconf.fitting.score_classes import score_class

        if self.score is None or self.threshold is None:
            alone = f", got {' and '.join(self.given())} alone" if self.given() else ", got neither"
            raise LogitconfError(
                "attach needs a card, or --score and --threshold (and --temperature unless it is "
                f"1){alone}"
            )
        score_type = score_class(self.score)
        # the host tells the task of its classes, and a learned confidence is another tensor
        task = self.task or (None if SCORES[self.score].learned else host_task)
        given = (self.temperature,) if task is None else (self.temperature, task)
        made = score_type(*given)
        made.set_threshold(value=self.threshold)
        return made.card

    def given(self) -> list[str]:
        """The options that were given."""
        options = {
            "--score": self.score,
            "--temperature": self.temperature,
            "--threshold": self.threshold,
            "--task": self.task,
        }
        return [option for option, value in options.items() if value is not None]


@dataclass(frozen=True, slots=True)
class HeadOptions:
    """How the head is written; see :class:`~logitconf.HeadForm`."""

    runtime: Annotated[
        str,
        in_panel(
            HEAD,
            "--runtime",
            "any: right everywhere; onnxruntime: fastest there; cuda: fewest nodes.",
            words=("any", "onnxruntime", "cuda"),
        ),
    ] = "any"
    precision: Annotated[
        str,
        in_panel(
            HEAD,
            "--precision",
            "float32, or float64 to compute in double.",
            words=("float32", "float64"),
        ),
    ] = "float32"
    mask_type: Annotated[
        str,
        in_panel(HEAD, "--mask-type", "bool, uint8 or float32.", words=MASK_TYPES),
    ] = "bool"
    outputs: Annotated[
        str,
        in_panel(
            HEAD,
            "--outputs",
            "Beside score and mask: label, confidence, probabilities; with commas between.",
        ),
    ] = "score,mask"
    probabilities: Annotated[
        bool,
        in_panel(HEAD, "--probabilities", "The same as probabilities in --outputs."),
    ] = False

    tunable: Annotated[
        bool,
        in_panel(
            HEAD, "--tunable", "Threshold and temperature become optional inputs, with defaults."
        ),
    ] = False

    def wanted(self) -> tuple[str, ...]:
        """The outputs that were asked for, in their order.

        Raises:
            LogitconfError: for a name that is none.
        """
        from logitconf.card.score_card import check_outputs

        names = [name.strip() for name in self.outputs.split(",") if name.strip()]
        return check_outputs([*names, *(["probabilities"] if self.probabilities else [])])

    def head(
        self, card: "ScoreCard", shape: "HeadShape | None" = None, *, members: int | None = None
    ) -> "Head":
        """The head of a card.

        Args:
            card: of the score.
            shape: of its logits; (N, K) unless given.
            members: how many, if the card leaves that open.

        Raises:
            LogitconfError: if the options do not fit the card.
        """
        from logitconf_export.heads.sources import head_of

        logits = shape or HeadShape()
        return head_of(
            card,
            runtime=self.runtime,
            precision=self.precision,
            mask_type=self.mask_type,
            outputs=self.wanted(),
            tunable=self.tunable,
            n_classes=logits.n_classes,
            rank=logits.rank,
            class_axis=logits.class_axis,
            members=members if card.members == 0 else None,
        )


@dataclass(frozen=True, slots=True)
class HeadShape:
    """The logits that a head of its own takes."""

    n_classes: Annotated[
        int | None,
        in_panel(HEAD, "--n-classes", "Columns.", default="what the card says"),
    ] = None
    rank: Annotated[int | None, in_panel(HEAD, "--rank", "Axes of the logits.", default="2")] = None
    class_axis: Annotated[int, in_panel(HEAD, "--class-axis", "Where the classes are.")] = 1
    opset: Annotated[int, in_panel(HEAD, "--opset", "7 to 26.")] = 17
