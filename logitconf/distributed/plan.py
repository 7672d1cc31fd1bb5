"""A fit as a plan: it asks for sums over rows, wherever they lie, and makes a card of them."""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from logitconf.calibration.names import TEMPERATURE
from logitconf.card.score_card import ScoreCard
from logitconf.distributed.reading import Reading, Shape, shapes_in_words
from logitconf.distributed.request import Request
from logitconf.distributed.steps import Made, steps_of
from logitconf.distributed.total import Total
from logitconf.errors import LogitconfError, LogitconfWarning
from logitconf.fitting.choosing import AUTO
from logitconf.fitting.one_call import unfitted
from logitconf.kinds import check_kind_word
from logitconf.rows import check_holdout
from logitconf.scores.table import SCORES
from logitconf.thresholds.lookup import policy_asked
from logitconf.typed_json import parse_json

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from logitconf.policy_table import PolicyArguments

_STATE = 1


class FitPlan:
    """The fit of a score and its threshold to rows that any engine maps over.

    The plan reads and sends nothing. It asks for one pass after the other; each is a map over
    blocks of rows whose totals add up exactly, so the card is the same to the last byte however the
    rows are spread, and that of :func:`logitconf.fit` on the same rows, but for what depends on
    their order: the draw of a holdout, and the map to a confidence.

    A plan pickles, and its `state` is JSON from which another process goes on.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> logits = rng.normal(0.0, 2.0, (1000, 3))
    >>> labels = (logits + rng.gumbel(size=(1000, 3))).argmax(axis=1)  # drawn from the softmax
    >>> plan = FitPlan("margin", coverage=0.75)
    >>> while (request := plan.next()) is not None:
    ...     blocks = [request.total_of(logits[k::4], labels[k::4]) for k in range(4)]
    ...     total = request.empty()
    ...     for block in blocks:  # any order, any tree
    ...         total = total.plus(block)
    ...     plan.send(request.id, total)
    >>> card = plan.card()
    >>> card.rows.rows, card.policy["accepted"]
    (1000, 750)
    """

    def __init__(
        self,
        score: str = "softmax",
        *,
        task: str | None = None,
        kind: str | None = None,
        temperature: float | None = None,
        calibration: str | None = None,
        per_member: bool = False,
        per_label: bool = False,
        parameters: Mapping[str, float] | None = None,
        holdout: float | None = None,
        seed: int = 0,
        q: float | None = None,
        per_class: bool = False,
        simultaneous: bool = False,
        **policy: Unpack[PolicyArguments],
    ) -> None:
        """A plan that has asked for nothing yet; the arguments are those of :func:`logitconf.fit`.

        Args:
            score: its name.
            task: what the columns mean.
            kind: what the numbers are; unless given logits, and refused if all look otherwise.
            temperature: where the fit begins, and what stays without labels; > 0.
            calibration: ``"temperature"``.
            per_member: whether members of an ensemble come last.
            per_label: whether each label is judged by itself.
            parameters: further ones of the score; one that `fit` would choose must be given.
            holdout: share of the rows that the threshold is chosen on and nothing else is, in
                (0, 1), drawn by what each row holds: the same rows however they are spread.
            seed: of that draw.
            q: the quantile of the scores that is the threshold, .99 if no policy is asked for.
            per_class: one threshold for each predicted class.
            simultaneous: a risk per class or label is promised for all of them at once.
            **policy: ``coverage``, ``risk`` with ``confidence``, ``cost``, ``min_confidence`` or
                ``value``.

        Raises:
            LogitconfError: for what a plan cannot fit, or arguments that do not fit each other.
        """
        if score == AUTO:
            raise LogitconfError(
                "a plan needs the name of a score, got 'auto'; choose one by compare, on a sample "
                "of the rows"
            )
        given = {name: value for name, value in policy.items() if value is not None}
        self._arguments: dict[str, Any] = {
            "score": score,
            "task": task,
            "kind": kind,
            "temperature": temperature,
            "calibration": calibration,
            "per_member": per_member,
            "per_label": per_label,
            "parameters": None if parameters is None else dict(parameters),
            "holdout": holdout,
            "seed": seed,
            "q": q,
            "per_class": per_class,
            "simultaneous": simultaneous,
            **given,
        }
        outlying = [name for name in ("fpr", "tpr") if name in given]
        if outlying:
            raise LogitconfError(
                f"a plan has no out-of-distribution rows, got {outlying[0]}; fit in memory, on a "
                "sample of the rows"
            )
        self._policy = policy_asked(
            q=q, per_class=per_class, per_label=per_label, simultaneous=simultaneous, **policy
        )
        if calibration not in (None, TEMPERATURE):
            raise LogitconfError(
                f"a plan fits calibration='temperature', got {calibration!r}; fit a map of the "
                "logits on a sample of the rows that fits into memory"
            )
        if holdout is not None:
            check_holdout(holdout)
        made = unfitted(
            score,
            temperature=temperature,
            task=task,
            per_member=per_member or None,
            per_label=per_label or None,
            **(parameters or {}),
        )
        row = SCORES[made.name]
        if row.learned:
            raise LogitconfError("a plan fits scores of logits, got a learned confidence")
        open_ = [n for n, p in row.parameters.items() if p.tried and n not in (parameters or {})]
        if open_:
            raise LogitconfError(
                f"a plan needs the parameters {open_} of {made.name}, which fit chooses on rows in "
                f"memory; give parameters={{{open_[0]!r}: ...}}"
            )
        self._card = made.card
        self._reading = Reading(
            score=made.name,
            task=made.card.task,
            kind=None if kind is None else check_kind_word(kind),
            per_member=made.card.members is not None,
            per_label=per_label,
            temperature=made.card.temperature,
            holdout=holdout,
            seed=seed,
        )
        self._totals: list[bytes] = []
        self._start()

    def _start(self) -> None:
        """Begins again, with the answers that are known."""
        self._made: Made | None = None
        self._request: Request | None = None
        self._rows, self._shapes = 0, tuple[Shape, ...]()
        self._steps = steps_of(self._card, self._reading, self._policy)
        self._advance(None)
        for data in self._totals:
            self._advance(Total.from_bytes(data))

    def _advance(self, total: Total | None) -> None:
        try:
            request = next(self._steps) if total is None else self._steps.send(total)
        except StopIteration as done:
            self._request, self._made = None, done.value
        else:
            number = 1 if self._request is None else self._request.id + 1
            self._request = replace(request, id=number)
            if total is not None and not self._rows:
                self._rows, self._shapes = total.rows, total.shapes

    def next(self) -> Request | None:
        """The pass that is wanted; the same until its total is sent; None when the card is made."""
        return self._request

    def send(self, request_id: int, total: Total) -> None:
        """Takes the total of the pass that is wanted, and goes on.

        Args:
            request_id: of the request.
            total: over all rows, each once.

        Raises:
            LogitconfError: for the total of another request, another number of rows than the first
                pass had, or rows that cannot be fitted, in the words of :func:`logitconf.fit`. The
                plan stays as it was.
            UncertifiableError: for a risk that the rows cannot certify.
        """
        request = self._request
        if request is None:
            raise LogitconfError("the plan has its card and takes no more totals; call card()")
        if request_id != request.id or total.request != request.id:
            raise LogitconfError(
                f"the plan waits for the total of request {request.id}, got that of "
                f"{request_id if request_id != request.id else total.request}; a total counts "
                "once: ask next() after each send()"
            )
        data = total.to_bytes()
        try:
            self._check_rows(total)
            self._advance(total)
        except LogitconfError:
            # a generator that raised is at its end
            self._start()
            raise
        self._totals.append(data)

    def _check_rows(self, total: Total) -> None:
        if total.problems:
            raise LogitconfError(total.problems[0])
        if self._rows and total.rows != self._rows:
            lost = total.rows < self._rows
            raise LogitconfError(
                f"each pass must read the same rows, got {self._rows} in the first and "
                f"{total.rows} now; "
                + ("a partition is missing" if lost else "a partition was counted twice")
            )
        if self._rows and total.shapes not in ((), self._shapes):
            raise LogitconfError(
                f"each pass must read the same rows, got {shapes_in_words(self._shapes)} in the "
                f"first and {shapes_in_words(total.shapes)} now"
            )

    def card(self) -> ScoreCard:
        """The fitted card; warns of what :func:`logitconf.fit` warns of.

        Raises:
            LogitconfError: while a pass is wanted.
        """
        if self._made is None:
            raise LogitconfError("the plan wants another pass before it has a card; ask next()")
        for note in self._made.notes:
            warnings.warn(note, LogitconfWarning, stacklevel=2)
        return self._made.card

    def state(self) -> str:
        """All that is known, as JSON: `from_state` goes on from it, on any machine."""
        totals = [base64.b64encode(each).decode() for each in self._totals]
        return json.dumps({"plan": _STATE, "arguments": self._arguments, "totals": totals})

    @classmethod
    def from_state(cls, text: str) -> Self:
        """The plan whose `state` this is.

        Raises:
            LogitconfError: if it is not the state of a plan.
        """
        values = parse_json(text, "the state of a plan")
        if not isinstance(values, dict) or set(values) != {"plan", "arguments", "totals"}:
            raise LogitconfError("the state of a plan must be what FitPlan.state() gave")
        if values["plan"] != _STATE:
            raise LogitconfError(
                f"this version reads states of plans {_STATE}, got {values['plan']!r}"
            )
        plan = cls(**values["arguments"])
        plan._totals = [base64.b64decode(each) for each in values["totals"]]
        plan._start()
        return plan

    def __reduce__(self) -> tuple[Any, ...]:
        return FitPlan.from_state, (self.state(),)
