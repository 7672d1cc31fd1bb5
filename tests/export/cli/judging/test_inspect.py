"""What the command inspect tells a new user to do next, done to the letter."""

import shlex
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from support.command_line import SIGMOID, SOFTMAX, call, card, done, host, make_files, weight

from logitconf_export.heads.metadata import read_heads


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files of make_files, one host under a name with blanks."""
    monkeypatch.chdir(tmp_path)
    make_files(tmp_path)
    shutil.copyfile("host.onnx", "my host.onnx")
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], path: str) -> tuple[str, list[str], list[str]]:
    """What inspect prints, and the arguments of the two commands in it."""
    out = done(capsys, ["inspect", path])
    fit, attach = (
        shlex.split(next(line for line in out.splitlines() if line.startswith(start)))[3:]
        for start in ("fit with: logitconf ", "attach with: logitconf ")
    )
    return out, fit, attach


def test_the_commands_for_a_host_that_is_certain_work(capsys: pytest.CaptureFixture[str]) -> None:
    _, fit, attach = told(capsys, "my host.onnx")
    done(capsys, fit)
    done(capsys, attach)
    assert read_heads(onnx.load("out.onnx")).heads[0].card.task == "multiclass"


def test_the_task_of_labels_is_in_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    _, fit, attach = told(capsys, "binary.onnx")
    assert fit[fit.index("--task") + 1] == "binary"
    pixels = np.load("val.npz")["pixels"]
    noise = np.random.default_rng(1).logistic(0, 2, len(pixels))
    labels = (pixels @ weight()[:, 0] > noise).astype(np.int64)
    np.savez("val.npz", pixels=pixels, labels=labels)
    done(capsys, fit)
    done(capsys, attach)
    assert read_heads(onnx.load("out.onnx")).heads[0].card.task == "binary"


def test_for_a_task_that_the_graph_does_not_tell_each_that_can_be_is_fitted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, fit, attach = told(capsys, "plain.onnx")
    lines = out.splitlines()
    other = lines[lines.index("if each column is a label of its own:") + 1]
    done(capsys, fit)
    done(capsys, attach)
    assert card()["task"] == "multiclass"
    pixels = np.load("val.npz")["pixels"]
    noise = np.random.default_rng(1).logistic(0, 2, (len(pixels), 4))
    np.savez("val.npz", pixels=pixels, labels=(pixels @ weight() > noise).astype(np.int64))
    for path in ("card.json", "out.onnx"):
        Path(path).unlink()
    done(capsys, shlex.split(other.partition(": logitconf ")[2]))
    done(capsys, attach)
    assert card()["task"] == "multilabel"


def test_a_file_with_a_head_says_how_it_is_verified_and_taken_off(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, fit, attach = told(capsys, "my host.onnx")
    last = out.splitlines()[-1].partition("verify with: logitconf ")[2]
    done(capsys, fit)
    done(capsys, attach)
    done(capsys, shlex.split(last))
    verify, detach = done(capsys, "inspect out.onnx").splitlines()[-2:]
    done(capsys, shlex.split(verify.partition(": logitconf ")[2]))
    done(capsys, shlex.split(detach.partition(": logitconf ")[2]))
    assert onnx.load("bare.onnx") == onnx.load("my host.onnx")


def test_a_place_that_is_not_certain_is_left_to_the_user(
    capsys: pytest.CaptureFixture[str],
) -> None:
    onnx.save(host(SIGMOID.replace("yes = Sigmoid(z)", "yes = Identity(z)")), "one.onnx")
    out, _, attach = told(capsys, "one.onnx")
    assert "if you know that one of these is right, name it:" in out
    assert attach[attach.index("--logits") + 1] == "yes"


def test_a_host_with_weights_in_another_folder_is_written_beside_them(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / "far away").mkdir()
    path = "far away/big.onnx"
    onnx.save_model(
        onnx.load("host.onnx"), path, save_as_external_data=True, location="w.bin", size_threshold=0
    )
    out, fit, attach = told(capsys, path)
    verify = shlex.split(out.splitlines()[-1].partition("verify with: logitconf ")[2])
    for words in (fit, attach, verify):
        done(capsys, words)
    detach = done(capsys, ["inspect", attach[-1]]).splitlines()[-1]
    done(capsys, shlex.split(detach.partition("detach with: logitconf ")[2]))
    bare, before = (folder / "far away" / name for name in ("bare.onnx", "big.onnx"))
    assert bare.read_bytes() == before.read_bytes()


def test_no_command_is_printed_for_a_place_that_attach_refuses(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = host(SOFTMAX)
    dims = model.graph.output[0].type.tensor_type.shape.dim
    dims.add().CopyFrom(dims[1])
    z = model.graph.value_info.add(name="z")
    z.type.CopyFrom(model.graph.output[0].type)
    onnx.save(model, "wrong.onnx")
    out = done(capsys, "inspect wrong.onnx")
    assert "no head can be attached: 'z' has 2 axes but is declared with 3" in out
    assert "with: logitconf" not in out


def test_no_command_is_printed_for_a_model_of_one_row_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = SOFTMAX.replace("[N, ", "[").replace("axis = 1", "axis = 0")
    onnx.save(host(text), "alone.onnx")
    out = done(capsys, "inspect alone.onnx")
    assert "z has no axis of rows, so fit and verify cannot run the model on several" in out
    assert "with: logitconf" not in out


@pytest.mark.parametrize("joint", [True, False], ids=["of one task", "of two tasks"])
def test_several_places_get_a_card_each(capsys: pytest.CaptureFixture[str], joint: bool) -> None:
    text = """<ir_version: 8, opset_import: ["": 17]>
    reader (float[N, 6] pixels) => (float[N, 4] one, float[N, 4] two) {
      z = MatMul(pixels, weight)
      u = Neg(z)
      one = Softmax<axis = 1>(z)
      two = LAST(u)
    }"""
    last = "Softmax<axis = 1>" if joint else "Sigmoid"
    onnx.save(host(text.replace("LAST", last)), "several.onnx")
    out = done(capsys, "inspect several.onnx")
    lines = [line.partition(" with: logitconf ") for line in out.splitlines()]
    steps = [(stage, shlex.split(words)) for stage, _, words in lines if words]
    expected = ["fit", "fit", "attach", "verify"]
    assert [stage for stage, _ in steps] == expected + ["attach"] * joint
    rows = np.load("val.npz")
    second = rows["labels"] if joint else np.eye(4, dtype=int)[rows["labels"]]
    np.savez("val_1.npz", pixels=rows["pixels"], labels=rows["labels"])
    np.savez("val_2.npz", pixels=rows["pixels"], labels=second)
    for _, words in steps:
        assert call(capsys, words).code == 0, words
    assert len(read_heads(onnx.load("out.onnx")).heads) == 2


def test_inspect_says_where_a_head_could_go(capsys: pytest.CaptureFixture[str]) -> None:
    out = done(capsys, "inspect host.onnx")
    assert "logitconf attach host.onnx card.json -o out.onnx" in out
    assert "multiclass" in out


def test_inspect_shows_the_card_in_a_file_and_in_a_model(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done(capsys, "fit logits.npz --score energy --coverage 0.9 -o card.json")
    done(capsys, "attach host.onnx card.json -o out.onnx")
    for path in ("card.json", "out.onnx"):
        short = done(capsys, f"inspect {path}")
        assert repr(card()["temperature"]) not in short
        out = done(capsys, f"inspect {path} -v")
        assert repr(card()["temperature"]) in out
        assert repr(card()["threshold"]) in out
    assert "logitconf/max" in out
