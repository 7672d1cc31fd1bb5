"""The loop of a fit: a plan asks, an engine answers, until the plan has its card."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from logitconf.card.score_card import ScoreCard
from logitconf.distributed.plan import FitPlan
from logitconf.distributed.request import Request
from logitconf.distributed.total import Total
from logitconf.telling.progress import work

AfterPass: TypeAlias = Callable[[FitPlan], None]
"""Is told of the plan after each pass, for example to save its state."""


class Engine(Protocol):
    """Rows that lie somewhere, and what can map and add up there.

    A worker that dies is the engine's to replace: it computes the blocks of that worker again, and
    the total is the same.
    """

    def total(self, request: Request) -> Total:
        """The sum of `request.total_of` over all blocks of rows."""

    def keep_scores(self, request: Request) -> None:
        """Keeps `request.scores_of` of all blocks, in place of what was kept before."""

    def total_of_kept(self, request: Request) -> Total:
        """The sum of `request.total_of_scores` over the blocks of scores that are kept."""

    def release(self) -> None:
        """Gives back what is kept."""


def fitted_by(plan: FitPlan, engine: Engine, after_pass: AfterPass | None = None) -> ScoreCard:
    """The card of a plan whose requests an engine answers.

    Args:
        plan: new, or one that goes on from its state.
        engine: that has the rows.
        after_pass: is called with the plan after each pass.

    Raises:
        LogitconfError: for rows that cannot be fitted, or that changed between passes.
    """
    kept = False
    try:
        while (request := plan.next()) is not None:
            with work(f"Pass {request.id}, {request.wants}", None):
                if request.writes:
                    engine.keep_scores(request)
                    kept = True
                from_scores = kept and (request.writes or request.reads == "scores")
                total = engine.total_of_kept(request) if from_scores else engine.total(request)
            plan.send(request.id, total)
            if after_pass is not None:
                after_pass(plan)
    finally:
        engine.release()
    return plan.card()
