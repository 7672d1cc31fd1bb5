"""Fit a confidence score on logits, compile it, and let logitconf_export ship it."""

from importlib import import_module
from typing import TYPE_CHECKING

from logitconf.scores.table import SCORES, class_of

if TYPE_CHECKING:
    from logitconf.adapters import from_fitted as from_fitted
    from logitconf.adapters import source_logits as source_logits
    from logitconf.card import HeadForm as HeadForm
    from logitconf.card import ScoreCard as ScoreCard
    from logitconf.concrete_scores import *  # noqa: F403 (a list would be a second table)
    from logitconf.errors import LogitconfError as LogitconfError
    from logitconf.errors import LogitconfWarning as LogitconfWarning
    from logitconf.errors import MissingExtraError as MissingExtraError
    from logitconf.errors import UncertifiableError as UncertifiableError
    from logitconf.head import ConfidenceHead as ConfidenceHead
    from logitconf.learned import ConfidenceBranch as ConfidenceBranch
    from logitconf.learned import LearnedConfidenceLoss as LearnedConfidenceLoss
    from logitconf.learned import LearnedConfidenceScore as LearnedConfidenceScore
    from logitconf.learned import predictions_right as predictions_right
    from logitconf.logit_scores import LogitScore as LogitScore
    from logitconf.score_classes import load as load

# names are looked up on first use, so that what needs no torch loads without it
_HOME = {name: home for home, name in map(class_of, SCORES)} | {
    "from_fitted": "adapters",
    "source_logits": "adapters",
    "HeadForm": "card",
    "ScoreCard": "card",
    "LogitconfError": "errors",
    "LogitconfWarning": "errors",
    "MissingExtraError": "errors",
    "UncertifiableError": "errors",
    "ConfidenceHead": "head",
    "ConfidenceBranch": "learned",
    "LearnedConfidenceLoss": "learned",
    "predictions_right": "learned",
    "LogitScore": "logit_scores",
    "load": "score_classes",
}

__version__ = "0.1.0"
__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'logitconf' has no attribute {name!r}")
    return getattr(import_module(f"logitconf.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
