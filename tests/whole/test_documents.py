"""Every code block of README and docs runs and prints what its page shows."""

import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from support import documents, reference
from support.command_line import decide, done
from support.digit_hosts import OTHER_HOSTS

from logitconf import __version__
from logitconf_export.cli.app import COMMANDS

PAGES = {f"{page.relative_to(documents.PROJECT)}": page for page in documents.pages()}


@pytest.fixture(scope="session")
def demo_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    documents.make_folder(folder)
    return folder


@pytest.mark.parametrize(
    "name", [name for name, page in PAGES.items() if "```" in page.read_text()]
)
def test_every_block_runs_and_prints_what_is_shown(
    name: str, demo_files: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(demo_files, tmp_path / "files")
    shown = PAGES[name].read_text()
    assert documents.differences(shown, documents.played(shown, folder)) == []


def test_the_readme_is_short_and_shows_a_picture_first() -> None:
    text = PAGES["README.md"].read_text()
    words = re.sub(r"^```.*?^```|<picture>.*?</picture>", "", text, flags=re.M | re.S).split()
    assert len(words) < 900
    assert text.index("<picture>") < text.index("\n## ")


def test_every_file_that_the_readme_names_is_there() -> None:
    text = PAGES["README.md"].read_text()
    links = re.findall(r"\]\(([^)]+)\)|(?:src|srcset)=\"([^\"]+)\"", text)
    relative = [one or other for one, other in links if not (one or other).startswith("https://")]
    assert len(relative) > 20
    for link in relative:
        assert (documents.PROJECT / link.split("#")[0]).exists(), link


def test_no_code_hides_in_an_indent_where_nobody_runs_it() -> None:
    for name, page in PAGES.items():
        prose = documents.FENCE.sub("", page.read_text())
        without_lists = re.sub(r"^(\d+\.|-) .*?(?=^\S)", "", prose, flags=re.M | re.S)
        assert re.findall(r"\n\n {4}\S[^\n]*", without_lists) == [], name


def test_every_command_is_shown() -> None:
    shown = {
        command[0] for page in PAGES.values() for command in documents.commands(page.read_text())
    }
    assert shown >= set(COMMANDS)


def test_what_the_pages_make_decides_as_they_say(demo_files: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(demo_files, tmp_path / "files")
    documents.played(PAGES["docs/reference/at-a-glance.md"].read_text(), folder)
    rows = np.load(folder / "calibration.npz")["inputs"]
    assert decide(f"{folder / 'out.onnx'}", rows)[1].mean() == pytest.approx(0.9, abs=0.002)
    _, mask = decide(f"{folder / 'given.onnx'}", rows)
    logits = np.load(folder / "logits.npz")["logits"]
    expected = reference.score("softmax", logits, 1.5) < np.float64(np.float32(-0.7))
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("name", OTHER_HOSTS)
def test_the_commands_of_the_readme_work_on_other_hosts(
    name: str,
    demo_files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(shutil.copytree(demo_files, tmp_path / "files"))
    made, place = OTHER_HOSTS[name]
    onnx.save(made(onnx.load("digits.onnx")), "digits.onnx")
    for command in documents.commands(PAGES["README.md"].read_text()):
        told = place if command[0] in ("fit", "attach") else ()
        done(capsys, [*command, *told])
    assert decide("out.onnx", np.load("calibration.npz")["inputs"])[1].mean() > 0.89


PAGE = """A page.

```console
$ logitconf --version
logitconf VERSION
```

1. A list.
    ```python
    >>> 1 + 1
    2
    >>> int("x")
    Traceback (most recent call last):
      ...
    builtins.ValueError: invalid literal for int() with base 10: 'x'
    ```

```python
print("two words")
```
```text
two words
```
""".replace("VERSION", __version__)


def test_a_page_that_tells_the_truth_is_left_as_it_is(tmp_path: Path) -> None:
    assert documents.played(PAGE, tmp_path) == PAGE


@pytest.mark.parametrize(
    ("true", "false"),
    [
        (f"logitconf {__version__}", "logitconf seven"),
        ("2\n    >>> int", "3\n    >>> int"),
        ("base 10: 'x'", "base 10: 'y'"),
        ("```text\ntwo words", "```text\nthree words"),
    ],
)
def test_a_page_that_does_not_is_seen(true: str, false: str, tmp_path: Path) -> None:
    wrong = PAGE.replace(true, false)
    assert wrong != PAGE
    assert len(documents.differences(wrong, documents.played(wrong, tmp_path))) == 1
    assert documents.played(wrong, tmp_path) == PAGE


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("```console\n$ logitconf fit\n```", "ended with 2"),
        ("```console\n$ logitconf --version\nerror: no\n```", "ended with 0"),
        ("```console\n$ pip install logitconf[nothing]\n```", "there is no extra nothing"),
        ("```console\n$ rm\n```", "rm is no program"),
        ("```javascript\nlet x;\n```", "nobody runs a block of javascript"),
        ("```text\nx\n```", "no script before it"),
    ],
)
def test_a_block_that_fails_or_that_nobody_runs_is_an_error(
    block: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(documents.DocumentError, match=message):
        documents.played(f"{block}\n", tmp_path)
