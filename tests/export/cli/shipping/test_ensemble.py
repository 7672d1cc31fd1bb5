"""The command ``ensemble``: members are joined, fitted and given a head by printed commands."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from support import command_line, reference
from support.command_line import Rows, call, decide, done, make_files

from logitconf import ScoreCard

MEMBERS = 3
CLOSE = 1e-5
"""Products and exponentials of two libraries in float32."""
NAMED = "--logits member_logits --kind logits"


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The files of make_files in the working folder, and three members with other weights."""
    monkeypatch.chdir(tmp_path)
    for count, weight in enumerate(member_weights(), 1):
        model = command_line.host(command_line.SOFTMAX)
        model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "weight"))
        onnx.save(model, f"member{count}.onnx")
    return make_files(tmp_path)


def member_weights() -> list[NDArray[np.float32]]:
    random = np.random.default_rng(11)
    shape = command_line.weight().shape
    return [
        command_line.weight() + random.normal(0, 0.4, shape).astype(np.float32)
        for _ in range(MEMBERS)
    ]


def member_logits(rows: Rows) -> NDArray[np.float32]:
    """(N, K, M), as NumPy computes them."""
    return np.stack([rows.pixels @ weight for weight in member_weights()], axis=-1)


def test_members_are_joined_fitted_and_given_a_head(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    members = "member1.onnx member2.onnx member3.onnx"
    out = done(capsys, f"ensemble {members} -o joined.onnx")
    # the commands that it prints are those that work
    for line in out.splitlines()[-3:]:
        done(capsys, line.partition("logitconf ")[2])
    card = ScoreCard.load("card.json")
    assert card.members == MEMBERS
    score, mask = decide("out.onnx", made.pixels)
    expected = reference.member_score("softmax", member_logits(made), card.temperature)
    np.testing.assert_allclose(score, expected, rtol=CLOSE, atol=CLOSE)
    assert isinstance(card.threshold, float)
    clear = np.abs(expected - card.threshold) > CLOSE
    np.testing.assert_array_equal(mask[clear], (expected < card.threshold)[clear])
    assert 0.9 < mask.mean() < 1
    done(capsys, f"ensemble {members} --card card.json -o at_once.onnx")
    assert onnx.load("at_once.onnx") == onnx.load("out.onnx")
    done(capsys, "verify at_once.onnx --data val.npz")


def test_the_rows_of_members_can_be_held_out_and_compare_the_members(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    done(capsys, "ensemble member1.onnx member2.onnx member3.onnx -o joined.onnx")
    asked = f"--data val.npz {NAMED} --score mutual_information --holdout 0.5"
    # members drawn at random disagree wherever they like, and the command says so
    outcome = call(capsys, f"fit --model joined.onnx {asked} -o host.json")
    assert outcome.code == 0
    assert "does not tell wrong rows from right ones" in outcome.err
    np.savez("saved.npz", logits=member_logits(made), labels=made.labels)
    outcome = call(capsys, "fit saved.npz --score mutual_information --holdout 0.5 -o file.json")
    assert outcome.code == 0
    one, other = ScoreCard.load("host.json"), ScoreCard.load("file.json")
    # onnxruntime and NumPy multiply matrices in different orders
    assert one.temperature == pytest.approx(other.temperature, rel=CLOSE)
    assert one.threshold == pytest.approx(other.threshold, rel=1e-4)


def test_members_without_an_activation_are_joined_once_their_task_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    refused = call(capsys, "ensemble plain.onnx plain.onnx -o joined.onnx")
    assert refused.code == 2
    assert "in member 1 the graph cannot tell the task of 'classes'" in refused.err
    assert not Path("joined.onnx").exists()
    out = done(capsys, "ensemble plain.onnx plain.onnx --task multiclass -o joined.onnx")
    assert "member_logits float [N, 4, 2]" in out


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("ensemble host.onnx -o new.onnx", "at least 2 members"),
        ("ensemble host.onnx binary.onnx -o new.onnx", "logits of one form"),
        ("ensemble host.onnx none.onnx -o new.onnx", "none.onnx must be a readable ONNX file"),
        ("ensemble host.onnx val.npz -o new.onnx", "val.npz must be an ONNX model"),
        ("ensemble host.onnx host.onnx --card one.json -o new.onnx", "got one for a single model"),
        ("ensemble host.onnx host.onnx --card none.json -o new.onnx", "none.json must be"),
        ("ensemble host.onnx host.onnx --kind margins -o new.onnx", "got 'margins'"),
        ("ensemble host.onnx plain.onnx --force -o plain.onnx", "must not be the input plain"),
        ("ensemble host.onnx host.onnx -o plain.onnx", "plain.onnx exists.*--force"),
        (
            "fit --model host.onnx --data val.npz --per-member --score softmax -o new.json",
            "name theirs with --logits",
        ),
        (
            "fit --model host.onnx --data val.npz --per-member --score softmax --logits z "
            "-o new.json",
            "must be .N, K, M., the members last, got 2 axes",
        ),
    ],
)
def test_misuse_is_refused_and_writes_nothing(
    command: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done(capsys, "fit logits.npz --score softmax -o one.json")
    command_line.refused(capsys, command, message)
