"""tract, with a stand-in: it knows outputs by their place alone."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.runtime_jobs import HIGHEST, LOWEST, MODEL, job

from logitconf.errors import MissingExtraError
from logitconf_export.runtimes.protocol import RunError
from logitconf_export.runtimes.targets.tract import Tract


class RefusalError(Exception):
    """tract's own error."""


def tensor(values: Any) -> SimpleNamespace:
    return SimpleNamespace(to_numpy=lambda: values)


class Model:
    """A model in each of the forms that it goes through, as in tract 0.21."""

    def load(self, path: str) -> "Model":
        if Path(path).read_bytes() != MODEL:
            raise RefusalError("not a model")
        return self

    def into_model(self) -> "Model":
        return self

    def into_runnable(self) -> "Model":
        return self

    def run(self, values: list[Any]) -> list[Any]:
        (rows,) = values
        return [tensor(rows.min(axis=1)), tensor(rows.max(axis=1))]


def test_outputs_are_found_by_their_place_in_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    tract = SimpleNamespace(version=lambda: "0.21.0", onnx=Model, TractError=RefusalError)
    monkeypatch.setitem(sys.modules, "tract", tract)
    assert Tract().load() == "0.21.0"
    good, highest, bad = Tract().run([job(), job(outputs=("highest",)), job(b"nonsense")])
    np.testing.assert_array_equal(good, [HIGHEST, LOWEST])
    np.testing.assert_array_equal(highest, [HIGHEST])
    assert bad == RunError("RefusalError: not a model")


def test_without_it_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tract", None)
    with pytest.raises(
        MissingExtraError, match=r'tract is not installed; .*"logitconf\[runtimes\]'
    ):
        Tract().load()
