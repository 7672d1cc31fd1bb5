"""Verifying a model with several heads finds what is wrong with any of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from export.attachment.test_writing import head
from onnx import numpy_helper
from support import several_hosts as hosts

from logitconf_export import attach, verify
from logitconf_export.heads.metadata import read_heads

QUICK = {"pairs": 20, "optimisations": ("all",)}


@pytest.fixture(scope="module", params=["joint", "each"])
def model(request: pytest.FixtureRequest) -> onnx.ModelProto:
    return attach(hosts.three_softmaxes(), head(), several=request.param)


def test_sound_heads_pass(model: onnx.ModelProto) -> None:
    report = verify(model, feeds={"x": hosts.ROWS}, **QUICK)  # type: ignore[arg-type]
    assert report.passed, report.failures
    assert all(any(run.name.startswith(name) for run in report.runs) for name in hosts.NAMES)
    own = "the host's own outputs are the same without the heads on cpu, optimisation all"
    assert [check.passed for check in report.checks if check.name == own] == [True]
    assert report.to_json()


def test_the_model_is_verified_with_its_weights_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "host.onnx"
    onnx.save_model(
        hosts.three_softmaxes(), path, save_as_external_data=True, location="w", size_threshold=0
    )
    attach(path, head(), tmp_path / "out.onnx", several="joint")
    report = verify(tmp_path / "out.onnx", hosts.ROWS, rows_as="inputs", **QUICK)  # type: ignore[arg-type]
    assert report.passed, report.failures


def other_threshold(model: onnx.ModelProto) -> None:
    for tensor in model.graph.initializer:
        if tensor.name == "logitconf/2/threshold":
            tensor.CopyFrom(numpy_helper.from_array(np.array(-0.2, np.float32), tensor.name))


def other_weights(model: onnx.ModelProto) -> None:
    node = next(n for n in model.graph.node if n.name.startswith("logitconf/3/"))
    node.op_type = "ReduceMin" if node.op_type == "ReduceMax" else node.op_type


def forgotten_head(model: onnx.ModelProto) -> None:
    """The joint mask leaves one head out."""
    joint = read_heads(model).joint
    assert joint is not None
    node = next(n for n in model.graph.node if n.output[0] == joint.mask)
    node.input[1] = node.input[0]


def smallest_score(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        if node.name.startswith("logitconf/joint/") and node.op_type == "Max":
            node.op_type = "Min"


@pytest.mark.parametrize(
    ("several", "fault", "words"),
    [
        ("each", other_threshold, "second: temperature and threshold are the card's"),
        ("joint", other_threshold, "second: temperature and threshold are the card's"),
        ("joint", other_weights, "third: the graph is the card's"),
        ("joint", forgotten_head, "its mask accepts what all accept"),
        ("joint", forgotten_head, "the joint nodes are those of its heads"),
        ("joint", smallest_score, "the joint score is the largest"),
    ],
)
def test_a_fault_in_one_of_the_heads_is_found(
    several: str, fault: Callable[[onnx.ModelProto], None], words: str
) -> None:
    model = attach(hosts.three_softmaxes(), head(), several=several)
    fault(model)
    report = verify(model, feeds={"x": hosts.ROWS}, **QUICK)  # type: ignore[arg-type]
    assert any(words in failure for failure in report.failures), report.failures
