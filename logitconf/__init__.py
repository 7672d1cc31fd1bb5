"""Fit a confidence score on logits, bake it into an exported model, and prove what it decides.

The front door: every name that a user needs, from the room that fits and from the room that ships,
is looked up here on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from logitconf.errors import torch_for
from logitconf.scores.table import SCORES, class_of

if TYPE_CHECKING:
    from logitconf.calibration.temperature.fit import (
        fit_temperature_chunks as fit_temperature_chunks,
    )
    from logitconf.card.score_card import HeadForm as HeadForm
    from logitconf.card.score_card import ScoreCard as ScoreCard
    from logitconf.distributed.engines.arrow_datasets import fit_arrow as fit_arrow
    from logitconf.distributed.engines.dask_collections import fit_dask as fit_dask
    from logitconf.distributed.engines.hugging_face import fit_hugging_face as fit_hugging_face
    from logitconf.distributed.engines.local import fit_blocks as fit_blocks
    from logitconf.distributed.engines.ray_datasets import fit_ray as fit_ray
    from logitconf.distributed.engines.spark_frames import fit_spark as fit_spark
    from logitconf.distributed.plan import FitPlan as FitPlan
    from logitconf.errors import LogitconfError as LogitconfError
    from logitconf.errors import LogitconfWarning as LogitconfWarning
    from logitconf.errors import MissingExtraError as MissingExtraError
    from logitconf.errors import UncertifiableError as UncertifiableError
    from logitconf.fitting.comparison import ScoreComparison as ScoreComparison
    from logitconf.fitting.comparison import compare_scores as compare  # noqa: F401
    from logitconf.fitting.learned_score import LearnedConfidenceScore as LearnedConfidenceScore
    from logitconf.fitting.learned_score import predictions_right as predictions_right
    from logitconf.fitting.logit_score import LogitScore as LogitScore
    from logitconf.fitting.one_call import fit as fit
    from logitconf.fitting.other_libraries import from_fitted as from_fitted
    from logitconf.fitting.other_libraries import source_logits as source_logits
    from logitconf.fitting.score_classes import *  # noqa: F403 (a list would be a second table)
    from logitconf.fitting.score_classes import load as load
    from logitconf.fitting.selective_classifier import SelectiveClassifier as SelectiveClassifier
    from logitconf.head import ConfidenceHead as ConfidenceHead
    from logitconf.learned_loss import ConfidenceBranch as ConfidenceBranch
    from logitconf.learned_loss import LearnedConfidenceLoss as LearnedConfidenceLoss
    from logitconf.thresholds.chunked import choose_coverage_chunks as choose_coverage_chunks
    from logitconf.thresholds.chunked import choose_risk_chunks as choose_risk_chunks
    from logitconf_export.attachment.attaching import attach as attach
    from logitconf_export.attachment.detaching import detach as detach
    from logitconf_export.attachment.detaching import head_nodes as head_nodes
    from logitconf_export.attachment.detaching import single_head as single_head
    from logitconf_export.attachment.ensembles import ensemble as ensemble
    from logitconf_export.attachment.inspection import Inspection as Inspection
    from logitconf_export.attachment.inspection import inspect as inspect
    from logitconf_export.attachment.reattaching import reattach as reattach
    from logitconf_export.attachment.retuning import retune as retune
    from logitconf_export.attachment.sklearn_hosts import ship_sklearn as ship_sklearn
    from logitconf_export.display.displays import ReliabilityDisplay as ReliabilityDisplay
    from logitconf_export.display.displays import RiskCoverageDisplay as RiskCoverageDisplay
    from logitconf_export.display.displays import ScoreDisplay as ScoreDisplay
    from logitconf_export.display.page.reporting import Page as Page
    from logitconf_export.display.page.reporting import report as report
    from logitconf_export.display.plots import plot_reliability as plot_reliability
    from logitconf_export.display.plots import plot_risk_coverage as plot_risk_coverage
    from logitconf_export.display.plots import plot_scores as plot_scores
    from logitconf_export.drift.measuring import DriftReport as DriftReport
    from logitconf_export.drift.measuring import drift as drift
    from logitconf_export.drift.recertifying import recertify as recertify
    from logitconf_export.heads.conversion import to_onnx as to_onnx
    from logitconf_export.hosts.reading import read_host as read_host
    from logitconf_export.verification.report import VerificationReport as VerificationReport
    from logitconf_export.verification.verifying import verify as verify

# names are looked up on first use, so that what needs no torch or onnx loads without them
_HOME = {name: home for home, name in map(class_of, SCORES)} | {
    "FitPlan": "distributed.plan",
    "fit_arrow": "distributed.engines.arrow_datasets",
    "fit_blocks": "distributed.engines.local",
    "fit_dask": "distributed.engines.dask_collections",
    "fit_hugging_face": "distributed.engines.hugging_face",
    "fit_ray": "distributed.engines.ray_datasets",
    "fit_spark": "distributed.engines.spark_frames",
    "ScoreComparison": "fitting.comparison",
    "SelectiveClassifier": "fitting.selective_classifier",
    "compare": "fitting.comparison:compare_scores",
    "fit": "fitting.one_call",
    "from_fitted": "fitting.other_libraries",
    "source_logits": "fitting.other_libraries",
    "HeadForm": "card.score_card",
    "ScoreCard": "card.score_card",
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
    "fit_temperature_chunks": "calibration.temperature.fit",
    "choose_coverage_chunks": "thresholds.chunked",
    "choose_risk_chunks": "thresholds.chunked",
}
_SHIPS = {
    "DriftReport": "drift.measuring",
    "Inspection": "attachment.inspection",
    "Page": "display.page.reporting",
    "ReliabilityDisplay": "display.displays",
    "RiskCoverageDisplay": "display.displays",
    "ScoreDisplay": "display.displays",
    "VerificationReport": "verification.report",
    "attach": "attachment.attaching",
    "detach": "attachment.detaching",
    "drift": "drift.measuring",
    "ensemble": "attachment.ensembles",
    "head_nodes": "attachment.detaching",
    "inspect": "attachment.inspection",
    "plot_reliability": "display.plots",
    "plot_risk_coverage": "display.plots",
    "plot_scores": "display.plots",
    "read_host": "hosts.reading",
    "recertify": "drift.recertifying",
    "reattach": "attachment.reattaching",
    "report": "display.page.reporting",
    "retune": "attachment.retuning",
    "ship_sklearn": "attachment.sklearn_hosts",
    "single_head": "attachment.detaching",
    "to_onnx": "heads.conversion",
    "verify": "verification.verifying",
}

__version__ = "0.2.0"
__all__ = sorted([*_HOME, *_SHIPS])  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name not in _HOME and name not in _SHIPS:
        raise AttributeError(f"module 'logitconf' has no attribute {name!r}")
    room, home = ("logitconf", _HOME) if name in _HOME else ("logitconf_export", _SHIPS)
    module, _, own_name = home[name].partition(":")
    with torch_for(name):
        return getattr(import_module(f"{room}.{module}"), own_name or name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
