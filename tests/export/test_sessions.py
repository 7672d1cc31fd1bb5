"""Sessions run where they were told to."""

import head_models
import numpy as np
import pytest

from logitconf.errors import LogitconfError
from logitconf_export.conversion import to_onnx
from logitconf_export.sessions import ProviderError, Session, provider_name

ROWS = {"logits": np.zeros((2, 10), dtype=np.float32)}


def test_the_profile_names_every_node_and_its_provider() -> None:
    model = to_onnx(head_models.make_head())
    with Session(model, optimisation="off") as session:
        session.run(ROWS)
        ran = session.ran()
    assert set(ran) == {node.name for node in model.graph.node}
    assert set(ran.values()) == {"CPUExecutionProvider"}


def test_an_unknown_provider_is_refused_by_name() -> None:
    with pytest.raises(LogitconfError, match=r"one of \['cpu', 'cuda'.*got 'gpu'"):
        provider_name("gpu")


def test_a_provider_that_is_not_built_in_is_refused() -> None:
    with pytest.raises(ProviderError, match="coreml was asked for, but this onnxruntime"):
        Session(to_onnx(head_models.make_head()), provider="coreml")


def test_a_model_that_onnxruntime_refuses_is_a_clear_error() -> None:
    model = to_onnx(head_models.make_head())
    model.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(LogitconfError, match="refuses the model"):
        Session(model)


def test_wrong_feeds_are_a_clear_error() -> None:
    with (
        Session(to_onnx(head_models.make_head())) as session,
        pytest.raises(LogitconfError, match="cannot run it"),
    ):
        session.run({"logits": np.zeros((2, 9), dtype=np.float32)})
