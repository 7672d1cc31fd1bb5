"""The operations that are measured are those that heads are made of."""

import itertools

import numpy as np
import pytest
from support import runtime_matrix as matrix

from logitconf.card.score_card import HeadForm
from logitconf.errors import LogitconfError
from logitconf.head import ConfidenceHead
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.proof.tables import operations as known
from logitconf_export.proof.tables.evaluators import evaluator_of
from logitconf_export.proof.tables.floats import place
from logitconf_export.proof.tables.pairs import CHOOSING

MOVING = {
    "Cast",
    "Concat",
    "ConstantOfShape",
    "Gather",
    "Reshape",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
}
"""Change no value; a cast to a narrower type rounds correctly by the standard."""


def test_every_operation_of_every_head_is_measured_or_changes_no_value() -> None:
    measured = {*known.OF_ONE, *known.ROUNDING_PAIRS, *CHOOSING, *known.ROW_OPERATIONS}
    used = set()
    for task, columns in matrix.TASK_CLASSES:
        for score in matrix.scores_for(task, columns):
            card = matrix.middling_head(score, task, columns).card
            for runtime, precision in itertools.product(
                ("any", "onnxruntime", "cuda"), ("float32", "float64")
            ):
                try:
                    head = ConfidenceHead(
                        card, HeadForm(columns, runtime=runtime, precision=precision)
                    )
                except LogitconfError:  # a form that this score does not have
                    continue
                used |= {node.op_type for node in to_onnx(head).graph.node}
    assert used - measured - MOVING == set()
    assert {"Exp", "Log", "ReduceSum", "Softmax", "LogSoftmax", "Gemm", "TopK"} <= used


@pytest.mark.parametrize("name", known.OF_ONE)
def test_spans_follow_each_other_without_a_gap(name: str) -> None:
    spans = sorted(known.OF_ONE[name].spans, key=lambda span: span.low)
    positive = [span for span in spans if span.low > 0] or spans
    for one, other in itertools.pairwise(positive):
        assert place(other.low) == place(one.high) + 1


@pytest.mark.parametrize("path", ["body", "offset", "tail", "one element"])
def test_the_exponential_in_a_softmax_is_seen_through_its_results(path: str) -> None:
    x = -np.linspace(0.001, 20.0, 3000, dtype=np.float32)
    seen = known.exponentials(evaluator_of("onnxruntime"), x, path)
    assert np.allclose(seen, np.exp(x.astype(np.float64)), rtol=4 * 2.0**-23, atol=0.0)
