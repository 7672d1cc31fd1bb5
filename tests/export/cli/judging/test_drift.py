"""The command drift on digits in float16 and int8, against figures computed apart from it."""

import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper, parser
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
from support import reference, variants
from support.command_line import call, contents, done
from support.report_schema import check_report

from logitconf_export import attach, reattach
from logitconf_export.heads.metadata import read_metadata

HOST = """<ir_version: 8, opset_import: ["": 17]>
digits (float[N, 64] pixels) => (float[N, 10] z) {
  h = MatMul(pixels, w0)
  b = Add(h, b0)
  r = Relu(b)
  g = MatMul(r, w1)
  z = Add(g, b1)
}"""
TEMPERATURE_TOLERANCE = 1e-5
"""Relative: the optimiser's and float32's rounding of T."""
CLOSE = 1e-5
"""Of float32 scores to float64 ones: rounding is below 4e-6."""
VARIANTS = ["float16", "int8 dynamic", "int8 static"]


@dataclass(frozen=True)
class Digits:
    """The host in float32 with its head, its variants, and validation rows."""

    models: dict[str, bytes]
    pixels: NDArray[np.float32]
    labels: NDArray[np.int64]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    folder = tmp_path_factory.mktemp("digits")
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    x, y = (x[order] / 16).astype(np.float32), y[order]
    net = MLPClassifier((24,), random_state=0, max_iter=2000, tol=1e-3).fit(x[:400], y[:400])
    host = parser.parse_model(HOST)
    for i in range(2):
        for name, values in ((f"w{i}", net.coefs_[i]), (f"b{i}", net.intercepts_[i])):
            host.graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), name))
    pixels, labels = x[400:], y[400:].astype(np.int64)
    onnx.save(host, folder / "host.onnx")
    np.savez(folder / "val.npz", pixels=pixels, labels=labels)
    fitted = ["fit", "--model", str(folder / "host.onnx"), "--data", str(folder / "val.npz")]
    fitted += ["--score", "softmax", "--coverage", "0.9", "-o", str(folder / "card.json")]
    from logitconf.card.score_card import ScoreCard
    from logitconf.fitting.score_classes import from_card
    from logitconf_export.cli.app import run

    assert run(fitted) == 0
    model = attach(host, from_card(ScoreCard.load(folder / "card.json")).compile(n_classes=10))
    logging.disable(logging.WARNING)  # quantisation advises through the root logger
    made = {
        "reference": model,
        "float16": reattach(variants.half(model)),
        "int8 dynamic": variants.dynamic(model, folder),
        "int8 static": reattach(variants.static(model, folder, {"pixels": x[:400]})),
    }
    logging.disable(logging.NOTSET)
    return Digits({n: m.SerializeToString() for n, m in made.items()}, pixels, labels)


@pytest.fixture(autouse=True)
def folder(digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in digits.models.items():
        Path(f"{name.replace(' ', '-')}.onnx").write_bytes(content)
    np.savez("val.npz", pixels=digits.pixels, labels=digits.labels)
    np.savez("unlabelled.npz", pixels=digits.pixels)


def decide(path: str, pixels: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Logits and mask as onnxruntime gives them, in batches of 256 as every command runs a host."""
    model = onnx.load(path)
    attached = read_metadata(model).attached
    assert attached is not None
    read = [
        n.output[0] for n in model.graph.node if n.op_type == "Cast" and attached.tensor in n.input
    ]
    tensor = read[0] if read else attached.tensor
    if all(value.name != tensor for value in model.graph.output):
        model.graph.output.append(onnx.ValueInfoProto(name=tensor))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    parts = [
        session.run([tensor, "mask"], {"pixels": pixels[start : start + 256]})
        for start in range(0, len(pixels), 256)
    ]
    logits, mask = (np.concatenate(each) for each in zip(*parts, strict=True))
    return logits.astype(np.float64), mask


def best_temperature(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    def nll(b: float) -> float:
        own = b * logits[np.arange(len(logits)), labels]
        return float(np.mean(logsumexp(b * logits, axis=1) - own))

    found = minimize_scalar(nll, bounds=(0.01, 10.0), method="bounded", options={"xatol": 1e-9})
    return 1.0 / float(found.x)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_drifts_as_counted_apart_and_decides_as_asked_when_refitted(
    digits: Digits, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = f"{name.replace(' ', '-')}.onnx"
    before = contents(Path())
    out = done(
        capsys,
        f"drift reference.onnx {path} --data val.npz --retune -o tuned.onnx --json drift.json",
    )
    assert {k: v for k, v in contents(Path()).items() if k in before} == before
    found = json.loads(Path("drift.json").read_text())
    check_report(found)
    _, ours = decide("reference.onnx", digits.pixels)
    logits, theirs = decide(path, digits.pixels)
    wrong = logits.argmax(axis=1) != digits.labels
    assert found["flips"]["count"] == np.count_nonzero(ours != theirs)
    assert found["newly_accepted"] == np.count_nonzero(theirs & ~ours)
    assert found["variant"]["coverage"]["count"] == theirs.sum()
    assert found["variant"]["risk"]["count"] == np.count_nonzero(wrong & theirs)
    assert found["variant"]["risk"]["total"] == theirs.sum()
    change = found["calibration_change"]
    assert change["low"] <= change["high"]
    assert f"; before refitting {np.count_nonzero(ours != theirs)}\n" in out

    temperature = best_temperature(logits, digits.labels)
    card = read_metadata(onnx.load("tuned.onnx")).card
    assert card.temperature == pytest.approx(temperature, rel=TEMPERATURE_TOLERANCE)
    assert card.policy is not None
    assert (card.policy["name"], card.policy["coverage"]) == ("coverage", 0.9)
    _, tuned = decide("tuned.onnx", digits.pixels)
    scores = reference.score("softmax", logits, card.temperature, "multiclass")
    assert isinstance(card.threshold, float)
    clear = np.abs(scores - card.threshold) > CLOSE
    np.testing.assert_array_equal(tuned[clear], (scores < card.threshold)[clear])
    assert 0.9 <= tuned.mean() <= 0.91
    assert found["refitted"]["variant"]["coverage"]["count"] == tuned.sum()


def test_quantisation_to_int8_moves_decisions(digits: Digits) -> None:
    """Else the test above would compare nothing."""
    _, ours = decide("reference.onnx", digits.pixels)
    _, theirs = decide("int8-static.onnx", digits.pixels)
    assert np.count_nonzero(ours != theirs) > 0


def test_without_labels_flips_are_counted_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    out = done(capsys, "drift reference.onnx int8-static.onnx --data unlabelled.npz")
    assert "no labels" in out
    assert re.match(r"Different: \d+ of 1,397 rows decided differently by int8-static.onnx\n", out)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--data val.npz --retune", "--retune and --output belong together"),
        ("--data val.npz -o tuned.onnx", "--retune and --output belong together"),
        ("--data unlabelled.npz --retune -o tuned.onnx", "--retune needs 'labels'"),
        ("--data val.npz --retune -o float16.onnx --force", "the output must not be the input"),
        ("--data val.npz --json reference.onnx", "the output must not be the input"),
    ],
)
def test_misuse_is_one_sentence_and_writes_nothing(
    options: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(Path())
    outcome = call(capsys, f"drift reference.onnx float16.onnx {options}")
    assert outcome.code == 2
    assert message in outcome.err
    assert contents(Path()) == before


def test_a_threshold_that_was_named_is_not_refitted(capsys: pytest.CaptureFixture[str]) -> None:
    done(capsys, "retune float16.onnx --threshold -0.9 -o named.onnx")
    outcome = call(capsys, "drift reference.onnx named.onnx --data val.npz --retune -o tuned.onnx")
    assert outcome.code == 2
    assert "the threshold was given as a number" in outcome.err
    assert not Path("tuned.onnx").exists()


def test_a_refitted_promise_is_made_on_held_out_rows_and_said(
    digits: Digits, capsys: pytest.CaptureFixture[str]
) -> None:
    done(capsys, "retune float16.onnx --risk 0.1 --data val.npz -o promised.onnx")
    out = done(capsys, "drift reference.onnx promised.onnx --data val.npz --retune -o tuned.onnx")
    card = read_metadata(onnx.load("tuned.onnx")).card
    assert card.certificate is not None
    assert card.certificate.fitted_rows == 0
    assert card.certificate.rows < len(digits.labels)
    assert f"on {card.certificate.rows:,} held-out rows" in " ".join(out.split())
