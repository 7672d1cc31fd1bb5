"""The head in a file is found where its metadata say, and cut out as it is."""

import numpy as np
import onnx
import pytest
from support import head_models

from logitconf.errors import LogitconfError
from logitconf_export.attachment.attaching import attach
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.in_file import head_in, head_model
from logitconf_export.runtimes.sessions import Session


@pytest.fixture(scope="module")
def host() -> onnx.ModelProto:
    return attach(head_models.make_host(), head_models.make_head(n_classes=5))


def test_a_head_alone_owns_every_node() -> None:
    model = to_onnx(head_models.make_head())
    found = head_in(model)
    assert not found.attached
    assert len(found.nodes) == len(model.graph.node)
    assert (found.tensor, found.logits_dtype) == ("logits", "float32")


def test_a_head_in_a_host_leaves_the_hosts_nodes_alone(host: onnx.ModelProto) -> None:
    found = head_in(host)
    assert found.attached
    assert found.tensor == "logits"
    assert {node.op_type for node in found.nodes}.isdisjoint({"Gemm", "Softmax"})
    assert all(name.startswith("logitconf/") for name in found.initializers)


def test_nodes_that_read_constants_alone_are_no_reading_nodes() -> None:
    found = head_in(to_onnx(head_models.make_head()))
    assert "logitconf/max" in found.reading_nodes()
    assert "logitconf/inv" not in found.reading_nodes()


def test_the_head_cut_out_decides_as_the_host_does(host: onnx.ModelProto) -> None:
    pixels = head_models.make_pixels(30)
    with Session(host) as session:
        logits_free = session.run({"pixels": pixels}, ["score", "mask"])
    weight, bias = (
        onnx.numpy_helper.to_array(t) for t in head_models.make_host().graph.initializer
    )
    alone = head_model(host, head_in(host), "float32")
    onnx.checker.check_model(alone)
    with Session(alone) as session:
        score, mask = session.run({"logits": pixels @ weight + bias})
    np.testing.assert_allclose(score, logits_free[0], atol=1e-6)
    np.testing.assert_array_equal(mask, logits_free[1])


def test_initializers_are_found_by_their_name_without_prefix() -> None:
    found = head_in(to_onnx(head_models.make_head(temperature=2.0)))
    value = found.value("temperature")
    assert value is not None
    assert value.tolist() == 2.0
    assert found.value("missing") is None


def test_an_output_that_is_gone_is_named(host: onnx.ModelProto) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(host)
    model.graph.output.remove(next(v for v in model.graph.output if v.name == "mask"))
    with pytest.raises(LogitconfError, match=r"\['mask'\] are not"):
        head_in(model)
