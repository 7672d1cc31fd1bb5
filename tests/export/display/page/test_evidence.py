"""What a page is made of, for every kind of model and rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import report_models
from support.display_rows import labelled

import logitconf
from logitconf import LogitconfError
from logitconf_export.display.page import evidence
from logitconf_export.display.page.evidence import NamedFile
from logitconf_export.display.page.given_rows import GivenRows
from logitconf_export.display.page.sections import summary_of


def given(ignored: tuple[int, ...] = (), **arrays: Any) -> GivenRows:
    return GivenRows.of(arrays, ignored)


def test_a_host_runs_on_its_inputs_and_decides_as_select_does(tmp_path: Path) -> None:
    score = report_models.fitted(risk=0.3)
    model = report_models.shipped(tmp_path / "m.onnx", score)
    inputs, labels = report_models.rows()
    made = evidence.of_model(model, given(x=inputs, labels=labels))
    (head,) = made.heads
    selected = score.select(inputs)
    np.testing.assert_array_equal(head.judged.accepted, selected["selected"])
    np.testing.assert_array_equal(head.judged.score, selected["score"])
    np.testing.assert_array_equal(head.judged.wrong, inputs.argmax(1) != labels)
    assert made.verification is not None
    assert made.verification.passed
    assert "the certificate holds on the labelled rows" in [
        check.name for check in made.verification.checks
    ]
    assert made.model == NamedFile.at(model)
    assert (head.name, head.notes) == ("", ())


def test_a_head_alone_and_a_host_given_logits_judge_these(tmp_path: Path) -> None:
    logits, labels = report_models.rows()
    score = report_models.fitted()
    alone = logitconf.to_onnx(score)
    attached = report_models.shipped(tmp_path / "m.onnx", score)
    for model in (alone, attached):
        (head,) = evidence.of_model(model, given(logits=logits, labels=labels)).heads
        np.testing.assert_array_equal(head.judged.accepted, score.select(logits)["selected"])


def test_several_heads_are_shown_each_with_what_they_accept_together(tmp_path: Path) -> None:
    path = tmp_path / "two.onnx"
    logitconf.attach(
        report_models.host(report_models.TWO), report_models.fitted(), path, several="joint"
    )
    inputs, labels = report_models.rows()
    made = evidence.of_model(path, given(x=inputs, labels=labels))
    assert [head.name for head in made.heads] == ["first", "second"]
    selected = report_models.fitted().select(inputs)["selected"]
    # the second head sees the same logits in another order, which moves a score by rounding alone
    assert made.joint == (int(selected.sum()), 300)
    first, second = (head.judged for head in made.heads)
    np.testing.assert_allclose(first.score, second.score, rtol=1e-6)
    assert first.n_wrong < second.n_wrong


def test_positions_are_rows_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "pixels.onnx"
    host = report_models.host(report_models.PIXELS)
    logitconf.attach(host, report_models.fitted(), path, logits="classes")
    logits, labels = labelled(45, 4, seed=4)
    inputs = logits.reshape(5, 3, 3, 4).transpose(0, 3, 1, 2)
    made = evidence.of_model(path, given(x=inputs, labels=labels.reshape(5, 3, 3)))
    judged = made.heads[0].judged
    assert (len(judged), judged.noun) == (45, "position")
    np.testing.assert_array_equal(judged.wrong, logits.argmax(1) != labels)
    without = evidence.of_model(path, given((3,), x=inputs, labels=labels.reshape(5, 3, 3)))
    left = without.heads[0]
    assert len(left.judged) == int((labels != 3).sum())
    assert left.notes == (f"{int((labels == 3).sum())} positions are left out for their label",)


def test_without_labels_a_page_says_that_errors_are_not_known(tmp_path: Path) -> None:
    model = report_models.shipped(tmp_path / "m.onnx")
    (head,) = evidence.of_model(model, given(x=report_models.rows()[0])).heads
    assert head.judged.wrong is None
    assert "nothing is known of their errors" in summary_of(head.judged)


def test_a_score_or_its_card_is_shown_on_logits(tmp_path: Path) -> None:
    logits, labels = report_models.rows()
    score = report_models.fitted()
    score.save(tmp_path / "card.json")
    for source in (score, score.card, tmp_path / "card.json"):
        made = evidence.of_card(source, given(logits=logits, labels=labels))
        np.testing.assert_array_equal(
            made.heads[0].judged.accepted, score.select(logits)["selected"]
        )
        assert made.verification is None


def test_rows_that_are_none_are_refused(tmp_path: Path) -> None:
    model = report_models.shipped(tmp_path / "m.onnx")
    with pytest.raises(LogitconfError, match=r"data must hold 'logits'; it holds \['x'\]"):
        evidence.of_card(report_models.fitted(), given(x=np.zeros((2, 4))))
    with pytest.raises(LogitconfError, match=r"must hold the model's inputs \['x'\]"):
        evidence.of_model(model, given(y=np.zeros((2, 4)), labels=np.zeros(2)))
    with pytest.raises(LogitconfError, match=r"arrays by name, such as .*, got list"):
        GivenRows.of([1.0], ())  # type: ignore[arg-type]
    with pytest.raises(LogitconfError, match="labels must be"):
        evidence.of_model(model, given(x=report_models.rows()[0], labels=np.zeros(3, int)))


def test_a_file_is_named_by_its_last_part_and_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "some.bin"
    path.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert NamedFile.at(path) == NamedFile("some.bin", expected)
