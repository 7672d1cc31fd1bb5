"""Rows for a learned confidence: what is right, by class logits that stand beside it."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.options import LogitsLocation
from logitconf_export.cli.rows.host import HostRows
from logitconf_export.cli.rows.learned import learned_rows_from_file, learned_rows_from_host

CLASSES = np.array([[3, 1, 0], [0, 2, 1], [1, 0, 5], [4, 4.5, 0]], np.float32)
LABELS = np.array([0, 0, 2, 1])
RIGHT = [True, False, True, True]
CONFIDENCE = np.array([2.0, -1.0, 0.5, 0.25], np.float32)


def saved(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_one_confidence_a_row_is_a_binary_score_of_being_right(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    confidence = CONFIDENCE.reshape(shape)
    path = saved(tmp_path / "a.npz", confidence=confidence, logits=CLASSES, labels=LABELS)
    rows, task = learned_rows_from_file(path)
    assert task == "binary"
    np.testing.assert_array_equal(rows.logits, confidence)
    assert rows.labels.tolist() == RIGHT


def test_rows_of_ignored_labels_are_left_out_of_both(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", confidence=CONFIDENCE, logits=CLASSES, labels=LABELS)
    rows, _ = learned_rows_from_file(path, ignored=(0,))
    assert rows.logits.tolist() == [0.5, 0.25]
    assert rows.labels.tolist() == [True, True]


def test_labels_are_right_one_by_one_or_all_at_once(tmp_path: Path) -> None:
    logits = np.array([[1, -1], [1, 1], [-1, -1]], np.float32)
    labels = np.array([[1, 0], [1, 0], [1, 1]])
    each = [[True, True], [True, False], [False, False]]
    path = saved(tmp_path / "each.npz", confidence=logits, logits=logits, labels=labels)
    rows, task = learned_rows_from_file(path)
    assert (task, rows.labels.tolist()) == ("multilabel", each)
    path = saved(tmp_path / "all.npz", confidence=logits[:, 0], logits=logits, labels=labels)
    rows, task = learned_rows_from_file(path)
    assert (task, rows.labels.tolist()) == ("binary", [True, False, False])


def test_a_file_without_a_confidence_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", logits=CLASSES, labels=LABELS)
    with pytest.raises(LogitconfError, match="confidence"):
        learned_rows_from_file(path)


def test_a_host_gives_the_confidence_of_the_tensor_named_and_finds_its_classes(
    tmp_path: Path,
) -> None:
    host = parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]>
        host (float[N, 3] x) => (float[N, 3] p, float[N, 1] sure) {
          z = Mul (x, two)
          p = Softmax <axis = 1> (z)
          sure = MatMul (x, w)
        }"""
    )
    weight = np.array([[1.0], [2.0], [-1.0]], np.float32)
    for name, array in (("two", np.array([2.0], np.float32)), ("w", weight)):
        host.graph.initializer.append(numpy_helper.from_array(array, name))
    onnx.save(host, tmp_path / "host.onnx")
    data = saved(tmp_path / "val.npz", x=CLASSES, labels=LABELS)
    ask = HostRows(tmp_path / "host.onnx", data, LogitsLocation("sure", "logits"), "multiclass")
    rows, task = learned_rows_from_host(ask, None)
    assert task == "binary"
    np.testing.assert_allclose(rows.logits.reshape(-1), (CLASSES @ weight)[:, 0], rtol=1e-6)
    assert rows.labels.tolist() == RIGHT
    unnamed = HostRows(tmp_path / "host.onnx", data, LogitsLocation(), "multiclass")
    with pytest.raises(LogitconfError, match="name its tensor with --logits"):
        learned_rows_from_host(unnamed, None)
