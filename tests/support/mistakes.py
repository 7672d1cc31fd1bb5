"""What goes wrong when logitconf is used for the first time, each as one would type it.

Run as a program it writes the record of what is answered.
"""

from __future__ import annotations

import contextlib
import io
import os
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
        says: what the answer must hold, of what to do.
    """

    what: str
    line: str
    says: str


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
    "few_names": {"logits": ROWS, "labels": np.array(["cat", "dog", "dog"])[LABELS]},
    "texts": {"logits": ROWS, "labels": LABELS.astype(str)},
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
    "swapped": {"logits": LABELS, "labels": ROWS},
    "images_as_logits": {"logits": np.zeros((12, 3, 8, 8), np.float32), "labels": LABELS},
}

MISTAKES: tuple[Mistake, ...] = (
    Mistake("a slip of the finger", "ft logits.npz -o new.json", "did you mean 'fit'?"),
    Mistake("a file where the command goes", "host.onnx", "try logitconf inspect host.onnx"),
    Mistake("no argument at all", "fit", "VAL.npz (or --data, with --model, or --dataset)"),
    Mistake("an output forgotten", "attach host.onnx card.json", "needs --output (-o); see"),
    Mistake("a threshold forgotten", "attach host.onnx --score softmax -o new.onnx", "--threshold"),
    Mistake("an option misspelt", "fit logits.npz --covrage 0.9 -o n.json", "mean --coverage?"),
    Mistake("a value forgotten", "fit logits.npz -o", "needs a value after -o"),
    Mistake("two files where one goes", "fit logits.npz val.npz -o new.json", "takes VAL.npz"),
    Mistake("an argument misspelt", ">>> logitconf.fit(logits, labels, holdot=0.5)", "'holdout'?"),
    Mistake("a percent sign", "fit logits.npz --coverage 90% -o new.json", "write 0.9"),
    Mistake("percent without the sign", "fit logits.npz --coverage 90 -o n.json", "write 0.9 for"),
    Mistake("a decimal comma", "fit logits.npz --coverage 0,9 -o new.json", "write 0.9"),
    Mistake("a risk in percent", "fit logits.npz --risk 5 -o new.json", "write 0.05 for 5 %"),
    Mistake(
        "a confidence in percent",
        "fit logits.npz --risk 0.3 --confidence 95 -o new.json",
        "write 0.95 for 95 %",
    ),
    Mistake("a holdout in percent", "fit logits.npz --holdout 50 -o new.json", "write 0.5 for"),
    Mistake("a holdout of everything", "fit logits.npz --holdout 1 -o new.json", "such as 0.5"),
    Mistake("a seed with a point", "fit logits.npz --seed 1.0 -o new.json", "write 1"),
    Mistake("a probability as threshold", "fit logits.npz --threshold 0.9 -o n.json", "mean -0.9?"),
    Mistake(
        "the same when attaching",
        "attach host.onnx --score softmax --threshold 0.9 -o n.onnx",
        "must lie in [-1, 0]",
    ),
    Mistake("the same when retuning", "retune out.onnx --threshold 0.9 -o n.onnx", "mean -0.9?"),
    Mistake("nothing to retune", "retune out.onnx -o new.onnx", "a temperature or a threshold"),
    Mistake(
        "two policies at once",
        "fit logits.npz --coverage 0.9 --risk 0.1 -o new.json",
        "give one of",
    ),
    Mistake(
        "a confidence alone", "fit logits.npz --confidence 0.95 -o n.json", "belongs to --risk"
    ),
    Mistake(
        "a risk too low to promise", "fit logits.npz --risk 0.001 -o n.json", "bring more rows"
    ),
    Mistake("--fpr without outliers", "fit logits.npz --fpr 0.05 -o new.json", "(--ood)"),
    Mistake(
        "one number for two costs", "fit logits.npz --cost 5 -o new.json", "such as --cost 5,1"
    ),
    Mistake("a score misspelt", "fit logits.npz --score Sofmax -o new.json", "mean 'softmax'?"),
    Mistake(
        "a class for a score", "fit logits.npz --score MaxLogitScore -o n.json", "'max_logit'?"
    ),
    Mistake(
        "a chosen score of members",
        "fit logits.npz --score auto --per-member -o n.json",
        "name a score with these",
    ),
    Mistake(
        "a task as others write it", "fit logits.npz --task multi_class -o n.json", "multiclass"
    ),
    Mistake("a provider by what it is", "verify out.onnx --provider gpu", "did you mean 'cuda'?"),
    Mistake(
        "a provider by its full name", "verify out.onnx --provider CUDAExecutionProvider", "'cuda'?"
    ),
    Mistake("a runtime by its nickname", "verify out.onnx --on ort", "mean 'onnxruntime'?"),
    Mistake(
        "a runtime where the form goes", "export card.json --runtime openvino -o n.onnx", "'any'?"
    ),
    Mistake("a mask of another type", "export card.json --mask-type int8 -o n.onnx", "'uint8'?"),
    Mistake("an opset of the future", "export card.json --opset 99 -o n.onnx", "must be in 7..26"),
    Mistake(
        "a kind as others write it", "fit logits.npz --kind probs -o n.json", "probabilities'?"
    ),
    Mistake("model and card swapped", "attach card.json host.onnx -o n.onnx", "follows its model"),
    Mistake("a model where the rows go", "fit host.onnx -o new.json", "after --model"),
    Mistake(
        "model and rows swapped", "fit --model val.npz --data host.onnx -o n.json", "after --data"
    ),
    Mistake("rows where the model goes", "verify val.npz --data out.onnx", "its rows after --data"),
    Mistake("a card where the model goes", "verify card.json", "a card follows its model"),
    Mistake("a card where the rows go", "fit card.json -o new.json", "name the .npz file of the"),
    Mistake(
        "rows where the card goes", "attach host.onnx logits.npz -o n.onnx", "makes a card from"
    ),
    Mistake("rows to inspect", "inspect logits.npz", "it is an .npz file of arrays"),
    Mistake("a checkpoint of torch", "inspect net.pt", "as with torch.onnx.export"),
    Mistake("an older checkpoint of torch", "inspect net.pth", "as with torch.onnx.export"),
    Mistake("a model of Keras", "attach net.h5 card.json -o new.onnx", "as with tf2onnx"),
    Mistake("a model of TensorFlow Lite", "verify net.tflite", "as with tf2onnx"),
    Mistake("weights alone", "inspect net.safetensors", "export the network to ONNX"),
    Mistake("a table as rows", "fit rows.csv -o new.json", "with --logits-columns, such as"),
    Mistake("one array without a name", "fit logits.npy -o new.json", "save it with numpy.savez"),
    Mistake("a folder as model", "inspect models", "name a file in it"),
    Mistake("an empty file", "inspect empty.onnx", "it is an empty file"),
    Mistake("a file that was cut off", "attach cut.onnx card.json -o n.onnx", "copy it again"),
    Mistake("rows that are not there", "fit logit.npz -o new.json", "did you mean logits.npz?"),
    Mistake("a model that is not there", "inspect hots.onnx", "did you mean host.onnx?"),
    Mistake("a card that is not there", "attach host.onnx crad.json -o n.onnx", "mean card.json?"),
    Mistake(
        "a card that is no JSON", "attach host.onnx text.json -o n.onnx", "logitconf fit writes"
    ),
    Mistake("an output that exists", "fit logits.npz -o card.json", "overwrite it with --force"),
    Mistake("a folder that is not there", "fit logits.npz -o results/card.json", "make it first"),
    Mistake("a folder as output", "fit logits.npz -o models", "name a file"),
    Mistake(
        "the input as output", "attach host.onnx card.json --force -o host.onnx", "another file"
    ),
    Mistake("arrays of other names", "fit other_names.npz -o n.json", "'preds', float32 (12, 3)"),
    Mistake("labels forgotten", "fit no_labels.npz -o new.json", "add it to the file"),
    Mistake(
        "an input of another name", "fit --model host.onnx --data images.npz -o n.json", "'pixels'"
    ),
    Mistake(
        "logits where inputs go",
        "fit --model host.onnx --data logits.npz -o new.json",
        "leave out --model",
    ),
    Mistake("inputs where logits go", "fit val.npz -o new.json", "name it with --model"),
    Mistake(
        "inputs of another width",
        "fit --model host.onnx --data narrow.npz -o new.json",
        "'pixels' must be (N, 6)",
    ),
    Mistake(
        "inputs of another type",
        "fit --model host.onnx --data bytes.npz -o new.json",
        "'pixels' must be float32",
    ),
    Mistake("too few names of classes", "fit few_names.npz -o new.json", "order of the columns"),
    Mistake("numbers written as text", "fit texts.npz -o new.json", ".astype(float)"),
    Mistake("one-hot labels", "fit one_hot.npz -o new.json", "labels.argmax(axis=1)"),
    Mistake(
        "fractions as labels", "fit fractions.npz -o new.json", "class indices (whole numbers)"
    ),
    Mistake("labels from one", "fit from_one.npz -o new.json", "subtract 1"),
    Mistake("labels of rows to ignore", "fit ignored.npz -o new.json", "--ignore-label -100"),
    Mistake("labels that are missing", "fit nan_labels.npz -o new.json", "drop those rows"),
    Mistake("fewer labels than rows", "fit few_labels.npz -o new.json", "one for each row"),
    Mistake("logits and labels swapped", "fit swapped.npz -o new.json", "swap the two"),
    Mistake("rows and columns swapped", "fit transposed.npz -o new.json", "give logits.T"),
    Mistake("whole numbers as logits", "fit integers.npz -o new.json", ".astype('float32')"),
    Mistake("probabilities as logits", "fit probabilities.npz -o n.json", "--kind probabilities"),
    Mistake("maps as logits", "fit images_as_logits.npz -o new.json", "make every position a row"),
    Mistake("one column for several classes", "fit sigmoid.npz -o new.json", "--task binary"),
    Mistake(
        "three columns for yes and no",
        "fit three_columns.npz --task binary -o n.json",
        "multiclass",
    ),
    Mistake(
        "classes for labels", "fit from_one.npz --task multilabel -o n.json", "task='multiclass'"
    ),
    Mistake("no rows", "fit no_rows.npz -o new.json", "at least one row"),
    Mistake("logits that are all NaN", "fit nan.npz -o new.json", "must be finite"),
    Mistake("a model without a head to verify", "verify host.onnx", "attach one first"),
    Mistake("a model without a head to detach", "detach host.onnx -o new.onnx", "must have a head"),
    Mistake(
        "an output of another name",
        "attach host.onnx card.json --logits probs -o n.onnx",
        "'z': log",
    ),
    Mistake("a card of another task", "attach binary.onnx card.json -o new.onnx", "(--task)"),
    Mistake(
        "a card and a threshold",
        "attach host.onnx card.json --threshold -1 -o new.onnx",
        "give one or the other",
    ),
    Mistake("a task in capitals", '>>> logitconf.SoftmaxScore(task="Multiclass")', "'multiclass'?"),
    Mistake("a temperature of zero", ">>> logitconf.SoftmaxScore(temperature=0)", "must be in"),
    Mistake("a temperature as text", '>>> logitconf.SoftmaxScore(temperature="1.5")', "a number"),
    Mistake("no score chosen", ">>> logitconf.LogitScore()", "choose a score"),
    Mistake("a score misspelt", '>>> logitconf.fit(logits, labels, "softmx")', "mean 'softmax'?"),
    Mistake("labels first", ">>> logitconf.SoftmaxScore().fit(labels, logits)", "swap the two"),
    Mistake("nothing to fit", ">>> logitconf.SoftmaxScore().fit()", "logits X or model and loader"),
    Mistake("a decision before a fit", ">>> logitconf.SoftmaxScore().select(logits)", "call fit("),
    Mistake("percent in Python", ">>> fitted.set_threshold(coverage=90)", "write 0.9 for 90 %"),
    Mistake(
        "a policy misspelt", ">>> fitted.set_threshold(covrage=0.9)", "did you mean 'coverage'?"
    ),
    Mistake("two policies", ">>> fitted.set_threshold(coverage=0.9, risk=0.1)", "one policy"),
    Mistake("a probability", ">>> fitted.set_threshold(value=0.9)", "did you mean -0.9?"),
    Mistake("logits of another width", ">>> fitted.score(logits[:, :2])", "must have 4 columns"),
    Mistake("a nickname", '>>> logitconf.to_onnx(fitted, runtime="ort")', "mean 'onnxruntime'?"),
    Mistake(
        "a head without a threshold", ">>> logitconf.to_onnx(logitconf.SoftmaxScore())", "set_thre"
    ),
    Mistake(
        "something else as head", ">>> logitconf.to_onnx(logits)", "a fitted score, a score card"
    ),
    Mistake("a model as a score", '>>> logitconf.load("host.onnx")', "it is an ONNX model"),
    Mistake("both swapped", '>>> logitconf.attach("card.json", "host.onnx")', "it is a score card"),
    Mistake("text for a list", '>>> logitconf.verify("out.onnx", providers="cpu")', "['cpu']"),
    Mistake("a GPU", '>>> logitconf.verify("out.onnx", providers=["gpu"])', "did you mean 'cuda'?"),
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
    except LogitconfError as error:
        return 2, f"{type(error).__name__}: {error}"
    return 0, ""


def record() -> str:
    """Every mistake with its answer, in the working folder, as Markdown."""
    parts = [HEADER.format(count=len(MISTAKES))]
    for each in MISTAKES:
        typed = each.line if each.line.startswith(">>> ") else f"$ logitconf {each.line}"
        _, said = answer(each)
        parts.append(f"## {each.what}\n\n```text\n{typed}\n{said}\n```\n")
    return "\n".join(parts)


HEADER = """# What users see when something goes wrong

{count} mistakes as they are typed, each with its answer; commands end with 2, and no file is left
or changed. Written by `python tests/support/mistakes.py`, which also makes the files.
"""


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        files()
        RECORD.write_text(record(), encoding="utf-8")
