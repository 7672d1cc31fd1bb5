"""What a score shares with estimators elsewhere: parameters as given, copies unfitted, its display.

scikit-learn's ``clone`` and tools that set parameters work on scores; scikit-learn is not needed.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from logitconf.card.score_card import ScoreCard
from logitconf.errors import not_among
from logitconf.notebook.brief import brief_of
from logitconf.notebook.html import table
from logitconf.tasks import Task, check_task
from logitconf.wording.facts import card_facts

if TYPE_CHECKING:
    from typing_extensions import Self


class ScoreConventions:
    """What a score says of itself: its card, parameters, copies, comparison and display.

    Attributes:
        card: what is known so far, as plain values.
    """

    card: ScoreCard
    _arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *arguments: Any, **named: Any) -> Self:
        """Keeps what the score is made with, for :meth:`get_params`."""
        made = super().__new__(cls)
        made._arguments = arguments, named
        return made

    @property
    def task(self) -> Task:
        """What the columns of the logits mean."""
        return check_task(self.card.task)

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Of the columns, in order; of one logit those of no and yes; None if it has none."""
        return self.card.class_names

    @property
    def per_member(self) -> bool:
        """Whether the logits have the members of an ensemble along their last axis."""
        return self.card.members is not None

    @property
    def temperature(self) -> float:
        """Divides the logits; a float32 value > 0."""
        return self.card.temperature

    @property
    def threshold(self) -> float | tuple[float, ...] | None:
        """A row is accepted if its score lies below; float32, or one for each class or label."""
        return self.card.threshold

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters that the score was made with, by name; what ``fit`` found is not there.

        Args:
            deep: of no effect, since no parameter has parameters of its own.
        """
        del deep
        arguments, named = self._arguments
        bound = signature_of(type(self)).bind(*arguments, **named)
        bound.apply_defaults()
        return dict(bound.arguments)

    def set_params(self, **parameters: Any) -> Self:
        """Makes the score anew with some parameters changed; what was fitted is gone.

        Raises:
            LogitconfError: for a parameter that there is not, or a value that is not valid.
        """
        known = self.get_params()
        for name in parameters:
            if name not in known:
                raise not_among(f"a parameter of {type(self).__name__}", name, known)
        if parameters:
            made = type(self)(**{**known, **parameters})
            self.__dict__.clear()
            self.__dict__.update(made.__dict__)
        return self

    def __sklearn_clone__(self) -> Self:
        """A score that is made with the same parameters and not fitted."""
        return type(self)(**self.get_params())

    def __eq__(self, other: object) -> bool:
        """Whether both have the same card."""
        return isinstance(other, ScoreConventions) and self.card == other.card

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        card = self.card
        return (
            f"{type(self).__name__}(temperature={card.temperature:.6g}, task={card.task!r}, "
            f"threshold={brief_of(card.threshold)})"
        )

    def _repr_html_(self) -> str:
        """What the score does, as a small table."""
        return table(card_facts(self.card, rule=True), type(self).__name__)


def signature_of(score: type) -> inspect.Signature:
    """What a score is made with; Python 3.10 takes the signature of ``__new__`` for it."""
    signature = inspect.signature(score.__init__)  # type: ignore[misc]
    _, *parameters = signature.parameters.values()
    return signature.replace(parameters=parameters)
