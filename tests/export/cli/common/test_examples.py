"""Every example that help shows runs as it stands."""

import itertools
import re
import shlex
from importlib import import_module
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pyarrow
import pytest
from pyarrow import parquet
from support.command_line import call, done, make_files

from logitconf_export.cli.app import COMMANDS
from logitconf_export.cli.common.examples import EXAMPLES, START
from logitconf_export.cli.common.usage import help_text

RUN = [
    pytest.param(name, command, id=f"{name}: {what}")
    for name, examples in EXAMPLES.items()
    for what, command in examples
    if name != "demo"  # test_demo runs it
]


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    """The files that the examples name."""
    monkeypatch.chdir(tmp_path)
    make_files(tmp_path)
    Path("host.onnx").rename("model.onnx")
    for member in ("member_1.onnx", "member_2.onnx"):
        Path(member).write_bytes(Path("model.onnx").read_bytes())
    rows = np.load("logits.npz")
    Path("rows").mkdir()
    table = {"logits": rows["logits"].tolist(), "labels": rows["labels"]}
    parquet.write_table(pyarrow.table(table), "rows/0.parquet")
    done(capsys, "fit --model model.onnx --data val.npz -o card.json")
    done(capsys, "attach model.onnx card.json -o out.onnx")
    stored = dict(np.load("val.npz"))
    for name, part in (("old.npz", slice(0, 300)), ("fresh.npz", slice(300, None))):
        np.savez(name, **{key: array[part] for key, array in stored.items()})
    done(capsys, "fit --model model.onnx --data old.npz --holdout 0.5 --risk 0.4 -o promise.json")
    done(capsys, "attach model.onnx promise.json -o promised.onnx")
    variant = onnx.load("out.onnx")
    weight = variant.graph.initializer[0]
    steps = np.round(onnx.numpy_helper.to_array(weight) * 50.0) / 50.0
    weight.CopyFrom(onnx.numpy_helper.from_array(steps.astype(np.float32), weight.name))
    onnx.save(variant, "int8.onnx")
    session = onnxruntime.InferenceSession("out.onnx", providers=["CPUExecutionProvider"])
    inputs = {"pixels": np.load("val.npz")["pixels"]}
    score, mask = session.run(["score", "mask"], inputs)
    np.savez("rows.npz", score=score, mask=mask)
    return tmp_path


@pytest.mark.parametrize(("name", "command"), RUN)
def test_an_example_runs_as_it_stands(
    name: str, command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program, *arguments = shlex.split(command.replace("\\\n", " "))
    assert (program, arguments[0]) == ("logitconf", name)
    for flag, file in itertools.pairwise(arguments):
        if flag == "-o":
            (folder / file).unlink(missing_ok=True)
    outcome = call(capsys, arguments)
    assert outcome.code == 0, outcome


def test_every_command_has_examples_and_its_help_shows_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert set(EXAMPLES) == set(COMMANDS)
    for name, examples in {"": START, **EXAMPLES}.items():
        shown = [line.strip() for line in done(capsys, f"{name} --help").splitlines()]
        for what, command in examples:
            assert f"# {what}" in shown
            assert all(line.strip() in shown for line in command.splitlines())


def test_examples_fit_into_60_columns() -> None:
    lines = [
        line
        for examples in EXAMPLES.values()
        for what, command in examples
        for line in (f"# {what}", *command.splitlines())
    ]
    assert max(map(len, lines)) <= 58


def test_help_breaks_paragraphs_where_they_are_shown() -> None:
    for name, folder in COMMANDS.items():
        function = name.replace("-", "_")
        command = getattr(import_module(f"logitconf_export.cli.{folder}.{function}"), function)
        text = help_text(command)
        assert re.split(r"\s+", text) == (command.__doc__ or "").split()
        assert "\n" not in text.replace("\n\n", "")
