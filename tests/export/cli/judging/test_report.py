"""The command ``report``."""

import json
import re
import shlex
from html import unescape
from pathlib import Path

import numpy as np
import onnx
import pytest
from support import report_models
from support.command_line import call, done, refused

import logitconf
from logitconf.notebook.html import unbroken
from logitconf_export.heads.metadata import read_heads

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a model, its card and rows."""
    monkeypatch.chdir(tmp_path)
    score = report_models.fitted(risk=0.3)
    report_models.shipped(tmp_path / "my model.onnx", score)
    score.save(tmp_path / "card.json")
    report_models.saved_rows(tmp_path / "val.npz")
    inputs, labels = report_models.rows()
    np.savez(tmp_path / "logits.npz", logits=inputs, labels=labels)
    return tmp_path


def test_a_page_is_written_and_its_verdict_printed(capsys: pytest.CaptureFixture[str]) -> None:
    out = done(capsys, ["report", "my model.onnx", "--data", "val.npz", "-o", "page.html"])
    html = Path("page.html").read_text(encoding="utf-8")
    first, _, summary, _, page = out.splitlines()
    assert first == "PASSED: 0 of 300 rows decided differently on cpu"
    assert (first in html, unbroken(summary) in html) == (True, True)
    assert page == f"  page  page.html ({len(html.encode()) / 1000:.0f} kB)"


def test_the_result_as_json_says_where_the_page_is(capsys: pytest.CaptureFixture[str]) -> None:
    out = done(capsys, "report card.json --data logits.npz -o page.html --json -")
    values = json.loads(out)
    assert (values["report"], values["page"], values["passed"]) == ("page", "page.html", None)
    assert values["sentences"][0] == values["verdict"]


def test_every_command_on_the_page_works_when_it_is_pasted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done(capsys, ["report", "my model.onnx", "--data", "val.npz", "-o", "page.html"])
    html = Path("page.html").read_text(encoding="utf-8")
    lines = commands_in(html)
    assert len(lines) == 4
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "logitconf"
        # the file that a page is asked for is there already, as it would be for who pastes twice
        assert call(capsys, words[1:]).code == 0, line
    assert Path("report.html").read_text(encoding="utf-8") == html
    assert Path("my model-retuned.onnx").exists()


def commands_in(html: str) -> list[str]:
    """The commands on a page, as they are pasted; of a slider that of its first position."""
    lines = re.findall(r'<pre class="command">(.*?)</pre>', html)
    starts = re.findall(r'data-start="(.*?)"', html)
    thresholds = re.findall(r'"thresholds": \["(.*?)"', html)
    lines += [f"{a} {b}" for a, b in zip(starts, thresholds, strict=bool(starts))]
    return [unescape(line) for line in lines]


@pytest.mark.parametrize("several", ["each", "joint"])
def test_the_slider_of_each_of_several_heads_has_a_command_that_works(
    capsys: pytest.CaptureFixture[str], several: str
) -> None:
    logitconf.attach(
        report_models.host(report_models.TWO), report_models.fitted(), "two.onnx", several=several
    )
    done(capsys, "report two.onnx --data val.npz -o page.html")
    lines = [
        line for line in commands_in(Path("page.html").read_text("utf-8")) if " retune " in line
    ]
    heads = [re.findall(r"--head=(\w+)", line) for line in lines]
    assert heads == ([["first"], ["second"]] if several == "each" else [[], []])
    for line in lines:
        done(capsys, [*shlex.split(line)[1:], "--force"])
        cards = [head.card.threshold for head in read_heads(onnx.load("two-retuned.onnx")).heads]
        changed = [one != report_models.fitted().card.threshold for one in cards]
        assert changed == (
            [line is lines[0], line is lines[1]] if several == "each" else [True] * 2
        )


def test_names_are_shown_and_belong_to_the_command_that_makes_the_page(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / "names.txt").write_text("a cat\ndog\nfox\nowl\n", encoding="utf-8")
    for model, names in (("card.json", "names.txt"), ("my model.onnx", "a cat,dog,fox,owl")):
        data = "logits.npz" if model == "card.json" else "val.npz"
        words = ["report", model, "--data", data, "-o", "p.html", "--force", "--names", names]
        done(capsys, [*words, "--ignore-label", "3"])
        html = Path("p.html").read_text(encoding="utf-8")
        assert '<th scope="row">a cat</th>' in html
        again = next(line for line in commands_in(html) if " report " in line)
        done(capsys, [*shlex.split(again)[1:], "--force"])
        assert Path("report.html").read_text(encoding="utf-8") == html
    refused(
        capsys,
        "report card.json --data logits.npz -o q.html --names a,b",
        "name each of 4 columns in their order, got 2",
    )


def test_a_card_has_a_page_too(capsys: pytest.CaptureFixture[str]) -> None:
    out = done(capsys, "report card.json --data logits.npz -o page.html")
    assert re.match(r"Accepts [\d.]+ % of 300 rows and is right on", out)
    html = Path("page.html").read_text(encoding="utf-8")
    assert "logitconf report card.json --data logits.npz -o report.html" in html
    assert "Does it decide the same everywhere?" not in html


def test_a_file_that_fails_ends_with_one(capsys: pytest.CaptureFixture[str]) -> None:
    from onnx import numpy_helper

    model = onnx.load("my model.onnx")
    (threshold,) = (t for t in model.graph.initializer if t.name.endswith("threshold"))
    threshold.CopyFrom(numpy_helper.from_array(np.asarray(-0.2, np.float32), threshold.name))
    onnx.save(model, "my model.onnx")
    outcome = call(capsys, ["report", "my model.onnx", "--data", "val.npz", "-o", "page.html"])
    assert (outcome.code, outcome.out[:7]) == (1, "FAILED:")
    assert 'class="verdict bad"' in Path("page.html").read_text(encoding="utf-8")


def test_rows_with_a_label_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    done(capsys, "report card.json --data logits.npz -o page.html --ignore-label 3")
    _, labels = report_models.rows()
    assert f"{int((labels == 3).sum())} rows are left out" in Path("page.html").read_text("utf-8")


def test_what_does_not_fit_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for command, message in (
        ("report card.json --data logits.npz -o page.pdf", r"a page must be a file \.html"),
        ("report card.json --data logits.npz -o p.html --on tract", "run a model, got the card"),
        ("report my.onnx --data val.npz -o p.html --kind logits", "--kind belongs to a card"),
        ("report nothing.onnx --data val.npz -o p.html", "nothing.onnx"),
        ("report card.json --data val.npz -o p.html", "data must hold 'logits'"),
    ):
        refused(capsys, command, message)
    Path("page.html").write_text("mine")
    refused(capsys, "report card.json --data logits.npz -o page.html", "exists")
