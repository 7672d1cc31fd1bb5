"""Fit a confidence score on logits, compile it, and let logitconf_export ship it."""

from importlib import import_module
from typing import TYPE_CHECKING

from logitconf.scores.table import SCORES, class_of

if TYPE_CHECKING:
    from logitconf.card import HeadForm as HeadForm
    from logitconf.card import ScoreCard as ScoreCard
    from logitconf.errors import LogitconfError as LogitconfError
    from logitconf.errors import LogitconfWarning as LogitconfWarning
    from logitconf.errors import MissingExtraError as MissingExtraError
    from logitconf.errors import UncertifiableError as UncertifiableError
    from logitconf.fitting.learned_score import LearnedConfidenceScore as LearnedConfidenceScore
    from logitconf.fitting.learned_score import predictions_right as predictions_right
    from logitconf.fitting.logit_score import LogitScore as LogitScore
    from logitconf.fitting.other_libraries import from_fitted as from_fitted
    from logitconf.fitting.other_libraries import source_logits as source_logits
    from logitconf.fitting.score_classes import *  # noqa: F403 (a list would be a second table)
    from logitconf.fitting.score_classes import load as load
    from logitconf.head import ConfidenceHead as ConfidenceHead
    from logitconf.learned_loss import ConfidenceBranch as ConfidenceBranch
    from logitconf.learned_loss import LearnedConfidenceLoss as LearnedConfidenceLoss
    from logitconf.temperature.fit import fit_temperature_chunks as fit_temperature_chunks
    from logitconf.thresholds.chunked import choose_coverage_chunks as choose_coverage_chunks
    from logitconf.thresholds.chunked import choose_risk_chunks as choose_risk_chunks

# names are looked up on first use, so that what needs no torch loads without it
_HOME = {name: home for home, name in map(class_of, SCORES)} | {
    "from_fitted": "fitting.other_libraries",
    "source_logits": "fitting.other_libraries",
    "HeadForm": "card",
    "ScoreCard": "card",
    "LogitconfError": "errors",
    "LogitconfWarning": "errors",
    "MissingExtraError": "errors",
    "UncertifiableError": "errors",
    "ConfidenceHead": "head",
    "ConfidenceBranch": "learned_loss",
    "LearnedConfidenceLoss": "learned_loss",
    "predictions_right": "fitting.learned_score",
    "LogitScore": "fitting.logit_score",
    "load": "fitting.score_classes",
    "fit_temperature_chunks": "temperature.fit",
    "choose_coverage_chunks": "thresholds.chunked",
    "choose_risk_chunks": "thresholds.chunked",
}

__version__ = "0.1.0"
__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'logitconf' has no attribute {name!r}")
    return getattr(import_module(f"logitconf.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
