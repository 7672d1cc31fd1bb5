"""What goes wrong when logitconf is used for the first time, each as one would type it.

Run as a program it writes the record of what is answered: ``python -m support.mistakes`` in the
folder ``tests``, or ``python tests/support/mistakes.py``.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import shlex
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from support.command_line import make_files

from logitconf.errors import LogitconfError
from logitconf_export.cli.app import run

RECORD = Path(__file__).parents[1] / "records" / "mistakes.md"
ROWS = np.random.default_rng(3).normal(size=(12, 3)).astype(np.float32)
LABELS = ROWS.argmax(axis=1)


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    Attributes:
        what: was done.
        line: what was typed: a command, or Python where it starts with ``>>>``.
        says: patterns that the answer must have, each; what must hold, what came, what to do.
        code: of the command's end; 0 where a warning is the answer.
    """

    what: str
    line: str
    says: tuple[str, ...] = ()
    code: int = 2


def files() -> None:
    """All files that the mistakes name, in the working folder."""
    made = make_files(Path())
    with contextlib.redirect_stdout(io.StringIO()):
        assert run(["fit", "logits.npz", "-o", "card.json"]) == 0
        assert run(["attach", "host.onnx", "card.json", "-o", "out.onnx"]) == 0
    for name, arrays in _ARRAYS.items():
        np.savez(f"{name}.npz", **arrays)  # type: ignore[arg-type]
    np.savez("images.npz", images=made.pixels, labels=made.labels)
    np.savez("narrow.npz", pixels=made.pixels[:, :5], labels=made.labels)
    np.savez("bytes.npz", pixels=(made.pixels * 9).astype(np.uint8), labels=made.labels)
    np.savez("shuffled.npz", logits=made.logits, labels=np.roll(made.labels, 7))
    np.save("logits.npy", made.logits)
    Path("net.pth").write_bytes(pickle.dumps({"weight": [1.0]}, protocol=2))
    with zipfile.ZipFile("net.pt", "w") as archive:
        archive.writestr("net/data.pkl", b"\x80\x02}q\x00.")
    Path("net.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    Path("net.tflite").write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(64))
    Path("net.safetensors").write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      " + bytes(8))
    Path("rows.csv").write_text("logit_0,logit_1,label\n0.5,-0.5,0\n")
    Path("empty.onnx").touch()
    Path("models").mkdir()
    Path("cut.onnx").write_bytes(Path("host.onnx").read_bytes()[:150])
    Path("text.json").write_text("score: softmax\n")


_ARRAYS: Mapping[str, Mapping[str, object]] = {
    "other_names": {"preds": ROWS, "y": LABELS},
    "no_labels": {"logits": ROWS},
    "strings": {"logits": ROWS, "labels": np.array(["cat", "dog", "owl"])[LABELS]},
    "one_hot": {"logits": ROWS, "labels": np.eye(3)[LABELS]},
    "fractions": {"logits": ROWS, "labels": LABELS + 0.5},
    "from_one": {"logits": ROWS, "labels": LABELS + 1},
    "ignored": {"logits": ROWS, "labels": np.where(LABELS == 2, -100, LABELS)},
    "nan_labels": {"logits": ROWS, "labels": LABELS * np.nan},
    "transposed": {"logits": ROWS.T, "labels": LABELS},
    "integers": {"logits": (ROWS * 10).astype(int), "labels": LABELS},
    "probabilities": {
        "logits": np.exp(ROWS) / np.exp(ROWS).sum(axis=1, keepdims=True),
        "labels": LABELS,
    },
    "few_labels": {"logits": ROWS, "labels": LABELS[:9]},
    "sigmoid": {"logits": ROWS[:, :1], "labels": LABELS > 0},
    "three_columns": {"logits": ROWS, "labels": LABELS > 0},
    "no_rows": {"logits": ROWS[:0], "labels": LABELS[:0]},
    "nan": {"logits": ROWS * np.nan, "labels": LABELS},
    "one_class": {"logits": np.abs(ROWS), "labels": LABELS * 0},
    "swapped": {"logits": LABELS, "labels": ROWS},
    "images_as_logits": {"logits": np.zeros((12, 3, 8, 8), np.float32), "labels": LABELS},
}

MISTAKES: tuple[Mistake, ...] = (
    Mistake("a command with a slip of the finger", "ft logits.npz -o new.json"),
    Mistake("a file where the command goes", "host.onnx"),
    Mistake("no argument at all", "fit"),
    Mistake("an output forgotten", "attach host.onnx card.json"),
    Mistake("a threshold forgotten", "attach host.onnx --score softmax -o new.onnx"),
    Mistake("an option misspelt", "fit logits.npz --covrage 0.9 -o new.json"),
    Mistake("a value forgotten", "fit logits.npz -o"),
    Mistake("two files where one goes", "fit logits.npz val.npz -o new.json"),
    Mistake("a percent sign", "fit logits.npz --coverage 90% -o new.json"),
    Mistake("percent without the sign", "fit logits.npz --coverage 90 -o new.json"),
    Mistake("a decimal comma", "fit logits.npz --coverage 0,9 -o new.json"),
    Mistake("a risk in percent", "fit logits.npz --risk 5 -o new.json"),
    Mistake("a confidence in percent", "fit logits.npz --risk 0.3 --confidence 95 -o new.json"),
    Mistake("a holdout in percent", "fit logits.npz --holdout 50 -o new.json"),
    Mistake("a holdout of everything", "fit logits.npz --holdout 1 -o new.json"),
    Mistake("a probability as threshold", "fit logits.npz --threshold 0.9 -o new.json"),
    Mistake(
        "the same when attaching", "attach host.onnx --score softmax --threshold 0.9 -o n.onnx"
    ),
    Mistake("the same when retuning", "retune out.onnx --threshold 0.9 -o new.onnx"),
    Mistake("nothing to retune", "retune out.onnx -o new.onnx"),
    Mistake("two policies at once", "fit logits.npz --coverage 0.9 --risk 0.1 -o new.json"),
    Mistake("a confidence without a risk", "fit logits.npz --confidence 0.95 -o new.json"),
    Mistake("a risk that these rows cannot promise", "fit logits.npz --risk 0.001 -o new.json"),
    Mistake("--fpr without outliers", "fit logits.npz --fpr 0.05 -o new.json"),
    Mistake("one number for two costs", "fit logits.npz --cost 5 -o new.json"),
    Mistake("a score in capitals and misspelt", "fit logits.npz --score Sofmax -o new.json"),
    Mistake("a class where a score goes", "fit logits.npz --score MaxLogitScore -o new.json"),
    Mistake("a task as others write it", "fit logits.npz --task multi_class -o new.json"),
    Mistake("a provider by what it is", "verify out.onnx --provider gpu"),
    Mistake("a provider by its full name", "verify out.onnx --provider CUDAExecutionProvider"),
    Mistake("a provider that is not there", "verify out.onnx --provider cuda"),
    Mistake("a runtime by its nickname", "verify out.onnx --on ort"),
    Mistake("a runtime where the form goes", "export card.json --runtime openvino -o new.onnx"),
    Mistake("a mask of another type", "export card.json --mask-type int8 -o new.onnx"),
    Mistake("an opset of the future", "export card.json --opset 99 -o new.onnx"),
    Mistake("a kind as others write it", "fit logits.npz --kind probs -o new.json"),
    Mistake("model and card swapped", "attach card.json host.onnx -o new.onnx"),
    Mistake("a model where the rows go", "fit host.onnx -o new.json"),
    Mistake("model and rows swapped", "fit --model val.npz --data host.onnx -o new.json"),
    Mistake("rows where the model goes", "verify val.npz --data out.onnx"),
    Mistake("a card where the model goes", "verify card.json"),
    Mistake("a card where the rows go", "fit card.json -o new.json"),
    Mistake("rows where the card goes", "attach host.onnx logits.npz -o new.onnx"),
    Mistake("rows to inspect", "inspect logits.npz"),
    Mistake("a checkpoint of torch", "inspect net.pt"),
    Mistake("an older checkpoint of torch", "inspect net.pth"),
    Mistake("a model of Keras", "attach net.h5 card.json -o new.onnx"),
    Mistake("a model of TensorFlow Lite", "verify net.tflite"),
    Mistake("weights alone", "inspect net.safetensors"),
    Mistake("a table as rows", "fit rows.csv -o new.json"),
    Mistake("one array without a name", "fit logits.npy -o new.json"),
    Mistake("a folder as model", "inspect models"),
    Mistake("an empty file", "inspect empty.onnx"),
    Mistake("a file that was cut off", "attach cut.onnx card.json -o new.onnx"),
    Mistake("a file that is not there", "fit logit.npz -o new.json"),
    Mistake("a model that is not there", "inspect hots.onnx"),
    Mistake("a card that is not there", "attach host.onnx crad.json -o new.onnx"),
    Mistake("a card that is no JSON", "attach host.onnx text.json -o new.onnx"),
    Mistake("an output that exists", "fit logits.npz -o card.json"),
    Mistake("a folder that is not there", "fit logits.npz -o results/card.json"),
    Mistake("a folder as output", "fit logits.npz -o models"),
    Mistake("the input as output", "attach host.onnx card.json --force -o host.onnx"),
    Mistake("arrays of other names", "fit other_names.npz -o new.json"),
    Mistake("labels forgotten", "fit no_labels.npz -o new.json"),
    Mistake("an input of another name", "fit --model host.onnx --data images.npz -o new.json"),
    Mistake("logits where inputs go", "fit --model host.onnx --data logits.npz -o new.json"),
    Mistake("inputs where logits go", "fit val.npz -o new.json"),
    Mistake("inputs of another width", "fit --model host.onnx --data narrow.npz -o new.json"),
    Mistake("inputs of another type", "fit --model host.onnx --data bytes.npz -o new.json"),
    Mistake("names of classes as labels", "fit strings.npz -o new.json"),
    Mistake("one-hot labels", "fit one_hot.npz -o new.json"),
    Mistake("fractions as labels", "fit fractions.npz -o new.json"),
    Mistake("labels from one", "fit from_one.npz -o new.json"),
    Mistake("labels of rows to ignore", "fit ignored.npz -o new.json"),
    Mistake("labels that are missing", "fit nan_labels.npz -o new.json"),
    Mistake("fewer labels than rows", "fit few_labels.npz -o new.json"),
    Mistake("logits and labels swapped", "fit swapped.npz -o new.json"),
    Mistake("logits with rows and columns swapped", "fit transposed.npz -o new.json"),
    Mistake("whole numbers as logits", "fit integers.npz -o new.json"),
    Mistake("probabilities as logits", "fit probabilities.npz -o new.json"),
    Mistake("maps as logits", "fit images_as_logits.npz -o new.json"),
    Mistake("one column for several classes", "fit sigmoid.npz -o new.json"),
    Mistake("three columns for yes and no", "fit three_columns.npz --task binary -o new.json"),
    Mistake("classes for labels", "fit from_one.npz --task multilabel -o new.json"),
    Mistake("no rows", "fit no_rows.npz -o new.json"),
    Mistake("logits that are all NaN", "fit nan.npz -o new.json"),
    Mistake("rows of one class alone", "fit one_class.npz -o new.json", code=0),
    Mistake("rows and labels in different orders", "fit shuffled.npz -o new.json", code=0),
    Mistake("a model without a head to verify", "verify host.onnx"),
    Mistake("a model without a head to detach", "detach host.onnx -o new.onnx"),
    Mistake("an output of another name", "attach host.onnx card.json --logits probs -o new.onnx"),
    Mistake("a card of another task", "attach binary.onnx card.json -o new.onnx"),
    Mistake("a card and a threshold", "attach host.onnx card.json --threshold -1 -o new.onnx"),
    Mistake("a task in capitals", '>>> logitconf.SoftmaxScore(task="Multiclass")'),
    Mistake("a temperature of zero", ">>> logitconf.SoftmaxScore(temperature=0)"),
    Mistake("a temperature as text", '>>> logitconf.SoftmaxScore(temperature="1.5")'),
    Mistake("a class misspelt", ">>> logitconf.SofmaxScore()"),
    Mistake("no score chosen", ">>> logitconf.LogitScore()"),
    Mistake("labels first", ">>> logitconf.SoftmaxScore().fit(labels, logits)"),
    Mistake("nothing to fit", ">>> logitconf.SoftmaxScore().fit()"),
    Mistake("a decision before a fit", ">>> logitconf.SoftmaxScore().select(logits)"),
    Mistake("percent in Python", ">>> fitted.set_threshold(coverage=90)"),
    Mistake("two policies in Python", ">>> fitted.set_threshold(coverage=0.9, risk=0.1)"),
    Mistake("a probability as threshold", ">>> fitted.set_threshold(value=0.9)"),
    Mistake("logits of another width", ">>> fitted.score(logits[:, :2])"),
    Mistake("another task afterwards", '>>> fitted.task = "binary"'),
    Mistake("a runtime by its nickname", '>>> logitconf.to_onnx(fitted, runtime="ort")'),
    Mistake("a head without a threshold", ">>> logitconf.to_onnx(logitconf.SoftmaxScore())"),
    Mistake("something else as head", ">>> logitconf.to_onnx(logits)"),
    Mistake("a model to load as a score", '>>> logitconf.load("host.onnx")'),
    Mistake("model and card swapped", '>>> logitconf.attach("card.json", "host.onnx")'),
    Mistake("one provider as text", '>>> logitconf.verify("out.onnx", providers="cpu")'),
    Mistake("a provider by what it is", '>>> logitconf.verify("out.onnx", providers=["gpu"])'),
    Mistake("rows without their meaning", '>>> logitconf.verify("out.onnx", logits)'),
)


def answer(mistake: Mistake) -> tuple[int, str]:
    """How it ends, and what is said; the files must be in the working folder."""
    if mistake.line.startswith(">>> "):
        return _answer_of_python(mistake.line.removeprefix(">>> "))
    streams = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        code = run(shlex.split(mistake.line))
    return code, streams[1].getvalue().strip()


def _answer_of_python(line: str) -> tuple[int, str]:
    import logitconf

    stored = np.load("logits.npz")
    names = {"logitconf": logitconf, "logits": stored["logits"], "labels": stored["labels"]}
    names["fitted"] = logitconf.load("card.json").fit(stored["logits"], stored["labels"])
    try:
        exec(line, names)
    except (LogitconfError, AttributeError) as error:
        return 2, f"{type(error).__name__}: {error}"
    return 0, ""


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        files()
        for each in MISTAKES:
            code, said = answer(each)
            print(f"\n[{code}] {each.what}\n$ {each.line}\n  {said}")
