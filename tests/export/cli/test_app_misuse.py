"""Every command, done wrong: exit code 2, one clear sentence on stderr, no file left or changed."""

import io
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from support.command_line import call, contents, make_files

from logitconf_export.cli.app import run

Prepare = Callable[[], object]


def nothing() -> None:
    """No file of its own."""


def stored(**arrays: object) -> Prepare:
    """Writes them as bad.npz."""
    return lambda: np.savez("bad.npz", **arrays)  # type: ignore[arg-type]


def text(name: str, content: str) -> Prepare:
    """Writes a text file."""
    return lambda: Path(name).write_text(content)


def truncated(name: str, size: int) -> Prepare:
    """Writes the beginning of host.onnx."""
    return lambda: Path(name).write_bytes(Path("host.onnx").read_bytes()[:size])


def shortened() -> None:
    Path("bad.npz").write_bytes(Path("val.npz").read_bytes()[:-100])


def npy(array: NDArray[np.float32]) -> bytes:
    """The content of an .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def headed() -> None:
    """Writes headed.onnx."""
    assert run(["attach", "host.onnx", "card.json", "-o", "headed.onnx"]) == 0


def linked() -> None:
    os.symlink("host.onnx", "link.onnx")


LOGITS = np.zeros((6, 3), dtype=np.float32)
LABELS = np.array([0, 1, 2, 0, 1, 2])
FIT = "fit bad.npz --score margin -o new.json"
ATTACH = "attach host.onnx --score margin --threshold -1 -o new.onnx"
HOST_FIT = "fit --model host.onnx --data bad.npz --score margin -o new.json"

CASES: dict[str, tuple[str, Prepare, str]] = {
    "logits of rank 3": (FIT, stored(logits=LOGITS[None], labels=LABELS), r"must be \(N, C\).*got"),
    "one class": (FIT, stored(logits=LOGITS[:, :1], labels=LABELS), r"C >= 2, got shape \(6, 1\)"),
    "labels out of range": (FIT, stored(logits=LOGITS, labels=LABELS + 1), r"0\.\.2.*got 1 to 3"),
    "negative labels": (FIT, stored(logits=LOGITS, labels=LABELS - 1), r"0\.\.2.*got -1 to 1"),
    "integer logits": (FIT, stored(logits=LOGITS.astype(int), labels=LABELS), "floating point"),
    "labels of text": (FIT, stored(logits=LOGITS, labels=LABELS.astype(str)), "labels must be"),
    "NaN labels": (FIT, stored(logits=LOGITS, labels=LABELS * np.nan), "got NaN"),
    "too few labels": (FIT, stored(logits=LOGITS, labels=LABELS[:5]), r"\(6,\).*got shape \(5,\)"),
    "no rows": (FIT, stored(logits=LOGITS[:0], labels=LABELS[:0]), "at least one row"),
    "no labels": (FIT, stored(logits=LOGITS), r"must hold 'labels'; it holds \['logits'\]"),
    "no logits": (FIT, stored(labels=LABELS), r"must hold 'logits'; it holds \['labels'\]"),
    "pickled arrays": (FIT, stored(logits=np.array([None]), labels=LABELS), "readable .npz"),
    "a truncated .npz": (FIT, shortened, "readable .npz"),
    "a text as .npz": (FIT, text("bad.npz", "logits"), "readable .npz"),
    "a single array": (FIT, lambda: Path("bad.npz").write_bytes(npy(LOGITS)), "single array"),
    "no file": (FIT, nothing, "bad.npz must be a readable .npz"),
    "all rows without a score": (
        FIT,
        stored(logits=LOGITS * np.nan, labels=LABELS),
        "must be finite, got 6",
    ),
    "both a file and --data": (
        "fit logits.npz --data val.npz --score margin -o new.json",
        nothing,
        "one .npz file.*got both",
    ),
    "neither a file nor --data": ("fit --score margin -o new.json", nothing, "got neither"),
    "--logits without a model": (
        "fit logits.npz --logits z --score margin -o new.json",
        nothing,
        "got no model",
    ),
    "two policies": (
        "fit logits.npz --coverage 0.9 --q 0.5 --score margin -o new.json",
        nothing,
        "give one of --q, .* and --threshold, got --q and --coverage",
    ),
    "confidence without risk": (
        "fit logits.npz --confidence 0.9 --score margin -o new.json",
        nothing,
        "--confidence belongs to --risk",
    ),
    "coverage above 1": (
        "fit logits.npz --coverage 90 --score margin -o new.json",
        nothing,
        r"coverage must .*got 90",
    ),
    "a risk that cannot be certified": (
        "fit logits.npz --risk 0.0001 --confidence 0.99 --score margin -o new.json",
        nothing,
        "rows",
    ),
    "an unknown score": ("fit logits.npz --score maximum -o new.json", nothing, "got 'maximum'"),
    "an unknown task": (
        "fit logits.npz --score margin --task ternary -o new.json",
        nothing,
        "got 'ternary'",
    ),
    "no output": ("fit logits.npz --score margin", nothing, r"fit needs --output \(-o\); see"),
    "nothing that is needed": (
        "attach",
        nothing,
        r"attach needs MODEL.onnx, --output \(-o\) and CARD.json \(or --score and --threshold\)",
    ),
    "a coverage that is no number": (
        "fit logits.npz --score margin --coverage most -o new.json",
        nothing,
        "--coverage",
    ),
    "inputs missing": (HOST_FIT, stored(labels=LABELS), r"inputs \['pixels'\]"),
    "inputs of the wrong width": (
        HOST_FIT,
        stored(pixels=np.zeros((6, 5), dtype=np.float32), labels=LABELS),
        r"'pixels' must be \(N, 6\), as the model declares its input, got \(6, 5\)",
    ),
    "inputs of the wrong type": (
        HOST_FIT,
        stored(pixels=np.zeros((6, 6), dtype=np.int64), labels=LABELS),
        "'pixels' must be float32, as the model declares its input, got int64",
    ),
    "no inputs at all": (
        HOST_FIT,
        stored(pixels=np.zeros((0, 6), dtype=np.float32), labels=LABELS[:0]),
        "at least one",
    ),
    "a truncated host to fit on": (
        "fit --model cut.onnx --data val.npz --score margin -o new.json",
        truncated("cut.onnx", 120),
        "cut.onnx must be an ONNX model",
    ),
    "a truncated host": (
        "attach cut.onnx --score margin --threshold -1 -o new.onnx",
        truncated("cut.onnx", 120),
        "cut.onnx must be an ONNX model",
    ),
    "an empty host": (
        "attach cut.onnx --score margin --threshold -1 -o new.onnx",
        truncated("cut.onnx", 0),
        "an empty file",
    ),
    "no host": (
        "attach none.onnx --score margin --threshold -1 -o new.onnx",
        nothing,
        "none.onnx must be a readable ONNX file",
    ),
    "a host without the named output": (f"{ATTACH} --logits probs", nothing, "no value 'probs'"),
    "a kind that the graph contradicts": (
        f"{ATTACH} --logits z --kind probabilities",
        nothing,
        "holds logits, not probabilities",
    ),
    "a task that the graph contradicts": (
        f"{ATTACH} --logits z --task multilabel",
        nothing,
        "classes that compete",
    ),
    "neither a card nor a score": ("attach host.onnx -o new.onnx", nothing, "needs a card, or"),
    "a score without a threshold": (
        "attach host.onnx --score margin -o new.onnx",
        nothing,
        "needs a card, or --score and --threshold",
    ),
    "a card and a score": (
        "attach host.onnx card.json --score margin --threshold -1 -o new.onnx",
        nothing,
        "a card already says --score, --threshold",
    ),
    "a threshold that is not finite": (
        "attach host.onnx --score margin --threshold nan -o new.onnx",
        nothing,
        "threshold",
    ),
    "a temperature of zero": (f"{ATTACH} --temperature 0", nothing, "temperature must be in"),
    "a card that is no JSON": (
        "attach host.onnx bad.json -o new.onnx",
        text("bad.json", "score: margin"),
        "bad.json must be a score card in JSON, but it is a text",
    ),
    "a card of another schema": (
        "export bad.json -o new.onnx",
        text("bad.json", json.dumps({"schema": 99, "score": "margin", "task": "multiclass"})),
        "schema 1 to 2, got 99",
    ),
    "a card without a threshold": (
        "export bad.json -o new.onnx",
        text("bad.json", json.dumps({"schema": 1, "score": "margin", "task": "multiclass"})),
        "needs a threshold",
    ),
    "a card of another width": (
        "attach host.onnx bad.json -o new.onnx",
        text(
            "bad.json",
            json.dumps(
                {
                    "schema": 1,
                    "score": "margin",
                    "task": "multiclass",
                    "threshold": -1.0,
                    "n_classes": 7,
                }
            ),
        ),
        "7 columns, but 'z' has 4",
    ),
    "an opset that does not exist": ("export card.json --opset 99 -o new.onnx", nothing, "7..26"),
    "an unknown runtime": (
        "export card.json --runtime tflite -o new.onnx",
        nothing,
        "got 'tflite'",
    ),
    "a model without a head to verify": ("verify host.onnx", nothing, "attach one first"),
    "a model without a head to detach": ("detach host.onnx -o new.onnx", nothing, "got none"),
    "nothing to retune": ("retune headed.onnx -o new.onnx", headed, "temperature.*threshold"),
    "an unknown provider": ("verify host.onnx --provider gpu", nothing, "got 'gpu'"),
    "nothing to inspect": ("inspect none.onnx", nothing, "none.onnx must be .*no such file"),
    "something else to inspect": (
        "inspect val.npz",
        nothing,
        "val.npz must be an ONNX model, but it is an .npz file of arrays",
    ),
    "an unknown command": (
        "calibrate logits.npz",
        nothing,
        "no command 'calibrate'; did you mean 'fit'",
    ),
    "an existing card": (
        "fit logits.npz --score margin -o card.json",
        nothing,
        "card.json exists.*--force",
    ),
    "an existing model": (
        "attach host.onnx card.json -o plain.onnx",
        nothing,
        "plain.onnx exists.*--force",
    ),
    "the input as output": (
        "attach host.onnx card.json --force -o host.onnx",
        nothing,
        "must not be the input host.onnx",
    ),
    "a link to the input as output": (
        "attach host.onnx card.json --force -o link.onnx",
        linked,
        "must not be the input host.onnx",
    ),
    "a folder as output": (
        "export card.json --force -o .",
        nothing,
        "must be a file, got a folder",
    ),
    "an output in no folder": (
        "export card.json -o none/new.onnx",
        nothing,
        "folder of the output must exist",
    ),
    "a demo in the way of files": (
        "demo --out .",
        text("digits.onnx", "mine"),
        "digits.onnx exists",
    ),
    "a demo in the way of a file": ("demo --out card.json", nothing, "card.json"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files of make_files and a card."""
    monkeypatch.chdir(tmp_path)
    make_files(tmp_path)
    values = {"schema": 1, "score": "margin", "task": "multiclass", "threshold": -1.0}
    Path("card.json").write_text(json.dumps(values))
    return tmp_path


@pytest.mark.parametrize("case", CASES)
def test_misuse_ends_with_one_sentence_and_leaves_every_file_as_it_was(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, prepare, message = CASES[case]
    prepare()
    before = contents(folder)
    outcome = call(capsys, command)
    assert outcome.code == 2, outcome
    assert outcome.out == ""
    lines = outcome.err.splitlines()
    sentence, *listed = [line for line in lines if not line.startswith("logitconf: warning: ")]
    assert re.match(rf"logitconf: error: .*{message}", sentence), outcome.err
    assert all(line.startswith("  ") for line in listed)
    assert contents(folder) == before


def test_a_host_with_several_places_lists_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> two (float[N, 4] a, float[N, 3] b) '
        "=> (float[N, 4] p, float[N, 3] q) { p = Softmax(a) q = Softmax(b) }"
    )
    onnx.save(model, folder / "two.onnx")
    outcome = call(capsys, "attach two.onnx card.json -o new.onnx")
    assert outcome.code == 2
    sentence, *listed = outcome.err.splitlines()
    assert "2 places in the model hold logits; name one" in sentence
    assert [line.split(":")[0].strip(" '") for line in listed] == ["a", "b"]
    assert not (folder / "new.onnx").exists()


def test_a_missing_runtime_names_the_extra(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    command = "fit --model host.onnx --data val.npz --score margin -o new.json"
    outcome = call(capsys, command)
    assert outcome.code == 2
    assert '"logitconf[cpu]"' in outcome.err
    assert not (folder / "new.json").exists()
