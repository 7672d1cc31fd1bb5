"""Every command, done right: what it writes and prints, against values computed apart from it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from support import reference
from support.command_line import Rows, call, contents, done, make_files

from logitconf.scores.table import SCORES
from logitconf_export.testing import runtime_matrix as matrix

TEMPERATURE_TOLERANCE = 1e-5
"""Relative: where Brent's method stops (1e-8 of b) is far below; float32 T rounds at 6e-8."""
SCORE_TOLERANCE = 1e-5
"""Float32 scores of logits below 20 against float64 ones; rounding is below 4e-6."""


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The files of make_files in the working folder, and their rows."""
    monkeypatch.chdir(tmp_path)
    return make_files(tmp_path)


def best_temperature(rows: Rows) -> float:
    """The minimiser of the NLL in float64, by a method of its own."""
    logits = rows.logits.astype(np.float64)

    def nll(b: float) -> float:
        own = b * logits[np.arange(len(logits)), rows.labels]
        return float(np.mean(logsumexp(b * logits, axis=1) - own))

    found = minimize_scalar(nll, bounds=(0.01, 10.0), method="bounded", options={"xatol": 1e-9})
    return 1.0 / float(found.x)


def decide(
    model: str, pixels: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Score and mask as onnxruntime gives them."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    score, mask = session.run(["score", "mask"], {session.get_inputs()[0].name: pixels})
    return score, mask


def card(path: str = "card.json") -> dict[str, Any]:
    """The values of a card."""
    values = json.loads(Path(path).read_text())
    assert isinstance(values, dict)
    return values


def test_fit_finds_the_temperature_and_the_coverage_of_saved_logits(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    out = done(
        capsys, "fit logits.npz --score energy --task multiclass --coverage 0.9 -o card.json"
    )
    temperature = card()["temperature"]
    assert temperature == pytest.approx(best_temperature(made), rel=TEMPERATURE_TOLERANCE)
    scores = reference.score("energy", made.logits, temperature)
    assert np.count_nonzero(scores < card()["threshold"]) == 450
    right = made.logits.argmax(axis=1) == made.labels
    assert f"{right.mean():.2%}" in out
    assert f"{right[scores < card()['threshold']].mean():.2%}" in out


def test_fit_on_a_host_and_on_its_logits_gives_the_same_card(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    done(capsys, "fit --model host.onnx --data val.npz --score softmax --coverage 0.8 -o a.json")
    done(capsys, "fit logits.npz --score softmax --coverage 0.8 -o b.json")
    first, second = card("a.json"), card("b.json")
    # onnxruntime and NumPy multiply matrices in different orders
    for name in ("temperature", "threshold"):
        assert first[name] == pytest.approx(second[name], rel=TEMPERATURE_TOLERANCE)
    assert first["temperature"] == pytest.approx(best_temperature(made), rel=TEMPERATURE_TOLERANCE)


@pytest.mark.parametrize("name", ["inputs", "x"])
def test_a_host_with_one_input_takes_it_under_a_common_name(
    made: Rows, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    np.savez("named.npz", labels=made.labels, **{name: made.pixels.astype(np.float64)})  # type: ignore[arg-type]
    done(capsys, "fit --model host.onnx --data named.npz --score margin --q 0.5 -o card.json")
    assert card()["policy"]["q"] == 0.5


def test_fit_leaves_out_a_head_that_the_host_already_has(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done(capsys, "attach host.onnx --score margin --threshold -1 -o headed.onnx")
    done(capsys, "fit --model headed.onnx --data val.npz --score margin -o a.json")
    done(capsys, "fit --model host.onnx --data val.npz --score margin -o b.json")
    assert card("a.json") == card("b.json")


def test_without_a_policy_99_percent_are_accepted(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    done(capsys, "fit logits.npz --score margin -o card.json")
    scores = reference.score("margin", made.logits, best_temperature(made))
    assert card()["threshold"] == pytest.approx(np.quantile(scores, 0.99), rel=1e-4)


def test_a_threshold_that_is_given_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    done(capsys, "fit logits.npz --score margin --threshold -0.5 -o card.json")
    assert card()["threshold"] == -0.5


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
    assert "attached to" in out
    assert "z, which holds logits" in out


def test_attach_finds_out_by_itself_that_a_binary_host_has_one_logit(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    done(capsys, "attach binary.onnx --task binary --score margin --threshold -1.0 -o out.onnx")
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


def test_detach_gives_back_the_host(capsys: pytest.CaptureFixture[str]) -> None:
    done(capsys, "attach host.onnx --score margin --threshold -1 -o out.onnx")
    done(capsys, "detach out.onnx -o back.onnx")
    assert onnx.load("back.onnx") == onnx.load("host.onnx")


def test_retune_changes_the_decisions_of_an_attached_head(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    done(capsys, "attach host.onnx --score margin --threshold -1 -o out.onnx")
    done(capsys, "retune out.onnx --threshold -2.5 --temperature 0.5 -o tuned.onnx")
    _, mask = decide("tuned.onnx", made.pixels)
    expected = reference.score("margin", made.logits, 0.5) < -2.5
    np.testing.assert_array_equal(mask, expected)
    done(capsys, "verify tuned.onnx --data val.npz")


@pytest.mark.parametrize("options", ["", "--opset 13 --precision float64", "--runtime onnxruntime"])
def test_export_writes_a_head_that_decides_alone(
    made: Rows, capsys: pytest.CaptureFixture[str], options: str
) -> None:
    done(capsys, "fit logits.npz --score entropy --coverage 0.6 -o card.json")
    done(capsys, f"export card.json -o head.onnx {options}")
    found, mask = decide("head.onnx", made.logits)
    expected = reference.score("entropy", made.logits, card()["temperature"])
    np.testing.assert_allclose(found, expected, atol=SCORE_TOLERANCE)
    assert np.count_nonzero(mask) == 300
    assert onnx.load("head.onnx").opset_import[0].version == (13 if "13" in options else 17)


@pytest.mark.parametrize("data", ["", " --data val.npz", " --data logits.npz"])
def test_verify_passes_what_attach_wrote(capsys: pytest.CaptureFixture[str], data: str) -> None:
    done(capsys, "fit logits.npz --score softmax --coverage 0.9 -o card.json")
    done(capsys, "attach host.onnx card.json -o out.onnx")
    out = done(capsys, f"verify out.onnx{data} --provider cpu")
    assert out.splitlines()[-1].startswith("passed: ")


def test_verify_keeps_its_report_and_a_bundle_that_replays_without_torch(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done(capsys, "attach host.onnx --score margin --threshold -1 -o out.onnx")
    command = "verify out.onnx --data val.npz --json r.json --junit r.xml --golden golden"
    done(capsys, command)
    report = json.loads(Path("r.json").read_text())
    assert (report["schema"], report["passed"]) == (1, True)
    suite = ElementTree.parse("r.xml").getroot()
    assert (suite.tag, suite.get("failures")) == ("testsuite", "0")
    replay = [sys.executable, "golden/replay.py"]
    assert subprocess.run(replay, check=False, capture_output=True).returncode == 0
    outcome = call(capsys, f"{command} --force")
    assert (outcome.code, "golden exists" in outcome.err) == (2, True)
    outcome = call(capsys, "verify out.onnx --json r.json")
    assert (outcome.code, "r.json exists" in outcome.err) == (2, True)


def test_verify_takes_a_head_that_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    done(capsys, "fit logits.npz --score margin --coverage 0.9 -o card.json")
    done(capsys, "export card.json -o head.onnx")
    out = done(capsys, "verify head.onnx --data logits.npz")
    assert "your rows" in out


def test_verify_fails_with_exit_code_1_when_the_threshold_was_edited(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done(capsys, "attach host.onnx --score margin --threshold -1 -o out.onnx")
    model = onnx.load("out.onnx")
    threshold = next(t for t in model.graph.initializer if t.name == "logitconf/threshold")
    threshold.CopyFrom(onnx.numpy_helper.from_array(np.array(-2.0, np.float32), threshold.name))
    onnx.save(model, "edited.onnx")
    outcome = call(capsys, "verify edited.onnx --data val.npz")
    assert outcome.code == 1
    assert "the card says -1.0" in outcome.out
    assert outcome.out.splitlines()[-1].startswith("FAILED: ")


def test_verify_fails_with_exit_code_1_when_the_provider_is_not_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    missing = next(
        name
        for name, provider in (("cuda", "CUDA"), ("coreml", "CoreML"))
        if f"{provider}ExecutionProvider" not in onnxruntime.get_available_providers()
    )
    done(capsys, "attach host.onnx --score margin --threshold -1 -o out.onnx")
    outcome = call(capsys, f"verify out.onnx --provider cpu --provider {missing}")
    assert outcome.code == 1
    assert f"{missing} was asked for" in outcome.out


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
        out = done(capsys, f"inspect {path}")
        assert repr(card()["temperature"]) in out
        assert repr(card()["threshold"]) in out
    assert "logitconf/largest" in out


def test_inspect_loads_neither_torch_nor_onnxruntime(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from logitconf_export.cli.app import run\n"
        "code = run(['inspect', 'host.onnx'])\n"
        "print(*(name for name in ('torch', 'onnxruntime', 'onnx') if name in sys.modules))\n"
        "sys.exit(code)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert ran.stdout.splitlines()[-1] == "onnx"


def test_force_replaces_an_output(capsys: pytest.CaptureFixture[str]) -> None:
    Path("card.json").write_text("old")
    done(capsys, "fit logits.npz --score margin --force -o card.json")
    assert card()["score"] == "margin"


def test_no_other_file_is_written_or_changed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before = contents(tmp_path)
    done(capsys, "fit --model host.onnx --data val.npz --score margin -o card.json")
    done(capsys, "attach host.onnx card.json -o out.onnx")
    done(capsys, "verify out.onnx --data val.npz")
    after = contents(tmp_path)
    assert set(after) - set(before) == {"card.json", "out.onnx"}
    assert {name: after[name] for name in before} == before


def test_rows_that_cannot_identify_a_temperature_give_a_warning_in_one_line(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez("separable.npz", logits=made.logits, labels=made.logits.argmax(axis=1))
    outcome = call(capsys, "fit separable.npz --score margin --coverage 0.9 -o card.json")
    assert outcome.code == 0
    assert outcome.err.startswith("logitconf: warning: the rows cannot identify a temperature")
    assert outcome.err.count("\n") == 1
    assert card()["temperature"] == 1.0


@pytest.mark.parametrize(
    "command", ["", "fit", "export", "attach", "detach", "retune", "verify", "inspect", "demo"]
)
def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str], command: str) -> None:
    out = done(capsys, f"{command} --help")
    assert f"Usage: logitconf {command}".rstrip() in out


def test_the_help_names_every_score(capsys: pytest.CaptureFixture[str]) -> None:
    out = done(capsys, "fit --help")
    assert all(name in out for name in SCORES)


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert done(capsys, "--version").startswith("logitconf 0.")
