"""Runtimes in a process of their own: what they are given, and what becomes of their words."""

import sys
from pathlib import Path

import numpy as np
import pytest
from support.runtime_jobs import HIGHEST, LOWEST, MODEL, ROWS, job

from logitconf.errors import LogitconfError, MissingExtraError
from logitconf_export.runtimes.protocol import Job, RunError
from logitconf_export.runtimes.targets.processes import (
    RUNNERS,
    answers,
    package,
    program,
    version,
)

# a runner that negates its only input, refuses a model of two bytes and dies at one of three
RUNNER = """
import json, os, sys
import numpy as np
first, folder, last = sys.argv[1:]
print("a warning of the runtime")
print(json.dumps({"version": f"{first}-{last}"}), flush=True)
for index, job in enumerate(json.load(open(f"{folder}/jobs.json"))):
    size = os.path.getsize(f"{folder}/{job['model']}")
    if size == 3:
        sys.exit(1)
    if size == 2:
        print(json.dumps({"error": "two bytes"}), flush=True)
        continue
    (given,) = job["inputs"]
    values = -np.fromfile(f"{folder}/{given['file']}", given["dtype"]).reshape(given["shape"])
    values.tofile(f"{folder}/{index}.out0.bin")
    described = {"dtype": str(values.dtype), "shape": list(values.shape)}
    print(json.dumps({"outputs": [described]}), flush=True)
"""
PYTHON_RUNNER = RUNNERS / "python_runner.py"


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    (tmp_path / "runner.py").write_text(RUNNER)
    return [sys.executable, str(tmp_path / "runner.py")]


def test_the_folder_of_jobs_stands_where_the_runner_wants_it(command: list[str]) -> None:
    assert version(command, ["a", "b"], folder_place=1) == "a-b"


def test_answers_come_in_order_with_dtype_and_shape_and_a_dead_runner_owes_the_rest(
    command: list[str],
) -> None:
    double = np.arange(24.0).reshape(2, 3, 4)
    jobs = [
        job(b"good"),
        job(b"no"),
        Job(b"good", {"logits": double}, ("y",)),
        job(b"die"),
        job(b"good"),
    ]
    first, second, third, *rest = answers(command, ["a", "b"], jobs, folder_place=1)
    np.testing.assert_array_equal(first, [-ROWS], strict=True)
    assert second == RunError("two bytes")
    assert not isinstance(third, RunError)
    np.testing.assert_array_equal(third[0], -double, strict=True)
    assert rest == [RunError("the process ended before it")] * 2


def test_the_runner_that_ships_answers_as_asked() -> None:
    command = [sys.executable, str(PYTHON_RUNNER)]
    good, bad, again = answers(command, [], [job(), job(b"nonsense"), job(MODEL, ("lowest",))])
    np.testing.assert_array_equal(good, [HIGHEST, LOWEST])
    assert isinstance(bad, RunError)
    np.testing.assert_array_equal(again, [LOWEST])


def test_a_runner_that_does_not_start_is_an_error_with_its_words(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import sys; sys.exit('no runtime here')")
    with pytest.raises(
        LogitconfError, match=r"broken\.py must start, got exit code 1: no runtime here"
    ):
        version([sys.executable, str(tmp_path / "broken.py")], [])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"outputs": "one"}', "must list its outputs, got 'one'"),
        ('{"outputs": [{"dtype": "uint8", "shape": 3}]}', "must give a shape, got 3"),
    ],
)
def test_a_runner_that_answers_something_else_is_refused(
    tmp_path: Path, line: str, words: str
) -> None:
    (tmp_path / "odd.py").write_text(
        "import pathlib, sys\npathlib.Path(sys.argv[1], '0.out0.bin').write_bytes(b'')\n"
        f"print('{{\"version\": \"1\"}}')\nprint('{line}')"
    )
    with pytest.raises(LogitconfError, match=words):
        answers([sys.executable, str(tmp_path / "odd.py")], [], [job()])


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match="program logitconf-no-program is not installed"):
        program("logitconf-no-program")
    with pytest.raises(MissingExtraError, match=r"npm install --ignore-scripts onnxruntime-web$"):
        package(tmp_path, "onnxruntime-web")
    (tmp_path / "onnxruntime-web").mkdir()
    package(tmp_path, "onnxruntime-web")
