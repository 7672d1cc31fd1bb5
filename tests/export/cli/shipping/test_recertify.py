"""The command ``recertify``: a promise made anew on fresh rows, or nothing at all."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from support import reference
from support.command_line import Rows, call, decide, done, make_files, refused

from logitconf.card.score_card import ScoreCard
from logitconf_export.heads.metadata import read_heads


@pytest.fixture(autouse=True)
def made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Rows:
    """A model that promises, fitted on the first 300 rows; the others are fresh."""
    monkeypatch.chdir(tmp_path)
    rows = make_files(tmp_path)
    np.savez("old.npz", pixels=rows.pixels[:300], labels=rows.labels[:300])
    np.savez("fresh.npz", pixels=rows.pixels[300:], labels=rows.labels[300:])
    np.savez("logits.npz", logits=rows.logits[300:], labels=rows.labels[300:])
    done(capsys, "fit --model host.onnx --data old.npz --risk 0.4 --holdout 0.5 -o card.json")
    done(capsys, "attach host.onnx card.json -o promised.onnx")
    return rows


def test_old_and_new_are_said_and_the_file_verifies(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "recertify promised.onnx --data fresh.npz -o today.onnx --json today.json"
    out = done(capsys, command)
    assert out.startswith("Recertified: today.onnx is ")
    assert "on 200 rows, some of which the score may have been fitted on" in out
    (change,) = json.loads(Path("today.json").read_text())["changes"]
    before, after = (
        read_heads(onnx.load(f)).heads[0].card for f in ("promised.onnx", "today.onnx")
    )
    assert change["threshold"] == [before.threshold, after.threshold]
    assert before.temperature == after.temperature
    _, mask = decide("today.onnx", made.pixels[300:])
    certificate = after.certificate
    assert certificate is not None
    wrong = made.logits[300:].argmax(axis=1) != made.labels[300:]
    counts = int(mask.sum()), int(wrong[mask].sum())
    assert counts == (certificate.accepted, certificate.errors)
    assert change["effect"]["coverage"][1] == mask.mean()
    done(capsys, "verify today.onnx --data fresh.npz")


def test_a_card_becomes_a_card(made: Rows, capsys: pytest.CaptureFixture[str]) -> None:
    out = done(capsys, "recertify card.json --data logits.npz -o today.json")
    assert "certified: at most 40 % errors among the accepted" in out
    card = ScoreCard.load("today.json")
    scores = reference.score("softmax", made.logits[300:], card.temperature)
    assert card.certificate is not None
    assert (scores < np.asarray(card.threshold)).sum() == card.certificate.accepted
    outcome = call(capsys, "recertify card.json --data logits.npz -o -")
    assert outcome.code == 0
    assert json.loads(outcome.out) == json.loads(card.to_json())


def test_rows_without_a_label_are_left_out_and_counted(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = made.labels[300:].copy()
    labels[:50] = 255
    np.savez("partly.npz", pixels=made.pixels[300:], labels=labels)
    np.savez("logits.npz", logits=made.logits[300:], labels=labels)
    for words in ("promised.onnx --data partly.npz -o t.onnx", "card.json --data logits.npz -o t"):
        out = done(capsys, f"recertify {words} --ignore-label 255")
        assert "50 rows are left out for their label" in out
        assert "on 150 rows, " in out


def test_what_does_not_certify_writes_nothing(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = (made.logits[300:].argmax(axis=1) + 1) % made.logits.shape[1]
    np.savez("shifted.npz", pixels=made.pixels[300:], labels=wrong)
    command = "recertify promised.onnx --data {} -o today.onnx"
    refused(capsys, command.format("shifted.npz"), "must hold for the most confident rows")
    # without a holdout the promise was made on the rows that were fitted on
    call(capsys, "fit --model host.onnx --data old.npz --risk 0.4 -o all.json")
    done(capsys, "attach host.onnx all.json -o all.onnx")
    refused(capsys, "recertify all.onnx --data old.npz -o today.onnx", "nothing was fitted on")
    done(capsys, "attach host.onnx --score softmax --threshold -0.5 -o bare.onnx")
    refused(capsys, "recertify bare.onnx --data fresh.npz -o today.onnx", "promises a risk")
    refused(capsys, f"{command.format('fresh.npz')} --kind logits", "--kind belongs to a card")
    assert not Path("today.onnx").exists()
