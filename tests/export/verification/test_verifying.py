"""What verify is asked for, and what it makes of files that cannot be run."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from support import head_models
from support.several_hosts import three_softmaxes

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.head import ConfidenceHead
from logitconf_export.attachment.attaching import attach
from logitconf_export.heads.conversion import to_onnx, value_of
from logitconf_export.verification import structure
from logitconf_export.verification.verifying import verify

QUICK: dict[str, Any] = {"optimisations": ["all"], "pairs": 20}
VERSION_CHECK = "the runtime is of the version asked for"


@pytest.fixture(scope="module")
def alone() -> onnx.ModelProto:
    return to_onnx(head_models.make_head())


@pytest.mark.parametrize("runtimes", ["onnxruntime", [], ()])
def test_runtimes_are_a_sequence_with_a_name_in_it(runtimes: Any, alone: onnx.ModelProto) -> None:
    with pytest.raises(LogitconfError, match="runtimes must be a sequence of names, at least one"):
        verify(alone, runtimes=runtimes)


def test_a_runtime_that_is_named_twice_runs_once(alone: onnx.ModelProto) -> None:
    once = verify(alone, **QUICK)
    assert verify(alone, runtimes=["onnxruntime"] * 2, **QUICK) == once


def test_an_onnxruntime_of_another_version_fails_and_the_rows_are_compared_all_the_same(
    alone: onnx.ModelProto,
) -> None:
    report = verify(alone, runtimes=["onnxruntime==0.1"], **QUICK)
    assert [check.passed for check in report.checks if check.name == VERSION_CHECK] == [False]
    assert len(report.failures) == 1
    assert report.runs
    installed = verify(alone, runtimes=[f"onnxruntime=={onnxruntime.__version__}"], **QUICK)
    assert installed.passed, installed.failures


@pytest.mark.parametrize("name", ["onnx-reference", "ort-format"])
def test_further_outputs_are_judged_on_other_runtimes_too(name: str) -> None:
    outputs = ["label", "probabilities"]
    report = verify(to_onnx(head_models.make_head(), outputs=outputs), runtimes=[name], **QUICK)
    assert report.passed, report.failures
    judged = {word for run in report.runs for word in outputs if word in str(run)}
    assert judged == set(outputs)


def test_without_onnxruntime_among_the_runtimes_no_provider_is_tried(
    alone: onnx.ModelProto,
) -> None:
    report = verify(alone, runtimes=["onnx-reference"], providers=["cuda"], **QUICK)
    assert report.passed, report.failures
    assert {run.runtime.split()[0] for run in report.runs} == {"onnx.reference"}
    assert not any("cuda" in check.name for check in report.checks)


def test_one_head_of_the_checkpoint_is_not_compared_with_several() -> None:
    card = ScoreCard("softmax", "multiclass", threshold=-0.6)
    heads = [ConfidenceHead(card, HeadForm(n_classes)) for n_classes in (5, 3, 4)]
    model = attach(three_softmaxes(), heads, several="each")
    with pytest.raises(LogitconfError, match=r"has the heads \['first', 'second', 'third'\]"):
        verify(model, head=heads[0], **QUICK)


@pytest.fixture(scope="module")
def broken() -> onnx.ModelProto:
    """A host whose weights have another number of rows than its input has columns."""
    model = attach(head_models.make_host(), head_models.make_head(n_classes=5))
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "weight")
    weight.CopyFrom(onnx.numpy_helper.from_array(np.zeros((7, 5), np.float32), "weight"))
    return model


def test_what_is_wrong_with_a_file_that_cannot_be_run_is_in_the_report(
    broken: onnx.ModelProto,
) -> None:
    report = verify(broken, head_models.make_pixels(3), **QUICK)
    assert not report.passed
    assert any("the runtime loads the file" in failure for failure in report.failures)
    assert report.runs == ()


def test_rows_that_fit_no_input_are_the_callers_mistake_unless_the_file_is_wrong_too(
    alone: onnx.ModelProto,
) -> None:
    rows = np.zeros((2, 9), np.float32)
    with pytest.raises(LogitconfError, match=r"rows must be logits \(N, 10\)"):
        verify(alone, rows, **QUICK)
    overridable = to_onnx(head_models.make_head())
    overridable.graph.input.extend(map(value_of, overridable.graph.initializer))
    failures = verify(overridable, rows, **QUICK).failures
    assert any(structure.FIXED in failure for failure in failures)
    assert any("rows must be logits (N, 10)" in failure for failure in failures)
