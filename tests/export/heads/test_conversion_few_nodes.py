"""The form for CUDA: few nodes, none of which needs the host, and right on a CPU too."""

import itertools
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from support import reference
from support.cuda_reductions import run_as_cuda
from support.head_cases import Array, eager, head_for, run

from logitconf.card.score_card import HeadForm
from logitconf_export.decisions.hard_rows import hard_rows, random_rows
from logitconf_export.heads.conversion import to_onnx

SCORES = ("softmax", "energy", "margin")
# a sum of as many float32 exponentials as there are classes, for 1e-6 of the score and of T
CLOSE = 2e-6
SMALLEST = 2.0**-149
MOST = 3e38
"""A threshold above nearly every score, so that rows are rejected for not being finite alone."""
HALF_OF_LARGEST = 2.0**127
"""From here on the margin of few nodes leaves a row without a score."""

# operations that were tried on CUDA, and what nearly every network has
ON_DEVICE = {
    "Div", "Less", "LogSoftmax", "Min", "Mod", "Mul", "Neg", "ReduceL1", "ReduceMax", "ReduceSum",
    "Softmax", "Sub", "TopK",
}  # fmt: skip


def reading_nodes(model: onnx.ModelProto) -> list[str]:
    """The operators that depend on the logits: what is left when constants are folded."""
    known, operators = {"logits"}, []
    for node in model.graph.node:
        if known & set(node.input):
            known.update(node.output)
            operators.append(str(node.op_type))
    return operators


@pytest.mark.parametrize(("score", "most"), [("softmax", 7), ("energy", 8), ("margin", 8)])
@pytest.mark.parametrize("columns", [2, 10, 1000, 128256])
def test_a_head_for_cuda_has_few_nodes_and_leaves_the_device_for_none(
    score: str, most: int, columns: int
) -> None:
    model = to_onnx(
        head_for(score, "multiclass", n_classes=columns, threshold=-0.7, runtime="cuda")
    )
    operators = reading_nodes(model)
    assert len(operators) == most
    assert set(operators) <= ON_DEVICE


def rows_with_truth(score: str, columns: int) -> tuple[Array, Array]:
    """Hard and random rows, and the scores by float64, NaN for a row that has none."""
    rows = np.concatenate([hard_rows(columns), random_rows(100, columns)])
    with np.errstate(all="ignore"):
        rows = np.concatenate([rows, rows + np.float32(300), rows * np.float32(20)])
        truth = reference.score(score, rows, 1.5, "multiclass")
        truth = np.where(np.isfinite(truth.astype(np.float32)), truth, np.nan)
    if score == "margin":
        second = np.sort(np.where(np.isnan(rows), -np.inf, rows), axis=1)[:, -2:]
        truth[(np.abs(second) >= HALF_OF_LARGEST).any(axis=1)] = np.nan
    return rows, truth


@pytest.mark.parametrize("columns", [2, 3, 10, 64, 1000, 1025])
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(
    ("score", "runtime"), [*((score, "cuda") for score in SCORES), ("energy", "onnxruntime")]
)
def test_a_short_head_is_right_on_both_providers_and_the_reference(
    score: str, runtime: str, precision: str, columns: int
) -> None:
    head = head_for(
        score,
        "multiclass",
        n_classes=columns,
        threshold=MOST,
        runtime=runtime,
        precision=precision,
    )
    model = to_onnx(head)
    rows, truth = rows_with_truth(score, columns)
    if precision == "float64" and score == "margin":
        # in double nothing is near the largest float
        with np.errstate(all="ignore"):
            truth = reference.score(score, rows, 1.5, "multiclass").astype(np.float32)
            truth = np.where(np.isfinite(truth), truth, np.nan)
    with np.errstate(all="ignore"):
        as_reference: Any = ReferenceEvaluator(model).run(None, {"logits": rows})
    cpu, torch = run(model, rows), eager(head, rows)
    answers = {
        "CPU": (cpu.score, cpu.mask),
        "torch": (torch.score, torch.mask),
        "reductions of CUDA": run_as_cuda(model, rows)[:2],
        "onnx.reference": as_reference[:2],
    }
    scale = np.abs(truth)
    if score == "energy":
        scale = scale + 1.5 * np.log(columns)
    for name, (found, mask) in answers.items():
        np.testing.assert_array_equal(mask, truth < MOST, err_msg=name)
        off = np.abs(found[mask] - truth[mask])
        assert mask.sum() > 100
        assert (off <= CLOSE * scale[mask] + SMALLEST).all(), name


@pytest.mark.parametrize("score", SCORES)
def test_a_nan_is_seen_wherever_it_stands_and_however_many_there_are(score: str) -> None:
    columns = 40
    rows = []
    for place, value in itertools.product(range(columns), (np.nan, -np.nan)):
        row = np.linspace(-5, 5, columns)
        row[place] = value
        rows += [row, row[::-1], np.where(np.arange(columns) % 2, row, np.nan)]
        rows.append(np.where(np.arange(columns) == place, value, -np.inf))
    logits = np.array(rows, np.float32)
    head = head_for(score, "multiclass", n_classes=columns, threshold=MOST, runtime="cuda")
    model = to_onnx(head)
    for found in (run(model, logits).score, run_as_cuda(model, logits)[0]):
        assert np.isnan(found).all()
    assert not run(model, logits).mask.any()


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("opset", [7, 9, 10, 13, 18, 26])
def test_a_head_for_cuda_can_be_written_at_every_opset(score: str, opset: int) -> None:
    head = head_for(score, runtime="cuda")
    rows = hard_rows(5)
    found, expected = run(to_onnx(head, opset=opset), rows), eager(head, rows)
    np.testing.assert_allclose(found.score, expected.score, rtol=3e-6, atol=3e-6)
    np.testing.assert_array_equal(found.mask, expected.mask)


def test_classes_that_are_not_last_are_reduced_as_for_the_cpu() -> None:
    for score in SCORES:
        forms = [HeadForm(5, rank=3, class_axis=1, runtime=r) for r in ("cuda", "onnxruntime")]
        cuda, cpu = (
            to_onnx(head_for(score, n_classes=5, rank=3, class_axis=1, runtime=form.runtime))
            for form in forms
        )
        assert [n.op_type for n in cuda.graph.node] == [n.op_type for n in cpu.graph.node]
