"""Bake a fitted score into an ONNX model, and prove that it decides as the checkpoint did."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logitconf_export.attachment.attaching import attach as attach
    from logitconf_export.attachment.detaching import detach as detach
    from logitconf_export.attachment.detaching import head_nodes as head_nodes
    from logitconf_export.attachment.detaching import single_head as single_head
    from logitconf_export.attachment.ensembles import ensemble as ensemble
    from logitconf_export.attachment.reattaching import reattach as reattach
    from logitconf_export.attachment.retuning import retune as retune
    from logitconf_export.attachment.sklearn_hosts import ship_sklearn as ship_sklearn
    from logitconf_export.attachment.sklearn_hosts import with_source_logits as with_source_logits
    from logitconf_export.heads.conversion import to_onnx as to_onnx
    from logitconf_export.hosts.reading import read_host as read_host
    from logitconf_export.verification.report import VerificationReport as VerificationReport
    from logitconf_export.verification.verifying import verify as verify

# names are looked up on first use, so that what needs no torch loads without it
_HOME = {
    "VerificationReport": "verification.report",
    "attach": "attachment.attaching",
    "detach": "attachment.detaching",
    "ensemble": "attachment.ensembles",
    "head_nodes": "attachment.detaching",
    "read_host": "hosts.reading",
    "reattach": "attachment.reattaching",
    "retune": "attachment.retuning",
    "single_head": "attachment.detaching",
    "ship_sklearn": "attachment.sklearn_hosts",
    "to_onnx": "heads.conversion",
    "verify": "verification.verifying",
    "with_source_logits": "attachment.sklearn_hosts",
}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'logitconf_export' has no attribute {name!r}")
    return getattr(import_module(f"logitconf_export.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__]
