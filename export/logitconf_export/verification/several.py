"""Verifying a model with several heads: each of them alone, and what they decide together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from logitconf.errors import LogitconfError
from logitconf_export.attachment.detaching import detach, each_head
from logitconf_export.heads.joint import joint_decision, joint_nodes
from logitconf_export.heads.metadata import HeadsMetadata, JointDecision
from logitconf_export.onnx_files.loading import host_inputs, host_opset
from logitconf_export.runtimes.feeds import HostFeeds
from logitconf_export.runtimes.host_runs import run_rows, with_output
from logitconf_export.runtimes.sessions import Session
from logitconf_export.verification.host_runs import (
    MOST_IN_PART,
    checked_feeds,
    generated_feeds,
    identical,
)
from logitconf_export.verification.report import Check, VerificationReport
from logitconf_export.verification.single import VerifyRequest, verify_one


def verify_several(
    model: onnx.ModelProto, several: HeadsMetadata, folder: Path | None, ask: VerifyRequest
) -> VerificationReport:
    """One report: every head as if it were the only one, and all of them in the whole model.

    Args:
        model: the host with its heads.
        several: what it says of them.
        folder: where its file lies, if it has one.
        ask: rows, providers and the like.

    Raises:
        LogitconfError: if the rows do not fit a head or the host.
    """
    alone = each_head(model)
    reports = [verify_one(one, folder, ask) for one in alone]
    plain = detach(model)
    feeds, note = _feeds(plain, ask)
    whole = _Whole(model, plain, alone, several)
    checks = _checks(whole, folder, ask, feeds) if feeds is not None else []
    if several.joint is not None:
        checks.append(joint_graph(model, several, several.joint))
    named = list(zip(several.names, reports, strict=True))
    notes = [type(text)(f"{name}: {text}") for name, report in named for text in report.notes]
    return VerificationReport(
        head={
            "heads": {name: dict(r.head) for name, r in named},
            "joint": None if several.joint is None else asdict(several.joint),
        },
        band=max(report.band for report in reports),
        seed=ask.seed,
        checks=tuple(
            [replace(c, name=f"{name}: {c.name}") for name, r in named for c in r.checks] + checks
        ),
        runs=tuple(replace(x, name=f"{name}: {x.name}") for name, r in named for x in r.runs),
        placements=tuple(record for report in reports for record in report.placements),
        notes=tuple([*notes, note] if note else notes),
    )


@dataclass(frozen=True, slots=True)
class _Whole:
    """A model with several heads, without them, and with each of them alone."""

    model: onnx.ModelProto
    plain: onnx.ModelProto
    alone: Sequence[onnx.ModelProto]
    several: HeadsMetadata


def _feeds(host: onnx.ModelProto, ask: VerifyRequest) -> tuple[HostFeeds | None, str]:
    if ask.feeds is not None:
        return HostFeeds.of(host, checked_feeds(ask.feeds, host)), ""
    inputs = host_inputs(host)
    if ask.rows is not None and ask.rows_as == "inputs" and len(inputs) == 1:
        return HostFeeds.of(host, {inputs[0].name: np.asarray(ask.rows)}), ""
    made, note = generated_feeds(host, ask.seed)
    return None if made is None else HostFeeds.whole(made), note


def _checks(
    whole: _Whole, folder: Path | None, ask: VerifyRequest, feeds: HostFeeds
) -> list[Check]:
    """What the heads do together; before the last level on as many rows as each of them alone."""
    checks = []
    for provider in ask.providers:
        for optimisation in ask.optimisations:
            where = f"on {provider}, optimisation {optimisation}"
            options = {"provider": provider, "optimisation": optimisation, "folder": folder}
            last = optimisation == ask.optimisations[-1]
            rows = feeds if last else feeds.spread(MOST_IN_PART)
            try:
                checks += [
                    Check(f"{name} {where}", not wrong, wrong)
                    for name, wrong in _findings(whole, rows, options)
                ]
            except LogitconfError as error:
                made_up = ask.feeds is None and ask.rows is None
                checks.append(
                    Check(f"the whole model runs {where}", None if made_up else False, str(error))
                )
    return checks


def _findings(
    whole: _Whole, feeds: HostFeeds, options: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """What is checked, and what is wrong with it in words, empty if nothing."""
    model, plain, several = whole.model, whole.plain, whole.several
    own = [value.name for value in plain.graph.output]
    scores, masks = ([head.outputs[i] for head in several.heads] for i in range(2))
    further = [name for head in several.heads for name in head.outputs[2:]]
    joint = () if several.joint is None else several.joint.outputs
    wanted = [*own, *(joint or [*scores, *masks]), *further]
    with Session(model, strict=False, profile=False, **options) as session:
        as_is = dict(zip(wanted, run_rows(session, feeds, wanted), strict=True))
    with Session(plain, strict=False, profile=False, **options) as session:
        before = run_rows(session, feeds, own)
    changed = [n for n, value in zip(own, before, strict=True) if not identical(as_is[n], value)]
    yield "the host's own outputs are the same without the heads", ", ".join(changed)
    alone: dict[str, Any] = {}
    for one, head in zip(whole.alone, several.heads, strict=True):
        names = head.outputs
        with Session(one, strict=False, profile=False, **options) as session:
            alone |= dict(zip(names, run_rows(session, feeds, names), strict=True))
    if not joint:
        names = (*scores, *masks, *further)
        unlike = [n for n in names if not identical(as_is[n], alone[n])]
        yield "every head decides as it does alone", ", ".join(unlike)
        return
    exposed = model
    for name in (*scores, *masks):
        exposed = with_output(exposed, name)
    with Session(exposed, strict=False, profile=False, **options) as session:
        inner = dict(
            zip((*scores, *masks), run_rows(session, feeds, (*scores, *masks)), strict=True)
        )
    inner |= {name: as_is[name] for name in further}
    unlike = [n for n in (*scores, *masks, *further) if not identical(inner[n], alone[n])]
    yield "every head decides as it does alone", ", ".join(unlike)
    score, mask = joint_decision([alone[n] for n in scores], [alone[n] for n in masks])
    shown = as_is[joint[0]], as_is[joint[1]].astype(bool)
    rows = int(score.size - np.sum((shown[0] == score) | (np.isnan(shown[0]) & np.isnan(score))))
    flips = int(np.sum(shown[1] != mask))
    wrong = f"{rows} scores and {flips} masks of {score.size} differ" if rows or flips else ""
    if not score.size:
        wrong = "no rows were compared"
    yield "the joint score is the largest, and its mask accepts what all accept", wrong


def joint_graph(model: onnx.ModelProto, several: HeadsMetadata, joint: JointDecision) -> Check:
    """Whether the joint nodes in the file are those that join these heads."""
    expected = joint_nodes(several, opset=host_opset(model))
    own_nodes = [
        node
        for node in model.graph.node
        if node.name.startswith(joint.prefix) or node.name in joint.outputs
    ]
    values = {
        tensor.name: tensor
        for tensor in model.graph.initializer
        if tensor.name.startswith(joint.prefix)
    }
    same = len(own_nodes) == len(expected.node) and all(
        (a.op_type, a.input, a.output, a.attribute) == (b.op_type, b.input, b.output, b.attribute)
        for a, b in zip(own_nodes, expected.node, strict=True)
    )
    same = same and values == {tensor.name: tensor for tensor in expected.initializer}
    return Check("the joint nodes are those of its heads", same)
