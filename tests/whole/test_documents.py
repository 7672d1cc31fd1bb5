"""Every code block of README and docs runs and prints what its page shows."""

import shutil
from pathlib import Path

import pytest
from support import documents

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


PAGE = """A page.

```console
$ logitconf --version
logitconf 0.1.0
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
"""


def test_a_page_that_tells_the_truth_is_left_as_it_is(tmp_path: Path) -> None:
    assert documents.played(PAGE, tmp_path) == PAGE


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("logitconf 0.1.0", "logitconf seven"),
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
