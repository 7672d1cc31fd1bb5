"""The rows that a command is given: where they come from, and options that fit no place."""

from pathlib import Path

import numpy as np
import pytest
from support.command_line import Rows, make_files

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.fit_options import RowMeaning
from logitconf_export.cli.common.options import LogitsLocation, RowSource
from logitconf_export.cli.rows.given import given_rows

FILE = RowSource(Path("logits.npz"))
HOST = RowSource(model=Path("host.onnx"), data=Path("val.npz"))


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    monkeypatch.chdir(tmp_path)
    return make_files(tmp_path)


def test_a_file_gives_its_logits_and_a_host_computes_them(made: Rows) -> None:
    for source in (FILE, HOST):
        rows, task = given_rows(source, LogitsLocation(), RowMeaning())
        assert task == "multiclass"
        # onnxruntime and NumPy multiply matrices in different orders
        np.testing.assert_allclose(rows.logits, made.logits, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(rows.labels, made.labels)


def test_labels_that_are_ignored_take_their_rows_away(made: Rows) -> None:
    kept = ~np.isin(made.labels, [0, 2])
    for source in (FILE, HOST):
        some = RowSource(source.rows, source.model, source.data, [0, 2])
        rows, _ = given_rows(some, LogitsLocation(), RowMeaning())
        np.testing.assert_array_equal(rows.labels, made.labels[kept])
        np.testing.assert_allclose(rows.logits, made.logits[kept], rtol=1e-4, atol=1e-5)


def test_the_task_is_the_one_given_else_the_graphs(made: Rows) -> None:
    yes = (made.labels == 0).astype(int)
    np.savez("binary.npz", pixels=made.pixels, labels=yes)
    host = RowSource(model=Path("binary.onnx"), data=Path("binary.npz"))
    rows, task = given_rows(host, LogitsLocation(), RowMeaning())
    assert task == "binary"
    assert rows.logits.size == len(yes)
    assert given_rows(FILE, LogitsLocation(), RowMeaning("multilabel"))[1] == "multilabel"


def test_a_learned_confidence_in_a_file_is_its_own_array(made: Rows) -> None:
    confidence = made.logits[:, 0]
    np.savez("learned.npz", confidence=confidence, logits=made.logits, labels=made.labels)
    source = RowSource(Path("learned.npz"))
    rows, task = given_rows(source, LogitsLocation(), RowMeaning(), "learned")
    assert task == "binary"
    np.testing.assert_array_equal(rows.logits, confidence)
    np.testing.assert_array_equal(rows.labels, made.logits.argmax(axis=1) == made.labels)


@pytest.mark.parametrize(
    ("source", "where", "meaning", "score", "words"),
    [
        (FILE, LogitsLocation("z"), RowMeaning(), None, "got no model"),
        (
            FILE,
            LogitsLocation(class_axis=1),
            RowMeaning(),
            None,
            "--class-axis say where a --model",
        ),
        (FILE, LogitsLocation(), RowMeaning(class_logits="z"), "learned", "--class-logits belongs"),
        (HOST, LogitsLocation(), RowMeaning(class_logits="z"), "margin", "--class-logits belongs"),
        (HOST, LogitsLocation(), RowMeaning(), "learned", "name its tensor with --logits"),
    ],
)
def test_options_that_fit_no_place_are_refused(
    source: RowSource,
    where: LogitsLocation,
    meaning: RowMeaning,
    score: str | None,
    words: str,
) -> None:
    with pytest.raises(LogitconfError, match=words):
        given_rows(source, where, meaning, score)
