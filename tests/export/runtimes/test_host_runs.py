"""Logits collected from a host are those of one run over all rows, whatever the batch and axes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

from logitconf.errors import LogitconfError
from logitconf.telling.progress import Advance, heard_by
from logitconf_export.hosts.candidates import Candidate
from logitconf_export.hosts.reading import read_host
from logitconf_export.runtimes.host_runs import run_host

TEXT = '<ir_version: 8, opset_import: ["": 17]> host '
FREE = TEXT + "(float[N, 3] x) => (float[N, 3] y) { z = Add(x, x) y = Softmax<axis = 1>(z) }"
FIXED = FREE.replace("[N, 3]", "[4, 3]")
IMAGES = (
    TEXT
    + "(float[N, 2, H, W] x) => (float[N, 2, H, W] y) { z = Add(x, x) y = Softmax<axis = 1>(z) }"
)
TIME_FIRST = (
    TEXT + "(float[N, T, 3] x) => (float[T, N, 3] y) "
    "{ z = Transpose<perm = [1, 0, 2]>(x) y = Softmax<axis = 2>(z) }"
)
SUMMED = TEXT + "(float[N, 3] x) => (float[1, 3] y) { y = ReduceSum<keepdims = 1>(x, axes) }"


def rows(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def tapped(host: onnx.ModelProto, task: str = "multiclass", name: str | None = None) -> Candidate:
    return read_host(host).choose(logits=name, task=task)


@pytest.mark.parametrize("text", [FREE, FIXED])
@pytest.mark.parametrize("count", [1, 4, 7, 600])
def test_every_row_comes_back_once_and_in_order(text: str, count: int, tmp_path: Path) -> None:
    host, x = parser.parse_model(text), rows(count, 3)
    found = run_host(host, {"x": x}, tapped(host), folder=tmp_path)
    np.testing.assert_array_equal(found, 2 * x)


def test_a_tensor_inside_the_host_is_read_without_changing_the_host(tmp_path: Path) -> None:
    host = parser.parse_model(FREE)
    before = host.SerializeToString()
    assert tapped(host).tensor == "z"
    run_host(host, {"x": rows(2, 3)}, tapped(host), folder=tmp_path)
    assert host.SerializeToString() == before


def test_every_position_of_an_image_is_a_row(tmp_path: Path) -> None:
    host, x = parser.parse_model(IMAGES), rows(5, 2, 3, 4)
    found = run_host(host, {"x": x}, tapped(host, name="z"), folder=tmp_path)
    np.testing.assert_array_equal(found, 2 * x.transpose(0, 2, 3, 1).reshape(-1, 2))


def test_rows_on_another_axis_come_first(tmp_path: Path) -> None:
    host, x = parser.parse_model(TIME_FIRST), rows(300, 7, 3)
    found = run_host(host, {"x": x}, tapped(host, name="z"), folder=tmp_path)
    np.testing.assert_array_equal(found, x.reshape(-1, 3))


def test_steps_in_time_that_are_fed_as_rows_are_rows(tmp_path: Path) -> None:
    host = parser.parse_model(
        TEXT + "(float[N, 3] x) => (float[1, 3, N] y) "
        "{ t = Transpose<perm = [1, 0]>(x) z = Unsqueeze(t, zero) y = Softmax<axis = 1>(z) }"
    )
    host.graph.initializer.append(numpy_helper.from_array(np.array([0]), "zero"))
    x = rows(200, 3)
    found = run_host(host, {"x": x}, tapped(host, name="z"), folder=tmp_path)
    np.testing.assert_array_equal(found, x)


def test_what_comes_out_for_a_row_alone_is_that_rows(tmp_path: Path) -> None:
    host = parser.parse_model(
        TEXT + "(float[1, T] x) => (float[T] y) { z = Squeeze(x, zero) y = Sigmoid(z) }"
    )
    host.graph.initializer.append(numpy_helper.from_array(np.array([0]), "zero"))
    x = rows(20, 12)
    place = read_host(host).choose("z", "logits", "binary", class_axis=1)
    found = run_host(host, {"x": x}, place, folder=tmp_path)
    np.testing.assert_array_equal(found, x.reshape(-1))


def test_every_element_of_one_logit_without_a_class_axis_is_a_row(tmp_path: Path) -> None:
    host = parser.parse_model(
        TEXT + "(float[N, T] x) => (float[N, T] y) { z = Add(x, x) y = Sigmoid(z) }"
    )
    place = read_host(host).choose(logits="z", task="binary", class_axis=2)
    x = rows(300, 3)
    collected = run_host(host, {"x": x}, place, folder=tmp_path)
    np.testing.assert_array_equal(collected, (2 * x).reshape(-1, 1))


def test_doubles_are_cast_to_what_the_host_takes(tmp_path: Path) -> None:
    host, x = parser.parse_model(FREE), rows(5, 3)
    found = run_host(host, {"x": x.astype(np.float64)}, tapped(host), folder=tmp_path)
    np.testing.assert_array_equal(found, 2 * x)


def test_a_host_that_mixes_rows_is_refused(tmp_path: Path) -> None:
    host = parser.parse_model(SUMMED)
    host.graph.initializer.append(onnx.numpy_helper.from_array(np.array([0]), "axes"))
    summed = read_host(host).choose(logits="y", kind="logits", task="multiclass")
    with pytest.raises(LogitconfError, match="one row for each row of input, got 1 for 5"):
        run_host(host, {"x": rows(5, 3)}, summed, folder=tmp_path)


def test_progress_follows_every_batch(tmp_path: Path) -> None:
    host, told = parser.parse_model(FREE), list[object]()

    @contextmanager
    def listen(what: str, total: int | None) -> Iterator[Advance]:
        told.append((what, total))
        yield told.append
        told.append("end")

    with heard_by(listen):
        run_host(host, {"x": rows(600, 3)}, tapped(host), folder=tmp_path)
    assert told == [("Running the model", 600), 256, 256, 88, "end"]
