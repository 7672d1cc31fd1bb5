"""`verify --inputs module:function`: images and text, read by a function of the user's own."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper, parser
from skl2onnx import to_onnx
from skl2onnx.common.data_types import StringTensorType
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from support import head_models
from support.command_line import call, done
from support.report_schema import check_report

from logitconf.errors import LogitconfError
from logitconf_export.cli.rows.user_function import made_arrays
from logitconf_export.heads.conversion import to_onnx as head_to_onnx

IMAGES = """<ir_version: 8, opset_import: ["": 17]>
painter (uint8[N, 12, 12, 3] images) => (float[N, 4] probabilities) {
  floats = Cast<to = 1>(images)
  small = Mul(floats, scale)
  first = Transpose<perm = [0, 3, 1, 2]>(small)
  maps = Conv<pads = [1, 1, 1, 1]>(first, kernels)
  bent = Relu(maps)
  pooled = GlobalAveragePool(bent)
  flat = Flatten<axis = 1>(pooled)
  logits = Gemm(flat, weight, bias)
  probabilities = Softmax<axis = 1>(logits)
}"""
SHAPES = {"scale": (), "kernels": (6, 3, 3, 3), "weight": (6, 4), "bias": (4,)}
IMAGE_READER = """
import numpy as np

def one(path):
    magic, size, depth, pixels = path.read_bytes().split(b"\\n", 3)
    assert (magic, size, depth) == (b"P6", b"12 12", b"255")
    return np.frombuffer(pixels, np.uint8).reshape(12, 12, 3)

def folder(path):
    return {"images": np.stack([one(file) for file in sorted(path.glob("*.ppm"))])}

def made():
    return np.zeros((3, 12, 12, 3), np.uint8)

def none():
    return np.zeros((0, 12, 12, 3), np.uint8)

def broken(path):
    return {"images": 1 // 0}

def nameless():
    return None

def ragged():
    return {"images": [[1, 2], [3]]}

def wrong():
    return {"pictures": np.zeros((3, 12, 12, 3), np.uint8)}

def leaving(path=None):
    raise SystemExit(0)

def interrupted_by_itself():
    raise GeneratorExit("enough")

constant = 3
"""
TEXT_READER = """
def lines(path):
    return [[line] for line in path.read_text().splitlines()]
"""
SENTENCES = (
    "the margin of the row is small",
    "a threshold that accepts the row",
    "rain is falling on the old town",
    "snow and wind over the town",
    "the score of a row and its threshold",
    "wind and rain are over",
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reading_images.py").write_text(IMAGE_READER)
    (tmp_path / "reading_text.py").write_text(TEXT_READER)
    (tmp_path / "leaving_at_once.py").write_text("raise SystemExit(3)")
    yield tmp_path
    for name in ("reading_images", "reading_text"):
        sys.modules.pop(name, None)


@pytest.fixture
def images(folder: Path) -> NDArray[np.uint8]:
    """Forty images in files, beside a host that reads them."""
    random = np.random.default_rng(0)
    host = parser.parse_model(IMAGES)
    for name, shape in SHAPES.items():
        values = random.normal(0, 1, shape) if shape else np.array(1 / 255)
        host.graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), name))
    onnx.save(host, folder / "host.onnx")
    brightness = random.uniform(20, 256, (40, 1, 1, 1))
    made = (brightness * random.random((40, 12, 12, 3))).astype(np.uint8)
    (folder / "pictures").mkdir()
    for index, image in enumerate(made):
        content = b"P6\n12 12\n255\n" + image.tobytes()
        (folder / "pictures" / f"{index:03}.ppm").write_bytes(content)
    return made


def attached(capsys: pytest.CaptureFixture[str], name: str, values: NDArray[np.generic]) -> float:
    """Attaches a head with its threshold half-way through the rows; how many it accepts."""
    host = onnxruntime.InferenceSession("host.onnx", providers=["CPUExecutionProvider"])
    sure = np.sort(host.run(["probabilities"], {name: values})[0].max(axis=1))
    half = len(sure) // 2
    threshold = -(float(sure[half - 1]) + float(sure[half])) / 2
    done(capsys, f"attach host.onnx --score softmax --threshold {threshold} -o out.onnx")
    out = onnxruntime.InferenceSession("out.onnx", providers=["CPUExecutionProvider"])
    return float(out.run(["mask"], {name: values})[0].mean())


def test_an_image_host_is_verified_on_the_images_of_a_folder(
    images: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    assert attached(capsys, "images", images) == 0.5
    done(
        capsys,
        "verify out.onnx --inputs reading_images:folder --data pictures --json report.json",
    )
    report = json.loads(Path("report.json").read_text())
    check_report(report)
    run = next(run for run in report["runs"] if run["name"] == "the feeds")
    assert (run["part"], run["shape"], run["calibration"]) == ("host", [40, 4], True)
    assert run["eager"]["rows"] == 40


def test_a_host_that_decides_the_images_otherwise_fails(
    images: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    attached(capsys, "images", images)
    model = onnx.load("out.onnx")
    for tensor in model.graph.initializer:
        if tensor.name == "logitconf/threshold":
            tensor.CopyFrom(numpy_helper.from_array(np.array(-2, np.float32), tensor.name))
    onnx.save(model, "out.onnx")
    outcome = call(capsys, "verify out.onnx --inputs reading_images:folder --data pictures")
    assert outcome.code == 1
    assert "host on cpu, the feeds: 20 of 40 masks flipped" in " ".join(outcome.out.split())


@pytest.fixture
def text() -> NDArray[np.str_]:
    """Lines of text in a file, beside a host that reads them."""
    # with lower case, onnxruntime would need a locale that not every machine has
    words = TfidfVectorizer(token_pattern="[a-z]+", lowercase=False)
    trained = make_pipeline(words, LogisticRegression(C=10.0))
    trained.fit(SENTENCES, [0, 0, 1, 1, 0, 1])
    host = to_onnx(
        trained,
        initial_types=[("text", StringTensorType([None, 1]))],
        options={id(trained): {"zipmap": False}},
        target_opset={"": 17, "ai.onnx.ml": 3},
    )
    onnx.save(host, "host.onnx")
    lines = [f"{left} {right}" for left in SENTENCES for right in SENTENCES[::2]]
    Path("lines.txt").write_text("\n".join(lines))
    return np.array(lines)[:, None]


def test_a_text_host_is_verified_on_the_lines_of_a_file(
    text: NDArray[np.str_], capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0.4 <= attached(capsys, "text", text) <= 0.6
    out = done(capsys, "verify out.onnx --inputs reading_text:lines --data lines.txt -v")
    assert "the feeds" in out
    np.savez("text.npz", text=text)
    assert done(capsys, "verify out.onnx --data text.npz -v") == out


def test_one_array_is_the_only_input_or_the_logits(
    images: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    attached(capsys, "images", images)
    np.save("images.npy", images)
    assert "the feeds" in done(capsys, "verify out.onnx --data images.npy -v")
    head_to_onnx(head_models.make_head("margin"), "head.onnx")
    np.save("logits.npy", np.random.default_rng(1).normal(0, 2, (30, 10)).astype(np.float32))
    assert "your rows" in done(capsys, "verify head.onnx --data logits.npy -v")


def test_a_function_without_data_is_called_without_arguments(
    images: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    attached(capsys, "images", images)
    assert "the feeds" in done(capsys, "verify out.onnx --inputs reading_images:made -v")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("reading_images", "--inputs must be module:function, got 'reading_images'"),
        (":made", "--inputs must be module:function"),
        ("no_such_module:made", "must be importable: No module named"),
        ("reading_images:paint", "must have a function 'paint', got none"),
        ("reading_images:constant", "must have a function 'constant', got none"),
        ("reading_images:broken --data pictures", "it raised ZeroDivisionError"),
        ("reading_images:folder", "it raised TypeError"),
        ("reading_images:leaving", "it raised SystemExit: 0"),
        ("reading_images:interrupted_by_itself", "it raised GeneratorExit: enough"),
        ("leaving_at_once:made", "must be importable, but its module raised SystemExit: 3"),
        ("reading_images:nameless", "must be an array of numbers or strings"),
        ("reading_images:ragged", "'images' of reading_images:ragged must be an array"),
        ("reading_images:wrong", "must hold the model's inputs ['images']"),
        ("reading_images:none", "must have the same rows, at least one"),
    ],
)
def test_misuse_is_one_sentence(
    images: NDArray[np.uint8], options: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    attached(capsys, "images", images)
    outcome = call(capsys, f"verify out.onnx --json report.json --inputs {options}")
    assert outcome.code == 2
    assert message in " ".join(outcome.err.split())
    assert not Path("report.json").exists()


def test_the_path_of_imports_is_as_it_was(folder: Path) -> None:
    before = list(sys.path)
    assert made_arrays("reading_images:made", None)["inputs"].shape == (3, 12, 12, 3)
    with pytest.raises(LogitconfError, match="raised ZeroDivisionError: integer division"):
        made_arrays("reading_images:broken", folder)
    assert sys.path == before
