"""How a variant of a host (float16, int8, another opset) decides where the original decided.

Both files carry a head. Coverage, selective risk, calibration and flips are compared on the same
inputs, each fraction with its exact binomial interval.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx

from logitconf.card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf_export.heads import HeadInFile, head_in
from logitconf_export.hosts_on_trial import with_output
from logitconf_export.inputs import flattened
from logitconf_export.loading import load_model
from logitconf_export.sessions import Session

Array: TypeAlias = npt.NDArray[Any]
ModelSource: TypeAlias = "str | Path | bytes | onnx.ModelProto"

DRIFT_SCHEMA = 1
_ECE_BINS = 15


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
        from scipy.stats import beta

        tail = (1.0 - confidence) / 2.0
        low = float(beta.ppf(tail, count, total - count + 1)) if count else 0.0
        high = float(beta.ppf(1.0 - tail, count + 1, total - count)) if count < total else 1.0
        return cls(count, total, low, high)

    @property
    def value(self) -> float:
        """The fraction, NaN of nothing."""
        return self.count / self.total if self.total else float("nan")


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
        rows: how many rows both decided.
        reference: figures of the original.
        variant: figures of the variant.
        flips: rows that the two decide differently.
        newly_accepted: of those, accepted by the variant alone.
        changed_predictions: rows whose predicted class or labels differ.
        largest_score_change: where both scores are finite, in score units.
        same_numbers: whether both heads have the same temperature and threshold.
    """

    rows: int
    reference: VariantFigures
    variant: VariantFigures
    flips: Fraction
    newly_accepted: int
    changed_predictions: Fraction
    largest_score_change: float
    same_numbers: bool

    def to_json(self) -> str:
        """The report as readable JSON, schema number first."""
        return json.dumps({"schema": DRIFT_SCHEMA, **asdict(self)}, indent=2) + "\n"


@dataclass(frozen=True, slots=True)
class _Decided:
    """What one file says of every row."""

    head: HeadInFile
    logits: Array
    score: Array
    mask: Array


def drift(
    reference: ModelSource,
    variant: ModelSource,
    feeds: Mapping[str, Array],
    labels: Array | None = None,
    *,
    provider: str = "cpu",
) -> DriftReport:
    """What changes when the variant is shipped in place of the reference.

    Args:
        reference: the host with a head, as it was verified.
        variant: the same host in another form, with its head.
        feeds: inputs by name, the same for both.
        labels: (N,) classes, or (N, L) for labels; one for each row or position.
        provider: short name of onnxruntime's provider.

    Raises:
        LogitconfError: if one has no head, the heads differ in score or task, or nothing was run.
    """
    left, right = (_decided(model, feeds, provider) for model in (reference, variant))
    cards = left.head.metadata.card, right.head.metadata.card
    if (cards[0].score, cards[0].task) != (cards[1].score, cards[1].task):
        raise LogitconfError(
            f"both heads must have one score and task, got {cards[0].score} for {cards[0].task} "
            f"and {cards[1].score} for {cards[1].task}"
        )
    rows = len(left.score)
    if not rows or len(right.score) != rows:
        raise LogitconfError(f"both must decide the same rows, got {rows} and {len(right.score)}")
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
        largest_score_change=float(change.max()),
        same_numbers=_numbers(cards[0]) == _numbers(cards[1]),
    )


def _numbers(card: ScoreCard) -> tuple[object, object]:
    return card.temperature, card.threshold


def _decided(source: ModelSource, feeds: Mapping[str, Array], provider: str) -> _Decided:
    model = load_model(source)
    head = head_in(model)
    folder = None if isinstance(source, bytes | onnx.ModelProto) else Path(source).resolve().parent
    wanted = [head.tensor, *head.outputs[:2]]
    if not head.attached:
        raise LogitconfError("drift compares hosts with a head, got a head that stands alone")
    exposed = with_output(model, head.tensor)
    with Session(exposed, provider=provider, strict=False, folder=folder, profile=False) as session:
        logits, score, mask = session.run(feeds, wanted)
    form: HeadForm = head.metadata.form
    rows = flattened(logits.astype(np.float32), form)
    return _Decided(head, rows, score.reshape(-1), mask.reshape(-1).astype(bool))


def _predictions(decided: _Decided) -> Array:
    """(N,) classes, or (N, L) whether each label holds."""
    found: Array
    if _is_categorical(decided):
        found = decided.logits.argmax(axis=1)
    else:
        found = decided.logits > (0.5 if decided.head.metadata.form.kind == "probabilities" else 0)
    return found


def _is_categorical(decided: _Decided) -> bool:
    return decided.head.metadata.card.task != "multilabel" and decided.logits.shape[1] > 1


def _figures(decided: _Decided, labels: Array | None) -> VariantFigures:
    rows = len(decided.mask)
    coverage = Fraction.of(int(decided.mask.sum()), rows)
    if labels is None:
        return VariantFigures(coverage, None, None, None)
    predicted = _predictions(decided)
    truth = np.asarray(labels)
    if truth.size != predicted.size:
        raise LogitconfError(f"labels must be {predicted.shape}, got shape {truth.shape}")
    right = predicted == truth.reshape(predicted.shape)
    wrong = ~right.reshape(rows, -1).all(axis=1)
    accepted = decided.mask
    return VariantFigures(
        coverage=coverage,
        errors=Fraction.of(int(wrong.sum()), rows),
        risk=Fraction.of(int((wrong & accepted).sum()), int(accepted.sum())),
        calibration_error=_calibration_error(_confidence(decided).reshape(-1), right.reshape(-1)),
    )


def _confidence(decided: _Decided) -> Array:
    """Calibrated probability of what is predicted, (N,) or (N, L)."""
    form, card = decided.head.metadata.form, decided.head.metadata.card
    values = decided.logits.astype(np.float64)
    with np.errstate(divide="ignore"):
        if form.kind == "probabilities":
            values = np.log(values) if _is_categorical(decided) else np.log(values / (1 - values))
        elif form.kind == "log-probabilities" and not _is_categorical(decided):
            values = values - np.log1p(-np.exp(values))
    z = values / card.temperature
    confidence: Array
    if _is_categorical(decided):
        confidence = 1.0 / np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1)
    else:
        confidence = 1.0 / (1.0 + np.exp(-np.abs(z)))
    return confidence


def _calibration_error(confidence: Array, right: Array) -> float:
    """Expected calibration error over 15 equal bins (low, high].

    Source: Naeini et al. 2015, equation 3.
    """
    usable = np.isfinite(confidence)
    bins = np.clip(np.ceil(confidence[usable] * _ECE_BINS) - 1, 0, _ECE_BINS - 1).astype(int)
    gaps = np.bincount(bins, right[usable] - confidence[usable], minlength=_ECE_BINS)
    return float(np.abs(gaps).sum() / max(1, usable.sum()))
