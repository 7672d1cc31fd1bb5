"""A runtime of another kind, asked as a session of onnxruntime is."""

from collections.abc import Sequence

import numpy as np
import pytest
from onnx import parser

from logitconf.errors import LogitconfError
from logitconf.scores.bands import Sums
from logitconf_export.runtimes.protocol import Answer, Gap, Job, RunError
from logitconf_export.runtimes.runtime_sessions import RuntimeSession

MODEL = parser.parse_model(
    '<ir_version: 8, opset_import: ["": 17]> g (float[N, 3, 7] z, float t) => (float[N] score) '
    "{ score = Identity(z) }"
)
FEEDS = {"z": np.zeros((2, 3, 7), np.float32)}


class Scripted:
    """A runtime that gives one answer and keeps what it was asked."""

    name = "scripted"
    gaps: tuple[Gap, ...] = ()
    sums: Sums = "pinned"

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.jobs: list[Job] = []

    def load(self) -> str:
        return "1.0"

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        self.jobs += jobs
        return [self.answer]


def test_the_model_and_the_rows_reach_the_runtime_and_a_mask_of_numbers_becomes_bool() -> None:
    score = np.array([-0.5, -0.25], np.float32)
    runtime = Scripted((score, np.array([1, 0], np.uint8)))
    session = RuntimeSession(runtime, "1.0", MODEL)
    answer = session.run(FEEDS, ["score", "mask"])
    np.testing.assert_array_equal(answer[0], score)
    np.testing.assert_array_equal(answer[1], np.array([True, False]), strict=True)
    assert runtime.jobs == [Job(MODEL.SerializeToString(), FEEDS, ("score", "mask"))]


def test_what_else_is_asked_for_comes_behind_score_and_mask() -> None:
    answer = (np.array([-0.5], np.float32), np.array([True]), np.array([3], np.int64))
    session = RuntimeSession(Scripted(answer), "1.0", MODEL)
    score, mask, label = session.run(FEEDS, ["score", "mask", "label"])
    np.testing.assert_array_equal([score[0], mask[0], label[0]], [-0.5, 1.0, 3.0])


def test_inputs_have_the_dims_that_the_model_declares() -> None:
    session = RuntimeSession(Scripted(()), "1.0", MODEL)
    assert {name: dims for name, (_, dims) in session.inputs.items()} == {"z": ("N", 3, 7), "t": ()}


def test_a_runtime_that_refuses_is_named_with_its_version_and_reason() -> None:
    session = RuntimeSession(Scripted(RunError("no kernel")), "1.0", MODEL)
    with pytest.raises(LogitconfError, match=r"scripted 1\.0 cannot run it: no kernel"):
        session.run(FEEDS, ["score", "mask"])
