"""Sessions run where they were told to."""

from typing import Any

import numpy as np
import pytest
from support import head_models
from support.stand_in_runtime import with_cuda

from logitconf.errors import LogitconfError
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.runtimes import sessions
from logitconf_export.runtimes.providers import provider_name
from logitconf_export.runtimes.sessions import ProviderError, Session

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


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("cuda", ("CUDAExecutionProvider", "0")),
        ("cuda-tf32", ("CUDAExecutionProvider", "1")),
        ("cpu", ("CPUExecutionProvider", None)),
    ],
)
def test_products_in_tf32_are_asked_for_or_not_at_all(
    provider: str, expected: tuple[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for an onnxruntime that has CUDA notes what it is asked for."""
    real = sessions.load_onnxruntime()
    asked: list[Any] = []

    def noted(model: bytes, *_: Any, providers: Any, **__: Any) -> Any:
        asked.append(providers)
        made = real.InferenceSession(model, providers=["CPUExecutionProvider"])
        made.get_providers = lambda: [providers[0][0]]
        return made

    fake = with_cuda(noted)
    monkeypatch.setattr(sessions, "load_onnxruntime", lambda: fake)
    with Session(to_onnx(head_models.make_head()), provider=provider):
        (((name, options),),) = asked
    assert (name, options.get("use_tf32")) == expected


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


def test_a_bound_run_gives_what_a_plain_run_gives() -> None:
    rows = np.random.default_rng(0).normal(0, 3, (50, 10)).astype(np.float32)
    with Session(to_onnx(head_models.make_head())) as session:
        plain = session.run({"logits": rows})
        run = session.bound({"logits": rows})
        for _ in range(2):
            for value, expected in zip(run(), plain, strict=True):
                np.testing.assert_array_equal(value.numpy(), expected)
