"""Rows for fitting that a host computes, and the labels of its positions."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper, parser
from support.command_line import card, done

from logitconf.tasks import Layout
from logitconf_export.cli.rows.host import labels_of_rows

TEXT = '<ir_version: 8, opset_import: ["": 17]> host '


def labels(*shape: int) -> NDArray[np.int64]:
    return np.arange(np.prod(shape), dtype=np.int64).reshape(shape)


@pytest.mark.parametrize(
    ("shape", "axis", "layout", "expected"),
    [
        ((6, 1, 5, 7), 1, Layout("binary", 1), labels(210)),
        ((6, 5, 7), 1, Layout("binary", 1), labels(210)),
        ((210,), 1, Layout("binary", 1), labels(210)),
        ((6, 5, 7), 1, Layout("multiclass", 3), labels(210)),
        ((6, 3, 5, 7), 1, Layout("multilabel", 3), labels(6, 3, 35).swapaxes(1, 2).reshape(210, 3)),
        ((6, 5, 7, 3), 1, Layout("multilabel", 3), labels(210, 3)),
        ((210, 3), 1, Layout("multilabel", 3), labels(210, 3)),
    ],
)
def test_labels_of_positions_become_those_of_rows(
    shape: tuple[int, ...], axis: int, layout: Layout, expected: NDArray[np.int64]
) -> None:
    np.testing.assert_array_equal(labels_of_rows(labels(*shape), 210, layout, axis), expected)


def test_labels_that_are_not_as_many_as_positions_stay_for_the_check() -> None:
    given = labels(6, 5)
    assert labels_of_rows(given, 210, Layout("multiclass", 3), 1) is given


def test_a_scalar_input_and_a_state_are_fed_by_their_declared_shapes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a voice activity model: samples, the rate, a state whose rows are on its second axis."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    weight = random.normal(size=(4, 1)).astype(np.float32)
    host = parser.parse_model(
        TEXT + "(float[batch, 4] x, int64 rate, float[2, batch, 3] h) "
        "=> (float[batch, 1] p, float[2, batch, 3] next) { product = MatMul(x, w) "
        "f = Cast<to = 1>(rate) small = Mul(f, c) z = Add(product, small) p = Sigmoid(z) "
        "next = Identity(h) }"
    )
    host.graph.initializer.extend(
        [
            numpy_helper.from_array(weight, "w"),
            numpy_helper.from_array(np.array(1e-5, np.float32), "c"),
        ]
    )
    host.graph.input[1].type.tensor_type.shape.SetInParent()
    onnx.save(host, "host.onnx")
    x = random.normal(size=(300, 4)).astype(np.float32)
    z = (x @ weight)[:, 0] + 0.16
    truth = (z > random.logistic(0, 1.5, 300)).astype(np.int64)
    np.savez("val.npz", x=x, rate=np.array(16000), h=np.zeros((2, 300, 3), "f"), labels=truth)
    np.savez("logits.npz", logits=z[:, None], labels=truth)
    done(capsys, "fit --model host.onnx --data val.npz --score margin --task binary -o a.json")
    done(capsys, "fit logits.npz --score margin --task binary -o b.json")
    # onnxruntime and NumPy multiply matrices in different orders
    assert card("a.json")["temperature"] == pytest.approx(card("b.json")["temperature"], rel=1e-5)
    done(capsys, "attach host.onnx a.json -o out.onnx")
    done(capsys, "verify out.onnx --data val.npz")
    done(capsys, "drift out.onnx out.onnx --data val.npz")


@pytest.mark.parametrize(
    "declared", ["float[N, 6]", "float[1, 6]", "float16[N, 6]", "double[7, 6]"]
)
def test_every_command_takes_the_rows_that_fit_takes(
    tmp_path: Path,
    declared: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows in double for hosts that take half, float or double, one row or seven at a time."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(3)
    weight, x = random.normal(size=(6, 4)), random.normal(size=(300, 6))
    kind = declared.partition("[")[0]
    host = parser.parse_model(
        f"{TEXT} ({declared} x) => ({declared.replace(', 6', ', 4')} p) "
        "{ z = MatMul(x, w) p = Softmax<axis = 1>(z) }"
    )
    dtype = {"float": np.float32, "float16": np.float16, "double": np.float64}[kind]
    host.graph.initializer.append(numpy_helper.from_array(weight.astype(dtype), "w"))
    onnx.save(host, "host.onnx")
    truth = (x @ weight + 2 * random.gumbel(size=(300, 4))).argmax(axis=1)
    np.savez("val.npz", x=x, labels=truth)
    done(capsys, "fit --model host.onnx --data val.npz --score margin --coverage .9 -o card.json")
    done(capsys, "attach host.onnx card.json -o out.onnx")
    out = done(capsys, "verify out.onnx --data val.npz --golden golden -v")
    assert "the feeds" in out
    done(capsys, "drift out.onnx out.onnx --data val.npz --json drift.json")
    report = json.loads(Path("drift.json").read_text())
    assert (report["flips"]["count"], report["rows"]) == (0, 300)
    assert report["reference"]["coverage"]["count"] == 270
