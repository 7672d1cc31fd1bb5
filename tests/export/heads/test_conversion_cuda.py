"""No head leans on what a reduction makes of a row of -inf, which CUDA makes otherwise."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from support.cuda_reductions import run_as_cuda
from support.head_cases import hard_rows

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.head import ConfidenceHead
from logitconf.scores.table import SCORES, check_parameters, refusal
from logitconf.tasks import Layout, check_task
from logitconf_export.decisions.hard_rows import arranged
from logitconf_export.heads.conversion import to_onnx

# a threshold above every score, so that only the not-finite rule can reject a row
ACCEPT_ALL = 3e38
TASKS = [("multiclass", k) for k in (2, 3, 23, 24, 64)]
TASKS += [("binary", 1), ("binary", 2), ("multilabel", 1), ("multilabel", 4)]


def parameters_of(score: str, columns: int) -> list[dict[str, float]]:
    if score == "max_logit_norm":
        return [{"p": 0}, {"p": 4}]
    return [{}, {"top": 2}] if score == "gen" and columns > 2 else [{}]


def heads(
    members: int | None = None, tasks: Sequence[tuple[str, int]] = TASKS
) -> list[tuple[str, ConfidenceHead]]:
    made = []
    for (task, columns), score in itertools.product(tasks, SCORES):
        if refusal(score, Layout(check_task(task), columns, members=members)):
            continue
        for given, runtime, precision in itertools.product(
            parameters_of(score, columns), ("any", "onnxruntime", "cuda"), ("float32", "float64")
        ):
            form = HeadForm(columns, runtime=runtime, precision=precision, members=members)
            parameters = check_parameters(score, given)
            card = ScoreCard(score, task, 1.5, ACCEPT_ALL, parameters=parameters, members=members)
            where = f"{score} {given} {task} {columns} {runtime} {precision}"
            made.append((where, ConfidenceHead(card, form)))
    return made


def wrong_rows(head: ConfidenceHead, rows: Any) -> list[int]:
    """Where the head decides otherwise with CUDA's reductions, or has a score too many."""
    score, mask = run_as_cuda(to_onnx(head), rows)[:2]
    expected, accepted = (value.numpy() for value in head(torch.from_numpy(rows)))
    off = (mask != accepted) | (np.isfinite(score) & ~np.isfinite(expected))
    return [int(row) for row in np.flatnonzero(off.reshape(len(rows), -1).any(axis=1))]


@pytest.mark.parametrize("members", [None, 3])
def test_every_head_decides_alike_with_the_reductions_of_cuda(members: int | None) -> None:
    wrong = {}
    for where, head in heads(members):
        columns = (head.form.n_classes or 1) * (members or 1)
        rows = arranged(hard_rows(columns), head.form)
        off = wrong_rows(head, rows)
        if off:
            wrong[where] = off
    assert not wrong


@pytest.mark.parametrize("members", [None, 3])
def test_every_head_takes_no_rows_where_cuda_fails_to_choose_among_none(
    members: int | None,
) -> None:
    for where, head in heads(members, [("multiclass", 5), ("multiclass", 30), ("multilabel", 4)]):
        columns = (head.form.n_classes or 1) * (members or 1)
        rows = arranged(hard_rows(columns)[:2], head.form)[:0]
        score, mask = run_as_cuda(to_onnx(head), rows)[:2]
        assert (len(score), len(mask)) == (0, 0), where


@pytest.mark.parametrize(("values", "fails"), [(2, False), (3, True)])
def test_the_stand_in_fails_to_choose_among_none(values: int, fails: bool) -> None:
    graph = helper.make_graph(
        [helper.make_node("Max", ["logits"] * values, ["most"])],
        "none",
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("most", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    assert run_as_cuda(model, np.ones((3, 2), np.float32))[0].shape == (3, 2)
    none = np.ones((0, 2), np.float32)
    if fails:
        with pytest.raises(RuntimeError, match="invalid argument"):
            run_as_cuda(model, none)
    else:
        assert run_as_cuda(model, none)[0].shape == (0, 2)


def test_the_stand_in_reduces_as_cuda_does() -> None:
    nodes = [
        helper.make_node("ReduceMax", ["logits"], ["most"], axes=[1], keepdims=0),
        helper.make_node("ReduceMin", ["logits"], ["least"], axes=[1], keepdims=0),
        helper.make_node("TopK", ["logits", "one"], ["top", "which"], axis=1),
        helper.make_node("ArgMax", ["logits"], ["best"], axis=1, keepdims=0),
    ]
    names = {"most": 1, "least": 1, "top": 1, "best": TensorProto.INT64}
    graph = helper.make_graph(
        nodes,
        "reductions",
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in names.items()],
        [helper.make_tensor("one", TensorProto.INT64, [1], [1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    rows = np.array([[-np.inf] * 2, [np.inf] * 2, [1.0, np.nan], [2.0, 3.0]], np.float32)
    most, least, top, best = run_as_cuda(model, rows)
    lowest = float(np.finfo(np.float32).min)
    np.testing.assert_array_equal(most, [lowest, np.inf, np.nan, 3.0])
    np.testing.assert_array_equal(least, [-np.inf, -lowest, np.nan, 2.0])
    np.testing.assert_array_equal(top[:, 0], [lowest, np.inf, 1.0, 3.0])
    assert best.tolist()[0] == 2**31
