"""Heads after other tools: onnxruntime's quantisation and onnxconverter-common's float16."""

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from export.attachment.test_writing import head as softmax_head
from numpy.typing import NDArray
from onnx import numpy_helper, parser
from support import head_models, reference, several_hosts, variants
from support.variants import dynamic, half

from logitconf import LogitconfError, LogitconfWarning
from logitconf_export import attach, detach, head_nodes, read_host, reattach, verify
from logitconf_export.heads.metadata import METADATA_KEY, read_metadata
from logitconf_export.runtimes.host_runs import with_output
from logitconf_export.runtimes.sessions import OPTIMISATIONS, Session

# softmax and exp of two libraries, once each
CLOSE = 1e-5
# the CPU provider computes halves in single precision and rounds only what it hands out
HALF = 2e-3
PIXELS = head_models.make_pixels(300)
CONVOLUTION = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 1, 2, 4] pixels) => (float[N, 5] y) {
  c = Conv <pads = [1, 1, 1, 1]> (pixels, kernel)
  r = Relu (c)
  p = GlobalAveragePool (r)
  f = Flatten (p)
  z = Gemm (f, weight)
  y = Softmax <axis = 1> (z)
}
"""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """onnxruntime's quantisation advises through the root logger."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def shaped(model: onnx.ModelProto, rows: NDArray[np.float32] = PIXELS) -> NDArray[np.float32]:
    dims = model.graph.input[0].type.tensor_type.shape.dim
    return rows.reshape(-1, *(dim.dim_value for dim in dims[1:]))


def static(
    model: onnx.ModelProto, folder: Path, activations: str = "QUInt8", exclude: bool = True
) -> onnx.ModelProto:
    return variants.static(model, folder, {"pixels": shaped(model)}, activations, exclude)


def attached() -> onnx.ModelProto:
    return attach(head_models.make_host(), head_models.make_head(n_classes=5, threshold=-0.7))


def run(model: onnx.ModelProto, names: list[str], level: str = "all") -> list[NDArray[Any]]:
    with Session(model, optimisation=level, threads=1, profile=False) as session:
        return session.run({"pixels": shaped(model)}, names)


def head_protos(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    names = set(head_nodes(model))
    return {node.name: node for node in model.graph.node if node.name in names}


def check_head(model: onnx.ModelProto, close: float = CLOSE) -> None:
    """Scores and masks are those of the model's own logits, in float64."""
    record = read_metadata(model).attached
    assert record is not None
    tensor = record.tensor
    logits, score, mask = run(with_output(model, tensor), [tensor, "score", "mask"])
    expected = reference.score("softmax", logits.astype(np.float64), 1.5, "multiclass")
    np.testing.assert_allclose(score, expected, rtol=close, atol=close)
    clear = np.abs(expected + 0.7) > close
    np.testing.assert_array_equal(mask[clear], (expected < -0.7)[clear])
    assert 0.05 < mask.mean() < 0.95
    assert score.dtype == np.float32


def check_host_unchanged(model: onnx.ModelProto) -> None:
    own = [value.name for value in detach(model).graph.output]
    for level in OPTIMISATIONS:
        for before, now in zip(run(detach(model), own, level), run(model, own, level), strict=True):
            np.testing.assert_array_equal(now, before, err_msg=level, strict=True)


def test_a_head_survives_dynamic_quantisation_as_it_is(tmp_path: Path) -> None:
    model = attached()
    quantized = dynamic(model, tmp_path)
    assert any(node.op_type == "MatMulInteger" for node in quantized.graph.node)
    assert head_protos(quantized) == head_protos(model)
    check_head(quantized)
    check_host_unchanged(quantized)
    report = verify(quantized, PIXELS, rows_as="inputs", pairs=20)
    assert report.passed, report.failures


def test_a_head_that_static_quantisation_rewired_is_found_and_put_back(tmp_path: Path) -> None:
    model = attached()
    quantized = static(model, tmp_path)
    assert any(node.op_type == "DequantizeLinear" for node in quantized.graph.node)
    rewired = verify(quantized, PIXELS, rows_as="inputs", pairs=20)
    assert any("the graph is the card's" in failure for failure in rewired.failures)
    again = reattach(quantized)
    assert head_protos(again) == head_protos(model)
    check_head(again)
    check_host_unchanged(again)
    report = verify(again, PIXELS, rows_as="inputs", pairs=20)
    assert report.passed, report.failures


def test_a_head_that_float16_conversion_rewired_is_found_and_put_back() -> None:
    model = attached()
    converted = half(model)
    rewired = verify(converted, PIXELS, rows_as="inputs", pairs=20)
    assert any("the graph is the card's" in failure for failure in rewired.failures)
    again = reattach(converted)
    host_types = {t.data_type for t in detach(again).graph.initializer}
    assert host_types == {onnx.TensorProto.FLOAT16}
    numbers = {t.name: t for t in again.graph.initializer if t.name.startswith("logitconf/")}
    assert numbers["logitconf/threshold"].data_type == onnx.TensorProto.FLOAT
    added = [node.op_type for node in head_protos(again).values()]
    assert added == ["Cast", *(node.op_type for node in head_protos(model).values())]
    check_head(again, HALF)
    check_host_unchanged(again)
    report = verify(again, PIXELS, rows_as="inputs", pairs=20)
    assert report.passed, report.failures


def test_a_head_put_back_on_an_untouched_model_is_the_same() -> None:
    model = attached()
    assert reattach(model) == model
    for several in ("joint", "each"):
        whole = attach(several_hosts.three_softmaxes(), softmax_head(), several=several)
        assert reattach(whole) == whole
    counted = attach(
        several_hosts.three_softmaxes(), softmax_head(mask_type="uint8"), several="joint"
    )
    assert reattach(counted) == counted


def test_metadata_that_a_tool_dropped_are_missed() -> None:
    model = attached()
    del model.metadata_props[:]
    for use in (reattach, head_nodes):
        with pytest.raises(LogitconfError, match=f"must have a head .metadata '{METADATA_KEY}'."):
            use(model)
    with pytest.raises(LogitconfError, match="must hold the card of its head, but a tool has drop"):
        verify(model)


def test_a_value_that_a_tool_renamed_is_followed() -> None:
    model = attached()
    for node in model.graph.node:
        node.input[:] = ["other" if name == "logits" else name for name in node.input]
        node.output[:] = ["other" if name == "logits" else name for name in node.output]
    again = reattach(model)
    record = read_metadata(again).attached
    assert record is not None
    assert record.tensor == "other"
    check_head(again)
    check_host_unchanged(again)


def convolution() -> onnx.ModelProto:
    rng = np.random.default_rng(4)
    model = parser.parse_model(CONVOLUTION)
    for name, shape in (("kernel", (8, 1, 3, 3)), ("weight", (8, 5))):
        values = rng.normal(0, 1.5, shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    return model


@pytest.mark.parametrize("activations", ["QUInt8", "QInt8"])
@pytest.mark.parametrize("host", [convolution, head_models.make_host], ids=["conv", "gemm"])
def test_a_quantised_host_keeps_its_outputs(host: Any, activations: str, tmp_path: Path) -> None:
    quantized = static(host(), tmp_path, activations, exclude=False)
    place = read_host(quantized).candidates[0]
    assert place.quantized
    assert (place.unfused is not None) == (activations == "QInt8")
    head = head_models.make_head(n_classes=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if place.unfused is None:
            model = attach(quantized, head)
        else:
            model = attach(quantized, head, logits=place.unfused)
    check_host_unchanged(model)
    assert detach(model) == quantized


def test_where_a_head_changes_the_outputs_it_is_said_and_verify_sees_it(tmp_path: Path) -> None:
    quantized = static(convolution(), tmp_path, "QInt8", exclude=False)
    with pytest.warns(LogitconfWarning, match="changes the host's own outputs by a quantum"):
        model = attach(quantized, head_models.make_head(n_classes=5))
    with pytest.raises(AssertionError):
        check_host_unchanged(model)
    report = verify(model, feeds={"pixels": shaped(quantized)}, pairs=20)
    own = "the host's own outputs are the same without the head"
    assert any(own in failure for failure in report.failures)
