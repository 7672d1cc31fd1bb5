"""How a variant of a host (float16, int8, another opset) decides where the original decided.

Both files carry a head. Coverage, selective risk, calibration and flips are compared on the same
inputs, each fraction with its exact binomial interval, the change of calibration with that of a
bootstrap. Rows run in the batches in which `fit` runs them: dynamic quantisation takes its ranges
from a batch.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from logitconf.calibration.maps.mapping import mapped
from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.head_spec import map_buffers
from logitconf.metrics.calibration import expected_calibration_error
from logitconf.metrics.intervals import bootstrap, clopper_pearson_lower, clopper_pearson_upper
from logitconf.notebook.brief import brief
from logitconf.notebook.html import table
from logitconf.wording.numbers import counted, percent, short
from logitconf_export.decisions.hard_rows import flattened
from logitconf_export.heads.in_file import EmbeddedHead, head_in
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.onnx_files.types import Array, Arrays, ModelSource
from logitconf_export.runtimes.feeds import HostFeeds, host_input_names
from logitconf_export.runtimes.host_runs import run_rows, with_output
from logitconf_export.runtimes.sessions import Session
from logitconf_export.runtimes.stored_arrays import given_feeds
from logitconf_export.verification.batches import MOST_HOST_ROWS, apart
from logitconf_export.verification.report import as_json, headed

_ECE_BINS = 15
_RESAMPLES = 500
_EVEN = {"logits": 0.0, "probabilities": 0.5, "log-probabilities": math.log(0.5)}


@dataclass(frozen=True, slots=True)
class Fraction:
    """A count out of a total, with its exact 95 % interval.

    Attributes:
        count: how many.
        total: of how many.
        low: lower end of the interval, in [0, 1].
        high: upper end.
    """

    count: int
    total: int
    low: float
    high: float

    @classmethod
    def of(cls, count: int, total: int, confidence: float = 0.95) -> "Fraction":
        """The fraction with its interval.

        Source: Clopper & Pearson 1934. Of nothing it is [0, 1].
        """
        one_sided = (1.0 + confidence) / 2.0
        low = clopper_pearson_lower(count, total, one_sided)
        return cls(count, total, low, clopper_pearson_upper(count, total, one_sided))

    @property
    def value(self) -> float:
        """The fraction, NaN of nothing."""
        return self.count / self.total if self.total else float("nan")


@dataclass(frozen=True, slots=True)
class Change:
    """A difference, with the 95 % interval of a paired bootstrap over rows.

    Attributes:
        value: variant minus reference.
        low: the 2.5 % quantile of 500 resamples.
        high: the 97.5 % quantile.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class VariantFigures:
    """One file on all rows.

    Attributes:
        coverage: accepted rows.
        errors: wrong rows of all; None without labels.
        risk: wrong rows of the accepted; None without labels.
        calibration_error: ECE in 15 bins of the calibrated top probability; None without labels.
    """

    coverage: Fraction
    errors: Fraction | None
    risk: Fraction | None
    calibration_error: float | None


@dataclass(frozen=True, slots=True)
class DriftReport:
    """Two files on the same rows.

    Attributes:
        rows: how many rows both decided; labels of rows where those are judged one by one. They
            count as independent in the intervals of fractions.
        reference: figures of the original.
        variant: figures of the variant.
        flips: rows that the two decide differently.
        newly_accepted: of those, accepted by the variant alone.
        changed_predictions: rows whose predicted class or labels differ.
        calibration_change: of the ECE; None without labels.
        largest_score_change: where both scores are finite, in score units.
        same_numbers: whether both heads have the same temperature and threshold.
        notes: in words, what other rows of its batch, and rows of NaN or infinity, do to the
            variant's decisions.
    """

    rows: int
    reference: VariantFigures
    variant: VariantFigures
    flips: Fraction
    newly_accepted: int
    changed_predictions: Fraction
    calibration_change: Change | None
    largest_score_change: float
    same_numbers: bool
    notes: tuple[str, ...] = ()

    @property
    def differently(self) -> str:
        """``"3 of 500 rows decided differently"``."""
        return f"{self.flips.count:,} of {counted(self.rows, 'row')} decided differently"

    __repr__ = brief

    def _repr_html_(self) -> str:
        """Both files side by side, and how they differ, as tables."""
        pairs = [
            (name, _words(getattr(self.reference, part)), _words(getattr(self.variant, part)))
            for name, part in (
                ("coverage", "coverage"),
                ("errors of all", "errors"),
                ("errors of the accepted", "risk"),
            )
        ]
        before, after = self.reference.calibration_error, self.variant.calibration_error
        if before is not None and after is not None:
            pairs.append(("ECE", short(before), short(after)))
        changes = [
            ("decided differently", _words(self.flips)),
            ("newly accepted of those", f"{self.newly_accepted:,}"),
            ("other predictions", _words(self.changed_predictions)),
            ("largest score change", short(self.largest_score_change)),
        ]
        notes = table([(note,) for note in self.notes], "notes", most=10) if self.notes else ""
        caption = f"{counted(self.rows, 'row')}, intervals of 95 %"
        sides = table(pairs, caption, ("", "reference", "variant"))
        return sides + table(changes, "the variant against the reference") + notes

    def to_dict(self) -> dict[str, Any]:
        """JSON values, as ``report.schema.json`` describes them."""
        return headed("drift", {"verdict": self.differently, **asdict(self)})

    def to_json(self) -> str:
        """The report as readable JSON."""
        return as_json(self.to_dict())


def _words(part: Fraction | None) -> str:
    if part is None:
        return "no labels"
    ends = f"{percent(part.low)} to {percent(part.high)}"
    return f"{percent(part.value)} ({ends})" if part.total else "of nothing"


@dataclass(frozen=True, slots=True)
class Decided:
    """What one file says of every row.

    Attributes:
        head: the one in the file.
        logits: (N, K) float32, what the head read.
        score: (N,) float32; of each label of each row in turn where labels are judged one by one.
        mask: as many bool.
    """

    head: EmbeddedHead
    logits: Array
    score: Array
    mask: Array

    __repr__ = brief


def drift(
    reference: ModelSource,
    variant: ModelSource,
    data: str | Path | Arrays | Array,
    labels: Array | None = None,
    *,
    provider: str = "cpu",
) -> DriftReport:
    """What changes when the variant is shipped in place of the reference.

    Args:
        reference: the host with a head, as it was verified.
        variant: the same host in another form, with its head.
        data: inputs by name, the same for both, in a file or as arrays; or the only input.
        labels: (N,) classes, or (N, L) for labels; one for each row or position. What the data call
            ``labels`` unless given.
        provider: short name of onnxruntime's provider.

    Raises:
        LogitconfError: if one has no head, the heads differ in score or task, nothing was run, or
            the labels do not belong to the logits of one model.
    """
    feeds, labels = given_feeds(data, labels, host_input_names(load_model(reference)))
    left, right = (decided(model, feeds, provider) for model in (reference, variant))
    cards = left.head.metadata.card, right.head.metadata.card
    if (cards[0].score, cards[0].task) != (cards[1].score, cards[1].task):
        raise LogitconfError(
            f"both heads must have one score and task, got {cards[0].score} for {cards[0].task} "
            f"and {cards[1].score} for {cards[1].task}"
        )
    rows = len(left.score)
    if not rows or len(right.score) != rows:
        raise LogitconfError(f"both must decide the same rows, got {rows} and {len(right.score)}")
    if labels is not None:
        labels = checked_labels(left, labels)
    flipped = left.mask != right.mask
    changed = _predictions(left) != _predictions(right)
    both = np.isfinite(left.score) & np.isfinite(right.score)
    with np.errstate(invalid="ignore"):
        change = np.where(both, np.abs(left.score.astype(np.float64) - right.score), 0.0)
    return DriftReport(
        rows=rows,
        reference=_figures(left, labels),
        variant=_figures(right, labels),
        flips=Fraction.of(int(flipped.sum()), rows),
        newly_accepted=int((flipped & right.mask).sum()),
        changed_predictions=Fraction.of(int(changed.reshape(rows, -1).any(axis=1).sum()), rows),
        calibration_change=None if labels is None else _calibration_change(left, right, labels),
        largest_score_change=float(change.max()),
        same_numbers=_numbers(cards[0]) == _numbers(cards[1]),
        notes=_apart(variant, feeds, provider),
    )


def _apart(source: ModelSource, feeds: Mapping[str, Array], provider: str) -> tuple[str, ...]:
    """What a batch does to its rows; dynamic quantisation takes its ranges from all of them."""
    model = load_model(source)
    folder = None if isinstance(source, bytes | onnx.ModelProto) else Path(source).resolve().parent
    few = HostFeeds.of(model, feeds).few(MOST_HOST_ROWS)
    with Session(model, provider=provider, strict=False, folder=folder, profile=False) as session:
        return apart(session, few, head_in(model).outputs[:2])


def _numbers(card: ScoreCard) -> tuple[object, ...]:
    numbers = {name: array.tolist() for name, array in map_buffers(card).items()}
    return card.temperature, card.threshold, numbers


def decided(source: ModelSource, feeds: Mapping[str, Array], provider: str = "cpu") -> Decided:
    """What a host with a head reads, scores and accepts.

    Args:
        source: the model.
        feeds: inputs by name; floats are cast to what the host takes.
        provider: short name of onnxruntime's provider.

    Raises:
        LogitconfError: if it has no head, or one that is alone or takes members, or does not run.
    """
    model = load_model(source)
    head = head_in(model)
    folder = None if isinstance(source, bytes | onnx.ModelProto) else Path(source).resolve().parent
    if not head.attached:
        raise LogitconfError("drift compares hosts with a head, got a head that stands alone")
    form: HeadForm = head.metadata.form
    if form.members is not None:
        raise LogitconfError(f"drift compares single models, got a head for {form.members} members")
    # behind the cast at the door: a CPU gives the head more than the half that it hands out
    wanted = [head.widened, *head.outputs[:2]]
    exposed = with_output(model, head.widened)
    with Session(exposed, provider=provider, strict=False, folder=folder, profile=False) as session:
        logits, score, mask = run_rows(session, HostFeeds.of(model, feeds), wanted)
    rows = flattened(logits.astype(np.float32), form)
    if head.metadata.card.per_label:
        score, mask = (flattened(values, form) for values in (score, mask))
    return Decided(head, rows, score.reshape(-1), mask.reshape(-1).astype(bool))


def checked_labels(decided: Decided, labels: Array) -> Array:
    """The labels, one for each row or (N, L).

    Raises:
        LogitconfError: if they are not as many as the predictions, or the score is learned.
    """
    if decided.head.metadata.card.score == "learned":
        raise LogitconfError(
            "labels are compared with the classes that the head's logits predict, got a learned "
            "confidence, which predicts none; leave them out"
        )
    shape = _predictions(decided).shape
    truth = np.asarray(labels)
    if truth.size != math.prod(shape):
        raise LogitconfError(f"labels must be {shape}, got shape {truth.shape}")
    return truth.reshape(shape)


def _predictions(decided: Decided) -> Array:
    """(N,) classes, or (N, L) whether each label holds."""
    predictions: Array
    values, kind = decided.logits, decided.head.metadata.form.kind
    if decided.head.metadata.card.calibration_map is not None:
        values, kind = _mapped(decided), "logits"
    predictions = values.argmax(axis=1) if _is_categorical(decided) else values > _EVEN[kind]
    return predictions


def _is_categorical(decided: Decided) -> bool:
    return decided.head.metadata.card.task != "multilabel" and decided.logits.shape[1] > 1


def _figures(decided: Decided, labels: Array | None) -> VariantFigures:
    rows = len(decided.mask)
    coverage = Fraction.of(int(decided.mask.sum()), rows)
    if labels is None:
        return VariantFigures(coverage, None, None, None)
    right = _predictions(decided) == labels
    wrong = ~right.reshape(rows, -1).all(axis=1)
    accepted = decided.mask
    return VariantFigures(
        coverage=coverage,
        errors=Fraction.of(int(wrong.sum()), rows),
        risk=Fraction.of(int((wrong & accepted).sum()), int(accepted.sum())),
        calibration_error=_calibration_error(_confidence(decided).reshape(-1), right.reshape(-1)),
    )


def _confidence(decided: Decided) -> Array:
    """Calibrated probability of what is predicted, (N,) or (N, L)."""
    z = _mapped(decided) / decided.head.metadata.card.temperature
    confidence: Array
    if _is_categorical(decided):
        confidence = 1.0 / np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1)
    else:
        confidence = 1.0 / (1.0 + np.exp(-np.abs(z)))
    return confidence


def _mapped(decided: Decided) -> Array:
    """The logits in double, as the head's calibration map makes them if it has one."""
    form, card = decided.head.metadata.form, decided.head.metadata.card
    values = decided.logits.astype(np.float64)
    with np.errstate(divide="ignore"):
        if form.kind == "probabilities":
            values = np.log(values) if _is_categorical(decided) else np.log(values / (1 - values))
        elif form.kind == "log-probabilities" and not _is_categorical(decided):
            values = values - np.log1p(-np.exp(values))
    new: Array = mapped(values, map_buffers(card), 1)
    return new


def _calibration_error(confidence: Array, right: Array) -> float:
    """ECE in 15 equal bins of the rows that have a confidence; 0 where none has."""
    usable = np.isfinite(confidence)
    if not usable.any():
        return 0.0
    return expected_calibration_error(confidence[usable], right[usable], bins=_ECE_BINS)


def _calibration_change(left: Decided, right: Decided, labels: Array) -> Change:
    """How much the variant's ECE is larger, resampling the same rows of both."""
    pairs = [(_confidence(one), _predictions(one) == labels) for one in (left, right)]

    def change(rows: Array) -> float:
        before, after = (_calibration_error(c[rows].ravel(), r[rows].ravel()) for c, r in pairs)
        return after - before

    resampled = bootstrap(change, np.arange(len(left.logits)), seed=0, draws=_RESAMPLES)
    return Change(resampled.estimate, resampled.lower, resampled.upper)
