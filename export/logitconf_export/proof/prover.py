"""Does a head decide as its card says, on every row of a stated range, in one runtime?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import onnx

from logitconf.card.score_card import ScoreCard
from logitconf.head_spec import Head, layout_of
from logitconf.scores.bands import Sums
from logitconf.scores.reductions import MOST_IN_PIECES
from logitconf.scores.rounding import Rounding
from logitconf_export.decisions.reference import Reference
from logitconf_export.heads.metadata import HeadMetadata
from logitconf_export.proof.card_numbers import RefutedError, compare_masks, compare_numbers
from logitconf_export.proof.cases.case_analysis import Accepted, Walk
from logitconf_export.proof.cases.kinds import DOWN, ZERO
from logitconf_export.proof.cases.masked_classes import what_counts_masked
from logitconf_export.proof.cases.rules import Rules
from logitconf_export.proof.cases.sorts import Case, cases_of
from logitconf_export.proof.cases.steps import PIECES
from logitconf_export.proof.composing.arithmetic import Arithmetic, Measured
from logitconf_export.proof.composing.finite_rows import Computed, compose
from logitconf_export.proof.composing.formulas import exact_score, moved_by, rows_of
from logitconf_export.proof.composing.head_part import HeadPart, WrongConnectionError
from logitconf_export.proof.composing.tensors import MEMBERS, CannotProveError, Dim, Unmapped
from logitconf_export.proof.exact.abstract_rows import AbstractRows
from logitconf_export.proof.exact.expressions import (
    Expression,
    NoNormalFormError,
    exponential,
    is_zero,
)
from logitconf_export.proof.exact.intervals import Floats, Interval, above, below
from logitconf_export.proof.members.steps import Members
from logitconf_export.proof.tables.files import digest
from logitconf_export.proof.verdicts import Bound, RuntimeProof, Verdict, Witness

LIMIT = 100.0
"""The size of logits that proofs cover unless asked otherwise."""
# of halving boxes near the threshold
_ROUNDS = 4
# of more classes that are taken apart, where each one is, is not followed
_MOST_APART = MOST_IN_PIECES

MOST_BANDS = 2
"""A bound that is more than so many times the rounding band proves nothing.

The band is what two runtimes' scores of one row differ by, so half of it is a runtime's own, and
for portable heads whose band is proved the bound is no more. That of a head of one Softmax of 1000
classes is 1.05 bands.
"""

_NOT_FOLLOWED = "what they are to members is not followed"

Search = Callable[[Case | None], Witness | None]
"""Looks for a row that is decided otherwise: finite for None, else of a case."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be proved.

    Attributes:
        model: the file.
        metadata: what it says of the head.
        element: dtype of what the head reads.
        limit: of the size of finite logits.
        half_gap: half the gap of calibration scores around the threshold, if it is known.
    """

    model: onnx.ModelProto
    metadata: HeadMetadata
    element: str = "float32"
    limit: float = LIMIT
    half_gap: float | None = None

    @property
    def temperature(self) -> Fraction:
        """The card's, as the float32 that it is."""
        return Fraction(float(np.float32(self.metadata.card.temperature)))


def prove(question: Question, arithmetic: Arithmetic, search: Search | None = None) -> RuntimeProof:
    """The verdict on a head in a runtime.

    Args:
        question: the head, and for which rows.
        arithmetic: of the runtime.
        search: how a witness is looked for, where a proof fails.
    """
    made = RuntimeProof(arithmetic.name, "CANNOT PROVE", "")
    if isinstance(arithmetic, Measured):
        tables = arithmetic.tables
        where = tables.environment
        made = replace(
            made, tables=digest(tables), processor=where.processor, provider=where.provider
        )
    try:
        reason, bound, verdict = _proved(question, arithmetic)
    except RefutedError as refutation:
        return replace(made, verdict="REFUTED", reason=str(refutation))
    except (CannotProveError, NoNormalFormError) as stop:
        made = replace(made, reason=str(stop))
        return _with_witness(made, search, None)
    sampled = tuple(sorted(arithmetic.sampled)) if isinstance(arithmetic, Measured) else ()
    made = replace(made, verdict=verdict, reason=reason, bound=bound, sampled=sampled)
    if verdict != "PROVED":
        return _with_witness(made, search, None)
    rules = Rules(arithmetic.tables if isinstance(arithmetic, Measured) else None)
    try:
        accepted = next(_accepted_not_finite(question, arithmetic, rules), None)
    except CannotProveError as stop:
        return _with_witness(replace(made, verdict="CANNOT PROVE", reason=str(stop)), search, None)
    if accepted is None:
        return made
    reason = (
        f"a row with {accepted.case.name} may be accepted: its score may be {accepted.score}, "
        f"which {accepted.node} lets through"
    )
    made = replace(made, verdict="CANNOT PROVE", reason=reason)
    return _with_witness(made, search, accepted.case)


def _with_witness(made: RuntimeProof, search: Search | None, case: Case | None) -> RuntimeProof:
    """Refuted by a row, where one is decided otherwise."""
    witness = None if search is None else search(case)
    if witness is None:
        return made
    what = "accepted" if witness.accepted else "rejected"
    if np.isnan(witness.band):
        reason = f"a row with {case.name if case else 'no score'} is accepted"
    else:
        reason = (
            f"a row of exact score {witness.exact:.9g} gets {witness.score:.9g} and is {what}, "
            f"outside the rounding band of {witness.band:.3g}"
        )
    return replace(made, verdict="REFUTED", reason=reason, witness=witness)


def computed_scores(question: Question, arithmetic: Arithmetic) -> tuple[Computed, Expression]:
    """What the head computes on finite rows, and the card's exact score of them.

    Raises:
        CannotProveError: at the first node that stops it.
    """
    try:
        part = HeadPart.of(question.model, question.metadata)
    except WrongConnectionError as error:
        raise RefutedError(str(error)) from error
    return _composed(question, arithmetic, part)


def _composed(
    question: Question,
    arithmetic: Arithmetic,
    part: HeadPart,
    rows: AbstractRows | None = None,
) -> tuple[Computed, Expression]:
    card, form, t = question.metadata.card, question.metadata.form, question.temperature
    exact = exact_score(card, form, t)
    rows = rows_of(card, form, t, question.limit) if rows is None else rows
    computed = compose(
        part,
        rows,
        arithmetic,
        dims=_dims(question),
        element=question.element,
        numbers=_numbers(card.parameters, t),
        kept=frozenset([np.asarray(card.threshold, dtype=np.float32).tobytes()]),
        mapping=_unmapped(question),
        beside=Members(form.members or 0, {}),
        reads=exponential(rows.logit) if form.kind == "probabilities" else None,
    )
    return computed, exact


def _proved(question: Question, arithmetic: Arithmetic) -> tuple[str, Bound, Verdict]:
    """Why finite rows are decided as the card says, and how far scores may be off."""
    card, form = question.metadata.card, question.metadata.form
    compare_numbers(question.model, question.metadata)
    try:
        part = HeadPart.of(question.model, question.metadata)
    except WrongConnectionError as error:
        raise RefutedError(str(error)) from error
    computed, exact = _composed(question, arithmetic, part)
    _compare_scores(question, part, computed, exact)
    rules = Rules(arithmetic.tables if isinstance(arithmetic, Measured) else None)
    compare_masks(question.metadata, computed, rules)
    masked = ""
    # of two classes one is left then, which has no margin
    if computed.rows.cells and not (card.score == "margin" and form.n_classes == 2):
        none = ZERO if form.kind == "probabilities" else DOWN
        masked = what_counts_masked(part, computed, rules, none)
    if form.members is not None:
        masked = _NOT_FOLLOWED
    if card.score in ("gen", "softmax_margin") and computed.rows.cells:
        masked = masked or "of a row with one class left nothing is known"
    bound = replace(_bound(question, arithmetic, part, computed, exact), masked=masked)
    if bound.near_threshold > MOST_BANDS * bound.band:
        reason = (
            f"scores near the threshold may be off by {bound.near_threshold:.3g}, more than "
            f"{MOST_BANDS} times the rounding band of {bound.band:.3g}"
        )
        return reason, bound, "CANNOT PROVE"
    besides = computed.rows.besides
    which = f"{_rows(question)}{besides and f' (but for those {besides})'}"
    reason = (
        f"no row of {which} is decided otherwise unless its exact "
        f"score is within {bound.near_threshold:.3g} of {_whose(card)}"
        f"{_nearly_tied(card, computed)}, and none that is not finite is accepted"
    )
    return reason, bound, "PROVED"


def _rows(question: Question) -> str:
    if question.metadata.form.kind == "probabilities":
        return "probabilities that add up to 0.99 to 1.01, each 0 or 2e-38 at least,"
    return f"{question.metadata.form.kind} up to {question.limit:g} in size"


def _whose(card: ScoreCard) -> str:
    several = isinstance(card.threshold, tuple)
    return "its own threshold" if several else "the threshold"


def _nearly_tied(card: ScoreCard, computed: Computed) -> str:
    """Which rows may be judged by the threshold of another class, as a calibration map rounds."""
    if not computed.off or not isinstance(card.threshold, tuple):
        return ""
    apart = float(above(2.0 * computed.off))
    return f" or its two largest calibrated logits are within {apart:.3g} of each other"


def _compare_scores(
    question: Question, part: HeadPart, computed: Computed, exact: Expression
) -> None:
    """Checks that the graph's exact score is the card's, as expressions."""
    if is_zero(computed.score.expression - exact):
        return
    card, form = question.metadata.card, question.metadata.form
    for value in _other_temperatures(part, question.temperature):
        other = exact_score(card, form, value)
        if is_zero(computed.score.expression - other):
            raise RefutedError(
                f"the graph's temperature is {float(value)!r}, the card's {card.temperature!r}"
            )
    raise CannotProveError(
        "the graph's exact score is not seen to be the card's: it is "
        f"{_short(computed.score.expression)}, and should be {_short(exact)}"
    )


def _short(x: Expression) -> str:
    text = str(x)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _other_temperatures(part: HeadPart, t: Fraction) -> Iterator[Fraction]:
    """Temperatures that constants of the graph would stand for."""
    for value in {*part.floats()}:
        if value and np.isfinite(value):
            for candidate in (abs(Fraction(value)), 1 / abs(Fraction(value))):
                if candidate != t and Fraction(1, 2) < candidate / t < 2:
                    yield candidate


def _bound(
    question: Question,
    arithmetic: Arithmetic,
    part: HeadPart,
    computed: Computed,
    exact: Expression,
) -> Bound:
    card, form = question.metadata.card, question.metadata.form
    thresholds = np.unique(np.asarray(card.threshold, dtype=np.float32)).astype(np.float64)
    sizes = np.full(len(thresholds), question.limit)
    sums = _sums_of(arithmetic, form.n_classes or 1, form.precision)
    reference = Reference(Head.of_card(card, form))
    bands = reference.allowed(thresholds, form.n_classes, sizes, sums)
    # of several thresholds the narrowest
    band = max(float(bands.min()), float(np.finfo(np.float32).smallest_normal))
    values, error = _errors(question, computed, exact)
    anywhere = float(error.max())
    near = 0.0
    for _ in range(_ROUNDS):
        # the first threshold that is not below what may be computed is not above it either
        first = np.searchsorted(thresholds, below(values.low - error))
        own = thresholds[np.minimum(first, len(thresholds) - 1)]
        decisive = (first < len(thresholds)) & (own <= above(values.high + error))
        near = float(error[decisive].max()) if decisive.any() else 0.0
        wide = decisive & (error > 0.9 * near)
        cut = computed.curve is None and computed.rows.make is not None
        if near <= 0.5 * band or not cut or not wide.any():
            break
        # smaller boxes say more of what lies near the threshold
        boxes = len(next(iter(computed.rows.cuts.values())).low)
        chosen = np.asarray(decisive.reshape(boxes, -1).any(axis=1))
        rows = computed.rows.halved(chosen)
        computed, exact = _composed(question, arithmetic, part, rows)
        values, error = _errors(question, computed, exact)
    return Bound(anywhere, near, band, question.half_gap)


def _errors(question: Question, computed: Computed, exact: Expression) -> tuple[Interval, Floats]:
    """Where exact scores lie and how far computed ones may be off, what a map rounds included."""
    values, error = computed.errors(exact)
    if not computed.off:
        return values, error
    card, form, t = question.metadata.card, question.metadata.form, question.temperature
    moved = moved_by(card, form, t, computed.rows, computed.off, values=values)
    return values, above(error + moved)


def _sums_of(arithmetic: Arithmetic, n_classes: int, element: str) -> Sums:
    """Which band is the runtime's: that for sums as deep as its own."""
    depth = arithmetic.depth("ReduceSum", n_classes, last=True, element=element)
    return "pinned" if depth <= Rounding("softmax", n_classes).additions else "any order"


def _accepted_not_finite(
    question: Question, arithmetic: Arithmetic, rules: Rules
) -> Iterator[Accepted]:
    part = HeadPart.of(question.model, question.metadata)
    computed, _ = _composed(question, arithmetic, part)
    margin = question.metadata.card.score == "margin"
    n = computed.rows.n_classes
    margin = margin and computed.rows.top is not None
    apart = n <= _MOST_APART and any(node.op_type in PIECES for node in part.nodes)
    kind = question.metadata.form.kind
    for case in cases_of(n_classes=n, margin=margin, apart=apart, kind=kind):
        yield from Walk(part, computed.values, rules, case).accepted()


def _dims(question: Question) -> tuple[Dim, ...]:
    card, form = question.metadata.card, question.metadata.form
    layout = layout_of(card, form)
    names = iter(["N", "D1", "D2", "D3", "D4", "D5", "D6", "D7"])
    size = form.n_classes or 1
    # each label is a row by itself
    if layout.axis is None and (layout.per_label or form.class_axis >= form.input_rank):
        return tuple(next(names) for _ in range(form.input_rank))
    dims: list[Dim] = [
        size if axis == form.class_axis else next(names) for axis in range(form.input_rank)
    ]
    if form.members is not None:
        dims[-1] = MEMBERS
    return tuple(dims)


def _unmapped(question: Question) -> Unmapped | None:
    """What the card's calibration map does to the logits, None without one."""
    made = question.metadata.card.calibration_map
    if made is None:
        return None
    names = {"scale": ("Mul",), "matrix": ("Mul", "ReduceSum"), "bias": ("Add",)}
    steps = tuple((step, values) for name, values in made.buffers.items() for step in names[name])
    return Unmapped(steps, question.limit, _dims(question), question.metadata.form.class_axis)


def _numbers(parameters: Mapping[str, float], t: Fraction) -> Mapping[tuple[str, bytes], Fraction]:
    """What rounded constants stand for: what tools fold of T, and the score's parameters."""
    exact = [1 / t, -1 / t, t / 2, 2 / t, -t, -2 / t, -t / 2]
    exact += [Fraction(value) for value in parameters.values()]
    exact += [-1 / Fraction(value) for value in parameters.values() if value]
    made: dict[tuple[str, bytes], Fraction] = {}
    for kind in (np.float32, np.float64):
        for value in exact:
            rounded = kind(float(value))
            made.setdefault((kind.__name__, rounded.tobytes()), value)
    return made
