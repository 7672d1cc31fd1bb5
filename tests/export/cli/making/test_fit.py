"""The command ``fit``: its card, against values computed apart from it."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax
from support import reference
from support.command_line import (
    Rows,
    best_temperature,
    call,
    card,
    done,
    make_files,
)

from logitconf.scores.table import SCORES

TEMPERATURE_TOLERANCE = 1e-5
"""Relative: where Brent's method stops (1e-8 of b) is far below; float32 T rounds at 6e-8."""


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The files of make_files in the working folder, and their rows."""
    monkeypatch.chdir(tmp_path)
    return make_files(tmp_path)


def test_fit_finds_the_temperature_and_the_coverage_of_saved_logits(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "fit logits.npz --score energy --task multiclass --coverage 0.9 -o card.json"
    out = done(capsys, f"{command} --json found.json")
    temperature = card()["temperature"]
    assert temperature == pytest.approx(
        best_temperature(made.logits, made.labels), rel=TEMPERATURE_TOLERANCE
    )
    scores = reference.score("energy", made.logits, temperature)
    assert np.count_nonzero(scores < card()["threshold"]) == 450
    right = made.logits.argmax(axis=1) == made.labels
    accepted = right[scores < card()["threshold"]]
    figures = json.loads(Path("found.json").read_text())["figures"]
    assert figures["accuracy"] == pytest.approx(right.mean(), abs=1e-12)
    assert figures["accuracy_accepted"] == pytest.approx(accepted.mean(), abs=1e-12)
    assert f"accuracy  {100 * right.mean():.1f} % of all, {100 * accepted.mean():.1f} % of" in out
    assert "coverage  90 %: 450 of 500 rows" in out


def test_fit_on_a_host_and_on_its_logits_gives_the_same_card(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    done(capsys, "fit --model host.onnx --data val.npz --score softmax --coverage 0.8 -o a.json")
    done(capsys, "fit logits.npz --score softmax --coverage 0.8 -o b.json")
    first, second = card("a.json"), card("b.json")
    # onnxruntime and NumPy multiply matrices in different orders
    for name in ("temperature", "threshold"):
        assert first[name] == pytest.approx(second[name], rel=TEMPERATURE_TOLERANCE)
    assert first["temperature"] == pytest.approx(
        best_temperature(made.logits, made.labels), rel=TEMPERATURE_TOLERANCE
    )


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
    scores = reference.score("margin", made.logits, best_temperature(made.logits, made.labels))
    assert card()["threshold"] == pytest.approx(np.quantile(scores, 0.99), rel=1e-4)


def test_a_threshold_that_is_given_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    done(capsys, "fit logits.npz --score margin --threshold -0.5 -o card.json")
    assert card()["threshold"] == -0.5


def test_force_replaces_an_output(capsys: pytest.CaptureFixture[str]) -> None:
    Path("card.json").write_text("old")
    done(capsys, "fit logits.npz --score margin --force -o card.json")
    assert card()["score"] == "margin"


def test_rows_that_cannot_identify_a_temperature_give_a_warning_in_one_line(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez("separable.npz", logits=made.logits, labels=made.logits.argmax(axis=1))
    outcome = call(capsys, "fit separable.npz --score margin --coverage 0.9 -o card.json")
    assert outcome.code == 0
    assert outcome.err.startswith("logitconf: warning: the rows cannot identify a temperature")
    assert outcome.err.count("\n") == 1
    assert card()["temperature"] == 1.0


def test_the_help_names_every_score(capsys: pytest.CaptureFixture[str]) -> None:
    out = done(capsys, "fit --help")
    assert all(name in out for name in SCORES)


@pytest.mark.parametrize("named", ["", " --logits z"])
def test_fit_takes_the_task_that_the_graph_tells(
    made: Rows, capsys: pytest.CaptureFixture[str], named: str
) -> None:
    yes = (made.logits[:, 0] > np.random.default_rng(1).logistic(0, 2, len(made.logits))).astype(
        int
    )
    np.savez("binary.npz", pixels=made.pixels, labels=yes)
    done(capsys, f"fit --model binary.onnx --data binary.npz{named} --score margin -o told.json")
    assert card("told.json")["task"] == "binary"
    done(capsys, f"compare --model binary.onnx --data binary.npz{named}")
    done(capsys, "fit --model host.onnx --data val.npz --score margin -o classes.json")
    assert card("classes.json")["task"] == "multiclass"


@pytest.mark.parametrize(
    ("options", "policy"),
    [
        ("--cost 5,1", {"name": "cost", "error_cost": 5.0, "rejection_cost": 1.0}),
        ("--fpr 0.1 --ood other.npz", {"name": "fpr", "fpr": 0.1, "ood_rows": 100}),
        ("--tpr 0.8 --ood other.npz", {"name": "tpr", "tpr": 0.8, "ood_rows": 100}),
    ],
)
def test_every_policy_of_the_table_can_be_asked_for(
    options: str, policy: dict[str, object], capsys: pytest.CaptureFixture[str], made: Rows
) -> None:
    np.savez("other.npz", logits=made.logits[:100] / 3)
    done(capsys, f"fit logits.npz --score margin {options} -o card.json")
    kept = card()["policy"]
    assert policy.items() <= kept.items()


@pytest.mark.parametrize("cost", ["5", "5,one", "1,2,3"])
def test_a_cost_is_two_numbers(cost: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, f"fit logits.npz --score margin --cost {cost} -o card.json")
    assert outcome.code == 2
    assert "--cost must be ERROR,REJECT" in outcome.err


def test_saved_probabilities_are_named_with_kind(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    done(capsys, "fit logits.npz --score margin --coverage 0.8 -o logits.json")
    shares = softmax(made.logits.astype(float), axis=1)
    np.savez("shares.npz", logits=shares, labels=made.labels)
    command = "fit shares.npz --score margin --coverage 0.8 -o card.json"
    for refused in (command, "compare shares.npz"):
        outcome = call(capsys, refused)
        assert outcome.code == 2
        assert "--kind probabilities" in outcome.err
    done(capsys, "compare shares.npz --kind probabilities")
    done(capsys, f"{command} --kind probabilities")
    for name in ("temperature", "threshold"):
        assert card()[name] == pytest.approx(card("logits.json")[name], rel=1e-5)
    assert card()["rows"]["errors"] == card("logits.json")["rows"]["errors"]


def test_the_kind_of_saved_rows_is_that_of_the_rows_from_elsewhere(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez("elsewhere.npz", logits=made.logits / 3)
    fit = "--score softmax --fpr 0.2 --force -o card.json"
    done(capsys, f"fit logits.npz --ood elsewhere.npz {fit}")
    threshold = card()["threshold"]
    for name in ("logits", "elsewhere"):
        arrays = dict(np.load(f"{name}.npz"))
        arrays["logits"] = softmax(arrays["logits"].astype(float), axis=1)
        np.savez(f"{name}.npz", **arrays)
    done(capsys, f"fit logits.npz --ood elsewhere.npz --kind probabilities {fit}")
    assert card()["threshold"] == pytest.approx(threshold, rel=1e-5)


def test_auto_takes_a_score_and_reports_on_other_rows(capsys: pytest.CaptureFixture[str]) -> None:
    out = done(capsys, "fit logits.npz --score auto -o chosen.json")
    kept = card("chosen.json")
    assert kept["score"] in kept["score_choice"]["tied"]
    assert kept["rows"]["rows"] == 350
    assert "of their own" in " ".join(out.split())
    assert "of their own" in done(capsys, "inspect chosen.json")
    assert "score choice.rows" in done(capsys, "inspect chosen.json -v")
    outcome = call(capsys, "fit logits.npz --score auto --per-member -o other.json")
    assert outcome.code == 2
    assert "name a score with these" in outcome.err


def test_fit_with_a_calibration_map_writes_it_and_says_what_it_does(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    out = done(capsys, "fit logits.npz --score margin --calibration vector -o card.json")
    found = card()["calibration_map"]
    z = made.logits * np.array(found["scale"]) + np.array(found["bias"])
    wrong = (z.argmax(axis=1) != made.labels).sum()
    assert f"of {wrong} errors accepted" in " ".join(out.split())
    assert "vector: scales" in out
    assert "vector: scales" in done(capsys, "inspect card.json")
    assert "calibration map.scale" in done(capsys, "inspect card.json -v")


def test_auto_calibration_of_a_score_without_maps_is_the_temperature(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done(capsys, "fit logits.npz --score max_logit_norm --calibration auto -o card.json")
    assert "calibration_map" not in card()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("--score softmax --calibration vectors", "did you mean 'vector'"),
        ("--score max_logit_norm --calibration vector", "--calibration temperature"),
    ],
)
def test_calibrations_that_are_none_are_refused(
    capsys: pytest.CaptureFixture[str], words: str, reason: str
) -> None:
    outcome = call(capsys, f"fit logits.npz {words} -o card.json")
    assert outcome.code != 0
    assert reason in " ".join(outcome.err.split())
