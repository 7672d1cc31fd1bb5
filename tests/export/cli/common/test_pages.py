"""The page that commands write besides what they print."""

import re
import shlex
import sys
from html import unescape
from pathlib import Path

import pytest
from support.command_line import call, done, make_files, refused

from logitconf import LogitconfError, MissingExtraError
from logitconf_export.cli.common.pages import check_page_file


def test_no_page_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    check_page_file(None, (), force=False)


def test_a_page_that_cannot_be_made_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "a.html"
    source.write_text("rows")
    with pytest.raises(LogitconfError, match="must not be the input"):
        check_page_file(source, (None, source), force=True)
    with pytest.raises(LogitconfError, match="exists"):
        check_page_file(source, (), force=False)
    with pytest.raises(LogitconfError, match=r"a page must be a file \.html, got .*page$"):
        check_page_file(tmp_path / "page", (), force=False)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r'pip install "logitconf\[plot\]"'):
        check_page_file(tmp_path / "b.html", (), force=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files of make_files, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my files").mkdir()
    make_files(tmp_path / "my files")
    return tmp_path


COMMANDS = {
    "fit": ["fit", "my files/logits.npz", "--holdout", "0.5", "-o", "my files/card.json"],
    "fit a model": [
        *(
            "fit",
            "--model",
            "my files/plain.onnx",
            "--data",
            "my files/val.npz",
            "--coverage",
            "0.9",
        ),
        *("-o", "my files/card.json"),
    ],
    "compare": ["compare", "my files/logits.npz", "--seed", "3", "--ignore-label", "9"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_shows_the_command_that_made_it_which_works_beside_its_files(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [*COMMANDS[name], "--force", "--report", "my files/page.html"]
    out = done(capsys, command)
    assert "  page  my files/page.html (" in out
    html = Path("my files/page.html").read_text(encoding="utf-8")
    assert "my files" not in html
    (shown,) = re.findall(r'<pre class="command">(.*?)</pre>', html)
    monkeypatch.chdir(folder / "my files")
    outcome = call(capsys, shlex.split(unescape(shown))[1:])
    assert outcome.code == 0, outcome
    assert Path("page.html").read_text(encoding="utf-8") == html


def test_verify_writes_the_page_of_its_own_verification(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done(capsys, ["fit", *COMMANDS["fit a model"][1:]])
    card, model = "my files/card.json", "my files/plain.onnx"
    done(capsys, ["attach", model, card, "-o", "out.onnx"])
    verify = ["verify", "out.onnx", "--report", "page.html"]
    done(capsys, [*verify, "--data", "my files/val.npz"])
    html = Path("page.html").read_text(encoding="utf-8")
    report = ["report", "out.onnx", "--data", "my files/val.npz", "-o", "other.html"]
    done(capsys, report)
    assert Path("other.html").read_text(encoding="utf-8") == html
    Path("page.html").unlink()
    refused(capsys, verify, "--report shows rows; give them with --data")
    assert folder == Path.cwd()


def test_an_untrue_file_has_a_page_that_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import onnx
    from onnx import numpy_helper

    done(capsys, COMMANDS["fit a model"])
    done(capsys, ["attach", "my files/plain.onnx", "my files/card.json", "-o", "out.onnx"])
    model = onnx.load("out.onnx")
    (threshold,) = (t for t in model.graph.initializer if t.name.endswith("threshold"))
    array = numpy_helper.to_array(threshold) + 0.1
    threshold.CopyFrom(numpy_helper.from_array(array, threshold.name))
    onnx.save(model, "out.onnx")
    command = ["verify", "out.onnx", "--data", "my files/val.npz", "--report", "page.html"]
    outcome = call(capsys, command)
    assert outcome.code == 1
    html = (folder / "page.html").read_text(encoding="utf-8")
    assert outcome.out.splitlines()[0] in unescape(html)
