"""Short names of onnxruntime's providers."""

import pytest

from logitconf import LogitconfError
from logitconf_export.runtimes.providers import PROVIDERS, provider_name


def test_every_short_name_stands_for_a_provider() -> None:
    assert {provider_name(short) for short in PROVIDERS} == set(PROVIDERS.values())


@pytest.mark.parametrize(
    ("word", "meant"),
    [("gpu", "cuda"), ("CUDAExecutionProvider", "cuda"), ("CPU", "cpu"), ("TensorRT", "tensorrt")],
)
def test_another_name_is_told_the_short_one(word: str, meant: str) -> None:
    with pytest.raises(LogitconfError, match=rf"got '{word}'; did you mean '{meant}'\?"):
        provider_name(word)
