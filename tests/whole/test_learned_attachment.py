"""A learned confidence goes to a second tensor of the host, by API and by command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from support.command_line import call, done

from logitconf import LearnedConfidenceScore, LogitconfError, SoftmaxScore
from logitconf_export import attach, detach, verify
from logitconf_export.heads.metadata import read_metadata

Array = NDArray[Any]

HOST = """<ir_version: 8, opset_import: ["": 17]>
host (float[N, 8] pixels) => (float[N, 5] classes, CONFIDENCE confidence) {
  z = Gemm(pixels, weight, bias)
  classes = Softmax<axis = 1>(z)
  BODY
}"""
BODIES = {
    "(N, 1)": ("float[N, 1]", "confidence = Gemm(pixels, w, b)"),
    "(N,), squeezed": ("float[N]", "s = Gemm(pixels, w, b)  confidence = Squeeze(s, axes)"),
    "(N,), picked": ("float[N]", "s = Gemm(pixels, w, b)  confidence = Gather<axis = 1>(s, zero)"),
    "sigmoid": ("float[N, 1]", "s = Gemm(pixels, w, b)  confidence = Sigmoid(s)"),
    "sigmoid of (N,)": (
        "float[N]",
        "s = Gemm(pixels, w, b)  v = Squeeze(s, axes)  confidence = Sigmoid(v)",
    ),
    "one logit of a class beside it": (
        "float[N, 1]",
        "confidence = Gemm(pixels, w, b)  other = Neg(confidence)",
    ),
}


def weights() -> dict[str, Array]:
    random = np.random.default_rng(3)
    shapes = {"weight": (8, 5), "bias": (5,), "w": (8, 1), "b": (1,)}
    made: dict[str, Array] = {
        name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()
    }
    return {**made, "axes": np.array([1]), "zero": np.array(0)}


def host_of(body: str = "(N, 1)") -> onnx.ModelProto:
    declared, nodes = BODIES[body]
    text = HOST.replace("CONFIDENCE", declared).replace("BODY", nodes)
    model = onnx.parser.parse_model(text)
    used = {name for node in model.graph.node for name in node.input}
    for name, array in weights().items():
        if name in used:
            model.graph.initializer.append(numpy_helper.from_array(array, name))
    return model


def pixels(rows: int = 400) -> Array:
    return np.random.default_rng(4).standard_normal((rows, 8)).astype(np.float32)


def confidence_logits(rows: Array) -> Array:
    made = weights()
    found: Array = (rows @ made["w"] + made["b"]).astype(np.float32)
    return found


def fitted() -> LearnedConfidenceScore:
    score = LearnedConfidenceScore(2.0)
    score.fit(confidence_logits(pixels()))
    score.set_threshold(coverage=0.7)
    return score


@pytest.mark.parametrize("body", BODIES)
def test_the_named_tensor_of_any_shape_is_scored(body: str) -> None:
    shipped = attach(host_of(body), fitted().compile(), logits="confidence")
    assert read_metadata(shipped).attached is not None
    session = onnxruntime.InferenceSession(shipped.SerializeToString())
    found, mask = session.run(["score", "mask"], {"pixels": pixels()})
    exact = -1.0 / (1.0 + np.exp(-confidence_logits(pixels()).astype(np.float64).reshape(-1) / 2.0))
    np.testing.assert_allclose(found, exact, rtol=1e-5)
    assert mask.sum() == 280
    assert verify(shipped, pixels(), rows_as="inputs", pairs=50).passed
    assert detach(shipped) == host_of(body)


@pytest.mark.parametrize("body", ["(N, 1)", "sigmoid"])
def test_its_tensor_must_be_named(body: str) -> None:
    with pytest.raises(LogitconfError, match=r"name its tensor with logits=.*\n.*'z': logits"):
        attach(host_of(body), fitted().compile())


def test_the_class_logits_are_no_confidence() -> None:
    with pytest.raises(LogitconfError, match=r"'z' cannot hold binary logits|made for 1 columns"):
        attach(host_of(), fitted().compile(), logits="z")


def test_a_score_of_the_classes_still_finds_them_beside_a_confidence() -> None:
    score = SoftmaxScore()
    score.set_threshold(value=-0.5)
    metadata = read_metadata(attach(host_of(), score.compile()))
    assert metadata.attached is not None
    assert metadata.attached.tensor == "z"


def test_one_confidence_a_label_is_attached_along_the_labels() -> None:
    model = onnx.parser.parse_model("""<ir_version: 8, opset_import: ["": 17]>
    host (float[N, 8] pixels) => (float[N, 5] labels, float[N, 5] confidence) {
      confidence = Gemm(pixels, weight, bias)
      z = Neg(confidence)
      labels = Sigmoid(z)
    }""")
    for name in ("weight", "bias"):
        model.graph.initializer.append(numpy_helper.from_array(weights()[name], name))
    made = weights()
    logits = pixels() @ made["weight"] + made["bias"]
    score = LearnedConfidenceScore(task="multilabel").fit(logits.astype(np.float32))
    score.set_threshold(coverage=0.5)
    shipped = attach(model, score.compile(), logits="confidence")
    session = onnxruntime.InferenceSession(shipped.SerializeToString())
    found, mask = session.run(["score", "mask"], {"pixels": pixels()})
    exact = -1.0 / (1.0 + np.exp(-logits.astype(np.float64).min(axis=1)))
    np.testing.assert_allclose(found, exact, rtol=1e-5)
    assert mask.sum() == 200


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Array]:
    """A host, its data with labels, and the same as logits, in the working folder."""
    monkeypatch.chdir(tmp_path)
    onnx.save(host_of(), "host.onnx")
    rows, made = pixels(), weights()
    logits = rows @ made["weight"] + made["bias"]
    confidence = confidence_logits(rows)
    random = np.random.default_rng(8)
    right = random.random(len(rows)) < 1.0 / (1.0 + np.exp(-confidence[:, 0] / 3.0))
    labels = np.where(right, logits.argmax(axis=1), logits.argmin(axis=1))
    np.savez("val.npz", pixels=rows, labels=labels)
    np.savez("logits.npz", logits=logits, labels=labels, confidence=confidence)
    return {"right": right, "confidence": confidence}


def test_the_commands_fit_on_class_labels_and_attach_to_the_confidence(
    files: dict[str, Array], capsys: pytest.CaptureFixture[str]
) -> None:
    options = "--score learned --coverage 0.7"
    from_host = "fit --model host.onnx --data val.npz --logits confidence"
    out = done(capsys, f"{from_host} {options} -o card.json")
    assert f"accuracy  {files['right'].mean() * 100:.1f} % of all" in out
    done(capsys, f"fit logits.npz {options} -o same.json")
    card, same = (json.loads(Path(name).read_text()) for name in ("card.json", "same.json"))
    assert (card["score"], card["task"], card["n_classes"]) == ("learned", "binary", 1)
    assert card["temperature"] == pytest.approx(same["temperature"], rel=1e-5)
    assert card["temperature"] == pytest.approx(3.0, rel=0.4)
    assert (card["policy"]["accepted"], card["rows"]["errors"]) == (280, 174)
    done(capsys, "attach host.onnx card.json --logits confidence -o out.onnx")
    done(capsys, "verify out.onnx --data val.npz")
    done(capsys, "attach host.onnx --score learned --threshold -0.6 --logits confidence -o b.onnx")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("fit --model host.onnx --data val.npz --score learned -o c.json", "with --logits"),
        ("fit val.npz --score learned -o c.json", "must hold 'logits'"),
        ("fit logits.npz --score softmax --class-logits z -o c.json", "--class-logits belongs to"),
        ("attach host.onnx --score learned --threshold -0.6 -o out.onnx", "name its tensor"),
        (
            "attach host.onnx --score learned --threshold -0.6 --task multiclass -o out.onnx",
            "task must be 'binary'",
        ),
    ],
)
@pytest.mark.usefixtures("files")
def test_a_command_that_does_not_fit_says_what_would(
    capsys: pytest.CaptureFixture[str], command: str, message: str
) -> None:
    outcome = call(capsys, command)
    assert outcome.code == 2
    assert message in " ".join(outcome.err.split())
    assert not Path("out.onnx").exists()
