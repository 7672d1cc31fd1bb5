"""The command line on a host with several heads, and the options of attach that it brought."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from support import several_hosts as hosts

from logitconf_export.cli.app import run
from logitconf_export.heads.metadata import read_heads

OPTIONS = ["--score", "softmax", "--threshold", "-0.6", "--temperature", "1.5"]


@pytest.fixture
def host(tmp_path: Path) -> Path:
    path = tmp_path / "host.onnx"
    path.write_bytes(hosts.three_softmaxes().SerializeToString())
    return path


def attach(host: Path, *options: str) -> tuple[int, Path]:
    output = host.with_name("out.onnx")
    return run(["attach", str(host), *OPTIONS, *options, "-o", str(output)]), output


def test_without_a_choice_the_places_are_listed_and_nothing_is_written(
    host: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, output = attach(host)
    assert code == 2
    assert not output.exists()
    shown = capsys.readouterr().err
    assert "3 places in the model hold logits; name one with logits=... (--logits)" in shown
    assert "attach to all of them with several=... (--several)" in shown
    assert all(f"output '{name}'" in shown for name in hosts.NAMES)


def test_heads_are_attached_retuned_inspected_verified_and_detached(
    host: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, output = attach(host, "--several", "each", "--logits", "first", "--logits", "third")
    assert code == 0
    assert "score_first" in capsys.readouterr().out
    tuned, back = host.with_name("tuned.onnx"), host.with_name("back.onnx")
    assert run(["retune", str(output), "--threshold", "-0.9", "-o", str(tuned)]) == 2
    assert "say which of the heads ['first', 'third']" in capsys.readouterr().err
    changed = ["--threshold", "-0.9", "--head", "third", "-o", str(tuned)]
    assert run(["retune", str(output), *changed]) == 0
    cards = [head.card for head in read_heads(onnx.load(tuned)).heads]
    assert [card.threshold for card in cards] == [np.float32(-0.6), np.float32(-0.9)]
    capsys.readouterr()
    assert run(["inspect", str(tuned)]) == 0
    shown = capsys.readouterr().out
    assert "z1: logits, 5 classes on axis 1" in shown
    assert "first, by score_first and mask_first" in shown
    assert "has 2 heads, which judge first and third each for itself" in shown
    data = host.with_name("rows.npz")
    np.savez(data, x=hosts.ROWS)
    assert run(["verify", str(tuned), "--data", str(data)]) == 0
    assert run(["detach", str(tuned), "-o", str(back)]) == 0
    assert onnx.load(back) == onnx.load(host)


def test_each_place_takes_a_card_of_its_own(host: Path) -> None:
    cards = []
    for threshold in ("0.6", "0.8", "0.95"):
        card = host.with_name(f"card{threshold}.json")
        data = host.with_name("fit.npz")
        np.savez(data, logits=hosts.ROWS, labels=np.arange(len(hosts.ROWS)) % 6)
        fitted = ["fit", str(data), "--score", "entropy", "--threshold", threshold]
        assert run([*fitted, "-o", str(card)]) == 0
        text = card.read_text().replace('"n_classes": 6', '"n_classes": null')
        card.write_text(text)
        cards.append(str(card))
    output = host.with_name("out.onnx")
    assert run(["attach", str(host), *cards, "--several", "each", "-o", str(output)]) == 0
    found = [head.card.threshold for head in read_heads(onnx.load(output)).heads]
    assert found == [float(np.float32(value)) for value in (0.6, 0.8, 0.95)]


def test_a_joint_decision_is_inspected_as_such(
    host: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["inspect", str(host)]) == 0
    assert "--several joint" in capsys.readouterr().out
    code, output = attach(host, "--several", "joint")
    assert code == 0
    assert run(["inspect", str(output)]) == 0
    out = capsys.readouterr().out
    assert "by one decision\n" in out
    assert "mask accepts what every head accepts" in out


def test_the_class_axis_can_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = '<ir_version: 8, opset_import: ["": 17]> g (float[N, 3, L] x) => (float[N, 3, L] y) '
    host = tmp_path / "host.onnx"
    host.write_bytes(onnx.parser.parse_model(text + "{ y = Relu(x) }").SerializeToString())
    code, output = attach(host, "--logits", "y", "--class-axis", "1", "--kind", "logits")
    assert (code, capsys.readouterr().err) == (0, "")
    assert read_heads(onnx.load(output)).heads[0].form.class_axis == 1
    output.unlink()
    code, output = attach(host, "--logits", "y", "--class-axis", "7")
    assert code == 2
    assert not output.exists()


def test_weights_in_other_files_go_into_the_output_if_asked(host: Path, tmp_path: Path) -> None:
    outside = tmp_path / "big.onnx"
    onnx.save_model(
        onnx.load(host), outside, save_as_external_data=True, location="big.bin", size_threshold=0
    )
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    output = folder / "out.onnx"
    options = ["--several", "joint", "--self-contained", "-o", str(output)]
    assert run(["attach", str(outside), *OPTIONS, *options]) == 0
    assert [path.name for path in folder.iterdir()] == ["out.onnx"]
    expected = np.max(hosts.expected_scores(), axis=0)
    found = hosts.run(onnx.load(output), ["score"])["score"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_weights_of_2_gib_do_not_go_into_one_file(
    host: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "big.onnx"
    onnx.save_model(
        onnx.load(host), outside, save_as_external_data=True, location="big.bin", size_threshold=0
    )
    model = onnx.load(outside, load_external_data=False)
    entries = {entry.key: entry for entry in model.graph.initializer[0].external_data}
    entries["length"].value = str(2**31)
    outside.write_bytes(model.SerializeToString())
    output = tmp_path / "out.onnx"
    options = ["--several", "joint", "--self-contained", "-o", str(output)]
    assert run(["attach", str(outside), *OPTIONS, *options]) == 2
    assert "one ONNX file holds less than 2 GiB" in capsys.readouterr().err
    assert not output.exists()
