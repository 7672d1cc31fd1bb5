"""Every opset, score, task and dtype gives the decisions of the head on hard rows."""

from typing import Any

import numpy as np
import onnx
import onnx.reference
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from support import runtime_matrix as matrix
from support.head_cases import HEADS, TASKS, eager, hard_rows, head_for, label_head, run

from logitconf import LogitconfError
from logitconf.card.score_card import HeadForm
from logitconf.head import ConfidenceHead
from logitconf_export.decisions import hard_rows as inputs
from logitconf_export.heads.conversion import head_graph
from logitconf_export.heads.graph_writer import GraphWriter
from logitconf_export.onnx_files.opsets import NEWEST_OPSET, OLDEST_OPSET, ir_for_opset

OPSETS = range(OLDEST_OPSET, NEWEST_OPSET + 1)
# the same float32 formula on both sides; exp and sums differ in the last places
CLOSE = 3e-6
# opsets at which an operator that a head uses changed
REFERENCE_OPSETS = (7, 8, 9, 11, 13, 17, 18, 26)
# onnxruntime 1.31 has no float64 Clip before opset 12, no float64 Relu or Softplus at some opsets
FLOAT64_FROM = 13


def model_of(graph: onnx.GraphProto, opset: int) -> onnx.ModelProto:
    ir = ir_for_opset(opset)
    if ir < 4:
        graph.input.extend(
            helper.make_tensor_value_info(t.name, t.data_type, list(t.dims))
            for t in graph.initializer
        )
    imports = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=imports, ir_version=ir)


def written(head: ConfidenceHead, opset: int) -> onnx.ModelProto:
    return model_of(head_graph(head, opset=opset, logits_dtype="float32"), opset)


def cast_rows(columns: int, dtype: str) -> torch.Tensor:
    return torch.from_numpy(hard_rows(columns)).to(getattr(torch, dtype))


@pytest.mark.parametrize("runtime", ["any", "onnxruntime", "cuda"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_every_cell_of_the_matrix_decides_as_the_head_does(
    runtime: str, precision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = 0
    for score, task in HEADS:
        head = head_for(score, task, runtime=runtime, precision=precision)
        for dtype in ("float16", "bfloat16", "float32", "float64"):
            rows = cast_rows(TASKS[task][1], dtype)
            expected = [value.numpy() for value in head(rows)]
            # other types differ by a cast at the door alone
            for opset in OPSETS if dtype == "float32" else OPSETS[::4]:
                if dtype == "bfloat16" and opset < 13:
                    continue
                if precision == "float64" and opset < FLOAT64_FROM:
                    continue
                model = model_of(head_graph(head, opset=opset, logits_dtype=dtype), opset)
                found = run(model, rows)
                where = f"{score} {task} {dtype} opset {opset}"
                np.testing.assert_allclose(
                    found.score, expected[0], rtol=CLOSE, atol=CLOSE, err_msg=where
                )
                np.testing.assert_array_equal(found.mask, expected[1], err_msg=where)
                cells += len(rows)
    with capsys.disabled():
        print(f"\n{runtime} {precision}: {cells} cells opset x score x task x dtype x row agree")
    assert cells > 1000


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("score", ["mutual_information", "predictive_variance"])
def test_heads_that_compare_members_decide_alike_at_every_opset(score: str, precision: str) -> None:
    for task, columns in TASKS.values():
        form = HeadForm(columns, precision=precision, members=3)
        head = ConfidenceHead(matrix.middling_head(score, task, columns, 3).card, form)
        rows = inputs.arranged(hard_rows(columns * 3), form)
        expected = eager(head, rows)
        for opset in OPSETS:
            if precision == "float64" and opset < FLOAT64_FROM:
                continue
            found = run(written(head, opset), rows)
            where = f"{task}, {columns} columns, opset {opset}"
            np.testing.assert_allclose(
                found.score, expected.score, rtol=CLOSE, atol=CLOSE, err_msg=where
            )
            np.testing.assert_array_equal(found.mask, expected.mask, err_msg=where)


def test_every_opset_compares_each_label_with_its_own_threshold(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logits, cells = hard_rows(4), 0
    for runtime in ("any", "onnxruntime", "cuda"):
        for score in ("softmax", "entropy", "energy", "margin", "gen"):
            head = label_head(score, runtime=runtime)
            expected = eager(head, logits)
            assert 0 < expected.mask.sum() < expected.mask.size
            for opset in OPSETS:
                found = run(written(head, opset), logits)
                where = f"{score} {runtime} opset {opset}"
                np.testing.assert_allclose(
                    found.score, expected.score, rtol=CLOSE, atol=CLOSE, err_msg=where
                )
                np.testing.assert_array_equal(found.mask, expected.mask, err_msg=where)
                cells += logits.size
    with capsys.disabled():
        print(f"\nlabel by label: {cells} cells opset x score x runtime x row x label agree")
    assert cells > 1000


@pytest.mark.parametrize("opset", REFERENCE_OPSETS)
def test_the_reference_evaluator_reads_the_graph_alike(opset: int) -> None:
    for score, task in HEADS:
        head, rows = head_for(score, task), hard_rows(TASKS[task][1])
        model = written(head, opset)
        onnx.checker.check_model(model, full_check=True)
        with np.errstate(all="ignore"):
            found: Any = onnx.reference.ReferenceEvaluator(model).run(None, {"logits": rows})
        expected = eager(head, rows)
        np.testing.assert_allclose(
            found[0], expected.score, rtol=CLOSE, atol=CLOSE, err_msg=f"{score} {task}"
        )
        np.testing.assert_array_equal(found[1], expected.mask, err_msg=f"{score} {task}")


@pytest.mark.parametrize(("opset", "ir"), [(7, 3), (8, 3), (9, 4), (13, 7), (17, 8), (26, 13)])
def test_the_ir_version_is_one_that_runtimes_of_that_opset_read(opset: int, ir: int) -> None:
    assert ir_for_opset(opset) == ir


def test_a_choice_between_two_tensors_is_written_by_arithmetic_before_there_is_where() -> None:
    writer = GraphWriter(8)
    chosen = writer.where("c", "a", "b", np.dtype(np.float32))
    kinds = {"c": TensorProto.BOOL, "a": TensorProto.FLOAT, "b": TensorProto.FLOAT}
    graph = helper.make_graph(
        writer.nodes,
        "choice",
        [helper.make_tensor_value_info(name, kind, [4]) for name, kind in kinds.items()],
        [helper.make_tensor_value_info(chosen, TensorProto.FLOAT, [4])],
        list(writer.initializers.values()),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 8)], ir_version=3)
    for initializer in graph.initializer:
        model.graph.input.append(
            helper.make_tensor_value_info(initializer.name, initializer.data_type, [])
        )
    rows = {
        "c": np.array([True, False, True, False]),
        "a": np.array([1, 2, -np.inf, 3e38], np.float32),
        "b": np.array([5, -6, 7, -np.inf], np.float32),
    }
    session = onnxruntime.InferenceSession(model.SerializeToString())
    np.testing.assert_array_equal(session.run(None, rows)[0], [1, -6, -np.inf, -np.inf])


def test_softmax_is_written_for_the_last_axis_only() -> None:
    with pytest.raises(LogitconfError, match="last axis only, got 1 of 3"):
        GraphWriter(17).softmax("x", 1, 3)


def test_what_is_there_already_is_not_written_again() -> None:
    writer = GraphWriter(17)
    single = np.dtype(np.float32)
    scaled = writer.node("Mul", ["x", writer.scalar(2.0, single)])
    assert writer.node("Mul", ["x", writer.scalar(2.0, single)]) == scaled
    others = {
        writer.node("Mul", ["x", writer.scalar(3.0, single)]),
        writer.node("Mul", [writer.scalar(2.0, single), "x"]),
        writer.cast("x", 1),
        writer.cast("x", 11),
        writer.reduce("Max", "x", [1]),
        writer.reduce("Max", "x", [1], keepdims=True),
    }
    assert len(others | {scaled}) == 7
    pieces = writer.split("x", [2, 2], 1) + writer.split("x", [3, 1], 1)
    assert len(set(pieces)) == 4
    assert len(writer.nodes) == 9


def test_the_mask_of_one_logit_is_one_comparison() -> None:
    for score in ("softmax", "entropy", "margin", "gini", "doctor", "gen"):
        nodes = written(head_for(score, "one logit"), 17).graph.node
        assert [list(n.output) for n in nodes if n.op_type == "Less"] == [["mask"]]
        assert not {"And", "Where"} & {n.op_type for n in nodes}
        assert sum("logitconf/inf" in n.input for n in nodes) == 1
