"""onnxruntime's C function table."""

import gc
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
from support.runtime_jobs import HIGHEST, LOWEST, job, stand_in

from logitconf.errors import LogitconfError, MissingExtraError
from logitconf_export.runtimes.protocol import RunError
from logitconf_export.runtimes.targets import c_api
from logitconf_export.runtimes.targets.c_api import CApi

compiled = pytest.mark.skipif(
    shutil.which("cc") is None
    or not list((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so*")),
    reason="needs a C compiler and onnxruntime's library for Linux",
)


@compiled
def test_it_runs_jobs_in_the_library_of_the_package() -> None:
    runtime = CApi()
    assert runtime.load() == onnxruntime.__version__
    nonsense, answer = runtime.run([job(b"nonsense"), job()])
    assert isinstance(nonsense, RunError)
    np.testing.assert_array_equal(answer, [HIGHEST, LOWEST])


def test_the_runner_is_compiled_once_and_goes_with_the_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for the compiler writes a program that says how often it was compiled."""
    count = tmp_path / "count"
    script = (
        f'echo x >> {count}\n[ "$2" = -o ] || exit 9\n'
        f'printf \'#!/bin/sh\\necho {{\\\\"version\\\\": \\\\"%s\\\\"}}\' built > $3\nchmod +x $3'
    )
    monkeypatch.setenv("PATH", f"{stand_in(tmp_path, 'cc', script)}:/usr/bin:/bin")
    monkeypatch.setattr(c_api, "_library", lambda: tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    runtime = CApi()
    assert [runtime.load(), runtime.load()] == ["built", "built"]
    assert count.read_text() == "x\n"
    assert len(list(tmp_path.glob("logitconf*"))) == 1
    del runtime
    gc.collect()
    assert list(tmp_path.glob("logitconf*")) == []


def test_a_compiler_that_fails_and_a_library_that_is_missing_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(stand_in(tmp_path, "cc", "echo no headers >&2; exit 1")))
    with pytest.raises(LogitconfError, match="C runner must compile, got: no headers"):
        CApi().load()
    here = SimpleNamespace(__file__=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(c_api, "load_onnxruntime", lambda: here)
    monkeypatch.setattr(CApi, "_runner", lambda _: tmp_path)
    with pytest.raises(MissingExtraError, match=f"must be in {tmp_path / 'capi'}, got none"):
        CApi().load()
