"""What takes a while tells how far it is: models that are run, verified, compared."""

from pathlib import Path

import numpy as np
import pytest
from support.command_line import Rows, call, done, make_files
from support.heard import Heard, check_all_done

from logitconf.telling.progress import heard_by
from logitconf_export import verify
from logitconf_export.drift.measuring import drift


@pytest.fixture
def made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Rows:
    """The files of make_files in the working folder, and a model with a head."""
    monkeypatch.chdir(tmp_path)
    rows = make_files(tmp_path)
    done(capsys, "fit logits.npz -o card.json")
    done(capsys, "attach host.onnx card.json -o out.onnx")
    return rows


def test_a_verification_tells_of_each_provider_and_runtime(made: Rows) -> None:
    heard = Heard()
    with heard_by(heard):
        report = verify(
            "out.onnx",
            made.pixels,
            rows_as="inputs",
            optimisations=("off", "all"),
            runtimes=("onnxruntime", "onnx-reference"),
        )
    assert report.passed
    assert [piece[1:] for piece in heard.named("Verifying on cpu")] == [[2, 2]]
    assert [piece[1:] for piece in heard.named("other runtimes")] == [[1, 1]]
    check_all_done(heard)


def test_drift_and_a_fit_on_a_model_tell_of_all_rows(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    heard = Heard()
    with heard_by(heard):
        drift("out.onnx", "out.onnx", {"pixels": made.pixels}, made.labels)
        assert call(capsys, "fit --model host.onnx --data val.npz -o new.json").code == 0
    runs = heard.named("Running the model")
    assert len(runs) >= 3
    assert {total for _, total, _ in runs} == {len(made.pixels)}
    check_all_done(heard)


def test_behind_pipes_commands_that_tell_draw_nothing(
    made: Rows, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    np.savez("more.npz", pixels=np.tile(made.pixels, (4, 1)), labels=np.tile(made.labels, 4))
    for command in (
        "fit --model host.onnx --data more.npz -o more.json",
        "compare logits.npz",
        "verify out.onnx --data more.npz",
        "drift out.onnx out.onnx --data more.npz",
    ):
        done(capsys, command)  # which is silent on stderr
