"""The command ``retune``: other numbers in a head decide as the formula says."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from support import reference, several_hosts
from support.command_line import Rows, decide, done, make_files, refused

from logitconf_export.heads.metadata import read_heads


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The files of make_files in the working folder, and their rows."""
    monkeypatch.chdir(tmp_path)
    return make_files(tmp_path)


def test_retune_changes_the_decisions_of_an_attached_head(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    done(capsys, "attach host.onnx --score margin --threshold -1 -o out.onnx")
    done(capsys, "retune out.onnx --threshold -2.5 --temperature 0.5 -o tuned.onnx")
    _, mask = decide("tuned.onnx", made.pixels)
    expected = reference.score("margin", made.logits, 0.5) < -2.5
    np.testing.assert_array_equal(mask, expected)
    done(capsys, "verify tuned.onnx --data val.npz")


def test_old_and_new_numbers_are_said_and_which_way_it_moves(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done(capsys, "attach host.onnx --score softmax --threshold -0.5 -o out.onnx")
    out = done(capsys, "retune out.onnx --threshold -0.7 -o tuned.onnx")
    assert out.startswith("Retuned: tuned.onnx is stricter: it accepts fewer rows, or as many\n")
    assert "threshold  −0.50 → −0.70" in out
    out = done(capsys, "retune out.onnx --temperature 2 -o warm.onnx")
    assert "rows decide which way it moves, --data shows it" in out.splitlines()[0]


def test_a_policy_chooses_on_the_rows_of_data_and_shows_what_changes(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    done(capsys, "attach host.onnx --score softmax --threshold -0.5 -o out.onnx")
    command = "retune out.onnx --coverage 0.6 --data val.npz -o tuned.onnx --json tuned.json"
    out = done(capsys, command)
    _, old = decide("out.onnx", made.pixels)
    _, new = decide("tuned.onnx", made.pixels)
    right = made.logits.argmax(axis=1) == made.labels
    assert new.mean() == 0.6
    assert (
        f"it accepts 60 % instead of {100 * old.mean():.3g} %, {100 * right[new].mean():.3g} % of "
        f"them right instead of {100 * right[old].mean():.3g} %, on 500 rows"
    ) in out
    (change,) = json.loads(Path("tuned.json").read_text())["changes"]
    assert change["effect"]["coverage"] == [old.mean(), new.mean()]
    head = read_heads(onnx.load("tuned.onnx")).heads[0]
    assert head.card.policy is not None
    assert (head.card.policy["name"], head.card.policy["coverage"]) == ("coverage", 0.6)
    done(capsys, "verify tuned.onnx --data val.npz")


def test_a_certificate_is_new_on_held_out_rows_and_void_otherwise(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done(capsys, "fit --model host.onnx --data val.npz --risk 0.4 --holdout 0.5 -o card.json")
    done(capsys, "attach host.onnx card.json -o out.onnx")
    out = done(capsys, "retune out.onnx --risk 0.35 --data val.npz -o tuned.onnx")
    assert "certified: at most 35 % errors among the accepted, 95 % confidence" in out
    assert "on 250 held-out rows" in out
    verified = done(capsys, "verify tuned.onnx --data val.npz -v")
    assert "the certificate's arithmetic is right" in verified
    out = done(capsys, "retune out.onnx --threshold -0.9 -o void.onnx")
    assert "note: the certificate is void: it was for the old numbers" in out
    assert read_heads(onnx.load("void.onnx")).heads[0].card.certificate is None


def test_labels_are_not_needed_to_see_how_many_are_accepted(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez("bare.npz", pixels=made.pixels)
    done(capsys, "attach host.onnx --score softmax --threshold -0.5 -o out.onnx")
    out = done(capsys, "retune out.onnx --q 0.5 --data bare.npz -o tuned.onnx")
    assert "it accepts 50 % instead of" in out
    assert "right" not in out.splitlines()[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--coverage 0.5", "--coverage chooses on rows; give --data"),
        ("--coverage 0.5 --q 0.5 --data val.npz", "give one of"),
        ("--risk 0.4 --data val.npz --head other", "other"),
        ("", "retune needs a temperature or a threshold"),
    ],
)
def test_misuse_is_one_sentence(
    options: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done(capsys, "attach host.onnx --score softmax --threshold -0.5 -o out.onnx")
    refused(capsys, f"retune out.onnx -o tuned.onnx {options}", message)


def test_of_several_heads_the_policy_is_for_the_one_that_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    onnx.save(several_hosts.three_softmaxes(), "three.onnx")
    np.savez("rows.npz", x=several_hosts.ROWS)
    done(capsys, "attach three.onnx --score softmax --threshold -0.6 --several each -o all.onnx")
    command = "retune all.onnx --coverage 0.5 --data rows.npz -o tuned.onnx"
    refused(capsys, command, "name one of ")
    done(capsys, f"{command} --head second")
    cards = [head.card for head in read_heads(onnx.load("tuned.onnx")).heads]
    assert [card.threshold == np.float32(-0.6) for card in cards] == [True, False, True]
    done(capsys, "attach three.onnx --score softmax --threshold -0.6 --several joint -o one.onnx")
    refused(capsys, "retune one.onnx --q 0.5 --data rows.npz -o no.onnx", "decide jointly")
