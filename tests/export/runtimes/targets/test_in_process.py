"""What runtimes in this process share: loading once, and answers in place of errors."""

from typing import Any

import numpy as np
import pytest
from support.runtime_jobs import HIGHEST, LOWEST, job

from logitconf.errors import MissingExtraError
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.protocol import Job, RunError
from logitconf_export.runtimes.targets.in_process import each, each_in_session, imported
from logitconf_export.runtimes.targets.onnxruntime import OnnxRuntime


def summed(model: bytes, job: Job) -> tuple[Array, ...]:
    if model == b"bad rows":
        raise ValueError("no such rows")
    return (job.feeds["logits"].sum(axis=1),)


def test_a_model_that_repeats_is_loaded_once_and_one_that_is_refused_stops_no_other() -> None:
    loaded: list[bytes] = []

    def load(model: bytes) -> bytes:
        loaded.append(model)
        if model == b"nonsense":
            raise RuntimeError("not a model")
        return model

    models = [b"first", b"first", b"nonsense", b"bad rows", b"second"]
    answers = each([job(model) for model in models], load, summed, (RuntimeError, ValueError))
    assert loaded == [b"first", b"nonsense", b"bad rows", b"second"]
    assert answers[2:4] == [
        RunError("RuntimeError: not a model"),
        RunError("ValueError: no such rows"),
    ]
    for place in (0, 1, 4):
        np.testing.assert_array_equal(answers[place], [[4, 7, -12]])


def test_an_error_that_no_runtime_makes_is_not_taken_for_an_answer() -> None:
    def broken(model: bytes) -> Any:
        raise KeyError(model)

    with pytest.raises(KeyError):
        each([job()], broken, summed, (RuntimeError,))


def test_sessions_give_the_outputs_in_the_order_asked_for() -> None:
    runtime = OnnxRuntime()
    (answer,) = each_in_session([job()], lambda model: runtime.open(model, runtime.settings()))
    np.testing.assert_array_equal(answer, [HIGHEST, LOWEST])


def test_a_package_that_is_missing_is_named_with_how_to_get_it() -> None:
    with pytest.raises(
        MissingExtraError, match=r'Best is not installed; install it with pip install "logitconf\['
    ):
        imported("logitconf_best_runtime", "Best")


def test_models_stay_loaded_where_they_are_kept_and_a_few_at_most() -> None:
    loaded: list[bytes] = []

    def load(model: bytes) -> bytes:
        loaded.append(model)
        return model

    def run(model: bytes, job: Job) -> list[Array]:
        del job
        return [np.frombuffer(model, np.uint8)]

    kept: dict[bytes, bytes] = {}
    jobs = [Job(bytes([number]), {}, ("y",)) for number in range(8)]
    for _ in range(3):
        answers = each(jobs, load, run, (ValueError,), kept)
    assert [int(answer[0][0]) for answer in answers] == [*range(8)]  # type: ignore[index]
    assert len(loaded) == 8
    each([Job(b"other", {}, ("y",))], load, run, (ValueError,), kept)
    assert [*kept] == [b"other"]
