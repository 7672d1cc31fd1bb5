"""Every seeded fault of a head is caught, and by what is meant to catch it."""

import onnx
import pytest
from support import faults, head_models

from logitconf.errors import LogitconfError
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.verification.report import VerificationReport
from logitconf_export.verification.verifying import verify

ALL_FAULTS = {
    **faults.NUMBER_FAULTS,
    **faults.CARD_FAULTS,
    **faults.UNREADABLE_FAULTS,
    **faults.GRAPH_FAULTS,
    **faults.SILENT_FAULTS,
}


@pytest.fixture(scope="module")
def correct() -> onnx.ModelProto:
    return to_onnx(head_models.make_head())


def _verified(correct: onnx.ModelProto, fault: str) -> VerificationReport:
    model = onnx.ModelProto()
    model.CopyFrom(correct)
    ALL_FAULTS[fault](model)
    assert model != correct
    return verify(model, optimisations=["all"], pairs=200)


def test_the_head_without_a_fault_passes(correct: onnx.ModelProto) -> None:
    report = verify(correct, optimisations=["all"], pairs=200)
    assert report.passed, report.failures


def test_there_are_at_least_thirty_faults() -> None:
    assert len(ALL_FAULTS) >= 30


@pytest.mark.parametrize("fault", faults.NUMBER_FAULTS)
def test_a_number_that_is_not_the_cards_is_named(correct: onnx.ModelProto, fault: str) -> None:
    report = _verified(correct, fault)
    assert not report.passed
    assert any(f.startswith("temperature and threshold are the card's") for f in report.failures)


@pytest.mark.parametrize("fault", faults.CARD_FAULTS)
def test_a_card_that_does_not_describe_the_graph_is_caught(
    correct: onnx.ModelProto, fault: str
) -> None:
    report = _verified(correct, fault)
    assert not report.passed
    assert any("card" in failure for failure in report.failures)


@pytest.mark.parametrize("fault", faults.UNREADABLE_FAULTS)
def test_a_card_that_describes_no_head_is_refused(correct: onnx.ModelProto, fault: str) -> None:
    with pytest.raises(LogitconfError, match=r"threshold|score|rank"):
        _verified(correct, fault)


@pytest.mark.parametrize("fault", faults.SILENT_FAULTS)
def test_a_graph_written_otherwise_is_caught_though_it_decides_alike(
    correct: onnx.ModelProto, fault: str
) -> None:
    report = _verified(correct, fault)
    assert not report.passed
    assert not [failure for run in report.runs for failure in run.failures()]


@pytest.mark.parametrize("fault", faults.GRAPH_FAULTS)
def test_a_graph_that_computes_something_else_is_caught_twice(
    correct: onnx.ModelProto, fault: str
) -> None:
    """By its nodes, and by the rows that it decides otherwise or cannot decide at all."""
    report = _verified(correct, fault)
    by_graph = [f for f in report.failures if f.startswith("the graph is the card's")]
    by_rows = [failure for run in report.runs for failure in run.failures()]
    no_decisions = [f for f in report.failures if f.startswith("the head runs on cpu with")]
    assert by_graph
    # a model that does not even load would be caught by anyone
    assert not any("refuses the model" in failure for failure in report.failures)
    assert by_rows or no_decisions
