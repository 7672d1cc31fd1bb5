"""Every command that ``inspect`` prints runs when it is pasted"""

import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import parser
from support.command_line import call, done
from support.hosts.bodies import BODIES, DETECTORS
from support.hosts.classical import CLASSICAL
from support.hosts.layers import BARE, BEHIND, QUANTIZED
from support.hosts.text import ACTIVATIONS, DECOMPOSED, HostCase, host
from support.made_up_rows import made_up_inputs, made_up_labels, made_up_logits
from support.several_hosts import ROWS, three_softmaxes

from logitconf_export import read_host
from logitconf_export.heads.metadata import read_heads
from logitconf_export.hosts.candidates import Candidate, HostReading

CASES = {
    case.name: case
    for case in (
        *(*ACTIVATIONS, *DECOMPOSED, *BODIES, *DETECTORS),
        *(*CLASSICAL, *BEHIND, *BARE, *QUANTIZED),
    )
}
NOT_RUN = {"softmax fused with its bias": "onnxruntime runs BiasSoftmax on GPUs alone"}
VERIFY_FAILS = {
    "softmax of a softmax": "its logits are probabilities, as the model has them; not certain",
    "rows divided by their own sum, of unknown sign": "they are no probabilities; not certain",
    "softmax on integers (QOperator)": "its rows do not sum to 1",
}


def printed(out: str) -> list[list[str]]:
    """The commands in what was printed, in order, as a shell splits them."""
    lines = (line.partition("logitconf ") for line in out.splitlines())
    starts = ("fit with: ", "attach with: ", "verify with: ")
    return [shlex.split(rest) for start, _, rest in lines if start in starts]


def option(command: list[str], flag: str) -> str | None:
    """What follows a flag in a command."""
    return command[command.index(flag) + 1] if flag in command else None


def place_of(reading: HostReading, name: str | None) -> Candidate:
    """The place that a command takes."""
    named = (place for place in reading.candidates if place.tensor == name)
    return reading.chosen or reading.candidates[0] if name is None else next(named)


def pasted(
    out: str, model: onnx.ModelProto, shape: tuple[int, ...], capsys: pytest.CaptureFixture[str]
) -> Iterator[tuple[list[str], int]]:
    """Runs every command that was printed, on rows made up for it; only verify may end with 1."""
    reading, feeds = read_host(model), made_up_inputs(model, shape)
    for command in printed(out):
        if command[0] == "fit":
            place = place_of(reading, option(command, "--logits"))
            labels = made_up_labels(model, feeds, place, option(command, "--task") or "multiclass")
            if "logits.npz" in command:
                np.savez("logits.npz", logits=made_up_logits(model, feeds, place), labels=labels)
            np.savez(option(command, "--data") or "val.npz", **feeds, labels=labels)  # type: ignore[arg-type]
        force = [] if command[0] == "verify" else ["--force"]
        outcome = call(capsys, [*command, *force])
        assert outcome.code in ((0, 1) if command[0] == "verify" else (0,)), (command, outcome)
        yield command, outcome.code


@pytest.mark.filterwarnings("ignore::logitconf.errors.LogitconfWarning")
@pytest.mark.parametrize("name", CASES)
def test_what_inspect_prints_runs_when_pasted(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if name in NOT_RUN:
        pytest.skip(NOT_RUN[name])
    monkeypatch.chdir(tmp_path)
    case: HostCase = CASES[name]
    model = case.model()
    onnx.save(model, "my host.onnx")
    out = done(capsys, ["inspect", "my host.onnx"])
    assert "TASK" not in out
    if case.tensor is None:
        assert "no place for a head can be read; if you know a value" in out
        assert printed(out) == []
        return
    codes = {command[0]: code for command, code in pasted(out, model, case.shape, capsys)}
    assert codes == {"fit": 0, "attach": 0, "verify": int(name in VERIFY_FAILS)}
    done(capsys, ["detach", "out.onnx", "-o", "back.onnx"])
    assert onnx.load("back.onnx") == model


@pytest.mark.filterwarnings("ignore::logitconf.errors.LogitconfWarning")
def test_several_certain_places_have_a_card_each_and_are_attached_to_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    model = three_softmaxes()
    onnx.save(model, "-three.onnx")
    out = done(capsys, ["inspect", "./-three.onnx"])
    commands = [command for command, _ in pasted(out, model, ROWS.shape, capsys)]
    assert [command[0] for command in commands] == [*["fit"] * 3, "attach", "verify", "attach"]
    assert [option(command, "--several") for command in commands[3::2]] == ["each", "joint"]
    assert len(read_heads(onnx.load("out.onnx")).heads) == 3


@pytest.mark.filterwarnings("ignore::logitconf.errors.LogitconfWarning")
def test_a_class_axis_counted_from_the_end_of_a_tensor_of_unknown_rank_is_said_in_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    model = parser.parse_model(host("z = MatMul(x, w) y = Softmax<axis = -1>(z)"))
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.ClearField("shape")
    onnx.save(model, "host.onnx")
    feeds = {"x": np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)}
    labels = np.random.default_rng(1).integers(0, 3, 60)
    np.savez("val.npz", labels=labels, **feeds)  # type: ignore[arg-type]
    commands = printed(done(capsys, ["inspect", "host.onnx"]))
    assert [command[0] for command in commands] == ["fit", "attach", "verify"]
    for command in commands:
        assert option(command, "--class-axis") == (None if command[0] == "verify" else "1")
        assert call(capsys, command).code == 0
