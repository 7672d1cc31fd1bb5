"""The command ``attach``: scores and decisions of the model, against the formulas."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from support import reference
from support import runtime_matrix as matrix
from support.command_line import (
    Rows,
    card,
    decide,
    done,
    make_files,
)

from logitconf_export.cli.app import run
from logitconf_export.heads.metadata import read_metadata

SCORE_TOLERANCE = 1e-5
"""Float32 scores of logits below 20 against float64 ones; rounding is below 4e-6."""


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The files of make_files in the working folder, and their rows."""
    monkeypatch.chdir(tmp_path)
    return make_files(tmp_path)


@pytest.mark.parametrize("score", matrix.scores_for("multiclass", 10))
def test_the_attached_model_scores_as_the_formula_says(
    made: Rows, capsys: pytest.CaptureFixture[str], score: str
) -> None:
    done(capsys, f"fit logits.npz --score {score} --coverage 0.7 -o card.json")
    done(capsys, "attach host.onnx card.json -o out.onnx")
    found, mask = decide("out.onnx", made.pixels)
    expected = reference.score(score, made.logits, card()["temperature"], **card()["parameters"])
    np.testing.assert_allclose(found, expected, atol=SCORE_TOLERANCE)
    np.testing.assert_array_equal(mask, expected < card()["threshold"])
    assert np.count_nonzero(mask) == 350


def test_attach_takes_a_score_a_temperature_and_a_negative_threshold_instead_of_a_card(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    out = done(
        capsys,
        "attach host.onnx --score softmax --temperature 1.5 --threshold -0.7 -o out.onnx",
    )
    found, mask = decide("out.onnx", made.pixels)
    expected = reference.score("softmax", made.logits, 1.5)
    np.testing.assert_allclose(found, expected, atol=SCORE_TOLERANCE)
    np.testing.assert_array_equal(mask, expected < np.float64(np.float32(-0.7)))
    assert out.startswith("Attached: out.onnx accepts score < −0.70: probability above 0.70\n")
    assert "z: logits, 4 classes on axis 1" in out


def test_attach_finds_out_by_itself_that_a_binary_host_has_one_logit(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    done(capsys, "attach binary.onnx --score margin --threshold -1.0 -o out.onnx")
    found, _ = decide("out.onnx", made.pixels)
    np.testing.assert_allclose(found, -np.abs(made.logits[:, 0]), atol=SCORE_TOLERANCE)


def test_attach_adds_calibrated_probabilities_on_request(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    done(
        capsys,
        "attach plain.onnx --score margin --temperature 2 --threshold -1 --logits classes "
        "--probabilities --mask-type uint8 -o out.onnx",
    )
    session = onnxruntime.InferenceSession("out.onnx", providers=["CPUExecutionProvider"])
    mask, found = session.run(["mask", "probabilities"], {"pixels": made.pixels})
    expected = reference.probabilities(made.logits, 2.0)
    np.testing.assert_allclose(found, expected, atol=SCORE_TOLERANCE)
    assert mask.dtype == np.uint8


def test_names_go_from_fit_attach_and_export_into_the_card(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("names.txt").write_text("eel\nfox\ngnu\nhen\n", encoding="utf-8")
    out = done(capsys, "fit logits.npz --coverage 0.7 --names cat,dog,ewe,fly -o card.json")
    assert "classes      cat, dog, ewe, fly\n" in out
    assert card()["class_names"] == ["cat", "dog", "ewe", "fly"]
    done(capsys, "attach host.onnx card.json -o kept.onnx")
    done(capsys, "attach host.onnx card.json --names names.txt -o named.onnx")
    done(capsys, "export card.json --names names.txt -o head.onnx")
    names = [
        read_metadata(onnx.load(f"{name}.onnx")).card.class_names
        for name in ("kept", "named", "head")
    ]
    given = ("eel", "fox", "gnu", "hen")
    assert names == [("cat", "dog", "ewe", "fly"), given, given]
    done(capsys, "verify named.onnx")


@pytest.mark.parametrize(
    "command",
    [
        "fit logits.npz --coverage 0.7 --names cat,dog -o new",
        "fit --model host.onnx --data pixels.npz --coverage 0.7 --names cat,dog -o new",
        "attach host.onnx card.json --names cat,dog -o new",
        "export card.json --names cat,dog -o new",
    ],
)
def test_names_must_be_as_many_as_the_classes(
    made: Rows, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    done(capsys, "fit logits.npz --coverage 0.7 -o card.json")
    np.savez("pixels.npz", pixels=made.pixels, labels=made.labels)
    assert run(command.split()) == 2
    error = "(--names) must name each of 4 columns in their order, got 2: 'cat', 'dog'"
    assert error in capsys.readouterr().err
    assert not Path("new").exists()


def test_labels_that_are_names_are_numbered_by_them_in_rows_of_a_host_too(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    names = np.array(["fly", "cat", "ewe", "dog"])
    np.savez("numbers.npz", pixels=made.pixels, labels=made.labels)
    np.savez("names.npz", pixels=made.pixels, labels=names[made.labels])
    fit = "fit --model host.onnx --coverage 0.7 --names fly,cat,ewe,dog"
    done(capsys, f"{fit} --data numbers.npz -o numbers.json")
    done(capsys, f"{fit} --data names.npz -o names.json")
    assert Path("names.json").read_bytes() == Path("numbers.json").read_bytes()


def test_a_map_that_can_change_the_label_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done(capsys, "fit logits.npz --score margin --calibration vector -o card.json")
    assert run(["attach", "host.onnx", "card.json", "-o", "out.onnx"]) == 0
    err = capsys.readouterr().err
    assert err == (
        "logitconf: warning: the calibration map (vector) can change the label against the host's "
        "own 'classes', and score and mask are of the changed one, which the output label gives; "
        "ask for it (--outputs label)\n"
    )


def test_model_info_goes_into_the_metadata_and_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done(capsys, "fit logits.npz --score softmax --coverage 0.7 -o card.json")
    out = done(capsys, "attach host.onnx card.json --names a,b,c,d --model-info -o out.onnx")
    assert "says too" in out
    assert "model_info labels" in out
    entries = {entry.key: entry.value for entry in onnx.load("out.onnx").metadata_props}
    assert entries["model_info labels"] == "a b c d"
    assert float(entries["model_info confidence_threshold"]) == -card()["threshold"]
    done(capsys, "detach out.onnx -o bare.onnx")
    assert onnx.load("bare.onnx") == onnx.load("host.onnx")
