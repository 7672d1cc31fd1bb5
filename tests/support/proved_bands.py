"""Bounds of what runtimes' scores are off by, over all rows, and bands that follow from them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from scipy.optimize import linprog

from logitconf.card.score_card import ScoreCard
from logitconf.fitting.fit import rounding_of
from logitconf.scores.bands import Band, Constants, Sums
from logitconf.scores.rounding import Rounding
from logitconf.scores.table import SCORES
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.composing.arithmetic import Arithmetic, Measured
from logitconf_export.proof.exact.intervals import Floats, Interval
from logitconf_export.proof.prover import Question, computed_scores
from logitconf_export.proof.tables.files import digest, read_tables
from logitconf_export.proof.tables.operation_table import MissingTableError, RuntimeTables
from logitconf_export.runtimes.targets.table import RUNTIMES, RuntimeRequest

RECORDED = sorted((Path(__file__).parents[1] / "records" / "operations").glob("*.json"))
SIZES = (2, 3, 10, 100, 1000, 5000)
LABELS = (2, 10, 1000)
# bounds grow with their number: 1 / 31 is rounded, which is more than what one more addition adds
MEMBERS = (31,)
TEMPERATURES = (0.05, 1.5)
# the energy is in units of T
ENERGY_TEMPERATURES = (0.05, 0.5, 1.5, 5.0)
SUMS: tuple[Sums, ...] = ("pinned", "any order")
# what two runtimes differ by is at most what both are off by
_TWO = 2.0
# a margin's rounding is relative, down to what runtimes take for 0
_FLUSHED = 2.0**-100
_TINY = 1e-12
_DIGITS = 2
# how near the band is to bounds that are a far smaller share of the score does not matter
_MATTERS = 0.1


@dataclass(frozen=True, slots=True)
class Worst:
    """Operations as the worst of several runtimes rounds them, and sums as deep as a band allows.

    Attributes:
        tables: of the runtimes.
        sums: how they add up.
    """

    tables: tuple[RuntimeTables, ...]
    sums: Sums

    @property
    def name(self) -> str:
        """What they are."""
        return f"{len(self.tables)} runtimes, sums {self.sums}"

    def units(
        self, operation: str, operand: Interval, element: str, constant: float | None = None
    ) -> Floats:
        """The largest error that one of the tables has."""
        worst: Floats | None = None
        for tables in self.tables:
            try:
                own = Measured(tables).units(operation, operand, element, constant)
            except MissingTableError as error:
                missing = error
                continue
            worst = own if worst is None else np.maximum(worst, own)
        if worst is None:
            raise missing
        return worst

    def depth(self, operation: str, terms: int, *, last: bool, element: str) -> int:
        """As deep as the band's formula has it."""
        del operation, last, element
        return Rounding("softmax", terms, sums=self.sums).additions


@dataclass(frozen=True, slots=True)
class Cell:
    """One score of rows of one kind.

    Attributes:
        score: its name.
        task: what columns mean.
        n_classes: columns.
        temperature: T.
        sums: how the runtimes add up.
        members: of an ensemble, for a score that compares them.
    """

    score: str
    task: str
    n_classes: int
    temperature: float
    sums: Sums = "pinned"
    members: int | None = None

    @property
    def card(self) -> ScoreCard:
        """Of a head for it, with the parameters that the score has by default."""
        row = SCORES[self.score]
        return ScoreCard(
            self.score,
            self.task,
            temperature=self.temperature,
            threshold=-0.5 if row.floor < -1.0 else 0.3,
            n_classes=self.n_classes,
            parameters={name: p.default for name, p in row.parameters.items()},
            members=self.members,
        )

    @property
    def model(self) -> onnx.ModelProto:
        """The portable head."""
        return to_onnx(self.card, n_classes=self.n_classes, members=self.members)

    @property
    def rounding(self) -> Rounding:
        """What the band depends on.

        What members add to a band is left out, and the additions of two classes: so the band holds
        for labels, whose two probabilities are off by less than those of two classes.
        """
        own = replace(rounding_of(self.card), sums=self.sums)
        if self.members is None:
            return own
        return replace(own, members=1, n_classes=1 if self.n_classes == 2 else self.n_classes)

    @property
    def band(self) -> Band:
        """What the table says."""
        row = SCORES[self.score]
        return row.band_of_sums if self.rounding.joined and row.band_of_sums else row.band

    @property
    def constants(self) -> Constants:
        """As they stand in the table."""
        other = None if self.sums == "pinned" else self.band.any_order
        return self.band.pinned if other is None else other


def cells(
    score: str,
    *,
    sizes: Sequence[int] = SIZES,
    labels: Sequence[int] = LABELS,
    temperatures: Sequence[float] | None = None,
    members: Sequence[int] = MEMBERS,
) -> Iterator[Cell]:
    """All cells of a score; of one that compares members, those of classes."""
    row = SCORES[score]
    if temperatures is None:
        temperatures = ENERGY_TEMPERATURES if score == "energy" else TEMPERATURES
        # of which the lower makes larger bounds
        temperatures = temperatures[:1] if row.over_members else temperatures
    kinds = []
    if "categorical" in row.families:
        kinds += [("multiclass", n) for n in sizes if n >= row.fewest_classes]
    if "bernoulli" in row.families and not row.over_members:
        joined = labels if row.band_of_sums else labels[:1]
        kinds += [("binary", 1), *(("multilabel", n) for n in joined)]
    for task, n in kinds:
        for temperature in temperatures:
            for m in members if row.over_members else (None,):
                yield from (Cell(score, task, n, temperature, sums, m) for sums in SUMS)


def recorded() -> tuple[RuntimeTables, ...]:
    """The tables of operations in the records."""
    return tuple(read_tables(path) for path in RECORDED)


def is_pinned(tables: RuntimeTables) -> bool:
    """Whether the sums along the last axis that were probed are no deeper than the band allows."""
    own = [t for t in tables.sums if t.operation == "ReduceSum" and t.axis == "last"]
    own = [t for t in own if t.element == "float32"]
    return bool(own) and all(
        t.probed == t.terms and t.depth <= Rounding("softmax", t.terms).additions for t in own
    )


def worst(sums: Sums, tables: Sequence[RuntimeTables]) -> Worst:
    """What bands for such sums must hold for: all runtimes, or those that say theirs are pinned."""
    fitting = [t for t in tables if sums == "any order" or (is_pinned(t) and _says_pinned(t))]
    return Worst(tuple(fitting), sums)


def _says_pinned(tables: RuntimeTables) -> bool:
    name, provider = tables.environment.runtime, tables.environment.provider
    own = name not in RUNTIMES or RuntimeRequest(name).runtime().sums == "pinned"
    return own and provider == "cpu"


def digests(tables: Sequence[RuntimeTables]) -> Mapping[str, str]:
    """SHA-256 of each table, by runtime, version and provider, if it is not the CPU's."""
    return {t.environment.name: digest(t) for t in tables}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the computed score may be off by, in boxes of rows.

    Attributes:
        low: the smallest exact score of a box's rows, (boxes,).
        high: the largest.
        error: bound on |computed − exact|.
    """

    low: Array
    high: Array
    error: Array

    @property
    def far(self) -> Array:
        """The end of each box that is farther from 0."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    @property
    def near(self) -> Array:
        """The other; of a box that holds 0, that.

        The box below the smallest edge ends in 0, where what rounds relatively is exact.
        """
        ends = np.minimum(np.abs(self.low), np.abs(self.high))
        ends = np.where(self.far < _TINY, self.far, ends)
        return np.where(self.low * self.high < 0.0, 0.0, ends)


def bounds(cell: Cell, arithmetic: Arithmetic) -> Bounds:
    """The proof's bounds on rows with logits up to 100 in size.

    Raises:
        CannotProveError: if there is no proof.
    """
    model = cell.model
    computed, exact = computed_scores(Question(model, read_metadata(model)), arithmetic)
    values, error = computed.errors(exact)
    return Bounds(values.low, values.high, error)


def band_over(cell: Cell, box: Bounds, constants: Constants) -> Array:
    """The band in each box: ulps of its far end, as it is thin, and the rest where it is least."""
    steps, rest = Constants(constants.ulps), replace(constants, ulps=0.0)
    ulps, others = (replace(cell.rounding, constants=part) for part in (steps, rest))
    return ulps.bands(box.far) + np.minimum(others.bands(box.near), others.bands(box.far))


_NONE = Constants()
_ONE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_UNITS = (
    Constants(1.0),
    *(Constants(once=one) for one in _ONE),
    *(Constants(of_sum=one) for one in _ONE),
)
PARTS = ("ulps", "once", "size", "temperature", "sum", "sum size", "sum temperature")
"""Of constants, in their order."""
_USUAL = frozenset({"ulps", "once", "size", "sum", "sum size"})
ALLOWED: Mapping[str, Collection[str]] = {
    "energy": PARTS,
    "gini": {*_USUAL, "fall"},
    # a margin and a single logit are exact, but for a division
    "margin": {"ulps", "size"},
    "max_logit": {"ulps"},
}
"""What may count for a score, if it is not the usual."""
_MUCH = 1e4
_ADDED = 300
_SLACK = 1e-6


def smallest_constants(
    proofs: Sequence[tuple[Cell, Bounds]], least: Constants = _NONE
) -> Constants:
    """The constants, rounded up, whose band is twice each bound at least and else least.

    Args:
        proofs: cells and their bounds.
        least: none is smaller than of these.
    """
    wanted, weights = [], np.zeros(len(_UNITS))
    for cell, box in proofs:
        counted = _TWO * box.error > _FLUSHED
        each = Bounds(box.low[counted], box.high[counted], box.error[counted])
        ends = [
            [replace(cell.rounding, constants=unit).bands(end) for unit in _UNITS]
            for end in (each.far, each.near)
        ]
        ends[1][0] = ends[0][0]
        shares = [np.stack(end, axis=1) / (_TWO * each.error[:, None]) for end in ends]
        wanted += shares
        # thresholds are as likely in each part of log(1 + the score's size)
        weighed = np.log1p(each.far) - np.log1p(each.near)
        share = each.error / (1.0 + each.far)
        weighed *= share > _MATTERS * share.max()
        weights += weighed @ shares[1] / weighed.sum()
    # what is far more than enough for a bound may be any such number
    needs = np.unique(np.minimum(np.vstack(wanted), _MUCH), axis=0)
    allowed = ALLOWED.get(proofs[0][0].score, _USUAL)
    lows = [least.ulps, *least.once, *least.of_sum]
    if least == _NONE and "fall" in allowed:
        lows = [-np.inf if "size" in part else 0.0 for part in PARTS]
    free = [(low, None if part in allowed else low) for part, low in zip(PARTS, lows, strict=True)]
    # only the bounds that matter: those that constants from the others do not reach
    chosen = np.zeros(len(needs), dtype=np.bool_)
    chosen[np.linspace(0, len(needs) - 1, _ADDED).astype(int)] = True
    while True:
        rows = needs[chosen]
        solved = linprog(weights, A_ub=-rows, b_ub=-np.ones(len(rows)), bounds=free, method="highs")
        if not solved.success:
            raise ValueError(f"no constants hold for all bounds: {solved.message}")
        reached = needs @ solved.x
        if reached.min() >= 1.0 - _SLACK:
            break
        chosen[np.argsort(reached)[:_ADDED]] = True
    a, b, c, d, e, f, g = (_rounded_up(value) for value in solved.x)
    return Constants(a, (b, c, d), (e, f, g))


def _rounded_up(value: float) -> float:
    if abs(value) < 1e-6:
        return 0.0
    step = 10.0 ** (np.floor(np.log10(abs(value))) - _DIGITS + 1)
    return float(f"{np.ceil(value / step - 1e-9) * step:.6g}")
