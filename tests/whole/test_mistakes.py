"""What goes wrong at first is answered in one sentence that says what to do; nothing is written."""

import re
from collections import Counter
from pathlib import Path

import pytest
from support.command_line import contents
from support.mistakes import MISTAKES, RECORD, Mistake, answer, files, record


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the mistakes name."""
    folder = tmp_path_factory.mktemp("mistakes")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        files()
    return folder


@pytest.fixture(autouse=True)
def working_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mistakes are made among these files."""
    monkeypatch.chdir(place)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda each: each.line)
def test_a_mistake_is_answered_in_one_sentence_with_what_to_do(
    mistake: Mistake, place: Path
) -> None:
    before = contents(place)
    code, said = answer(mistake)
    assert code == 2, said
    lines = [line for line in said.splitlines() if not line.startswith("logitconf: warning: ")]
    sentence, *listed = lines
    assert re.match("logitconf: error: |LogitconfError: ", sentence)
    # a list of choices may follow, indented
    assert all(line.startswith("  ") for line in listed)
    assert "Traceback" not in said
    assert mistake.says in said
    assert contents(place) == before


def test_what_must_hold_and_what_came_are_said() -> None:
    for mistake in MISTAKES:
        _, said = answer(mistake)
        must = r"must|needs?|has no|takes|give one|belongs|exists|there is no|choose|already|cannot"
        assert re.search(must, said), said
        # what came, or the word itself that was typed
        named = [word for word in re.split(r"[ ='\"]+", mistake.line) if len(word) > 1]
        assert re.search("got|but|needs|choose|cannot hold", said) or any(
            word in said for word in named
        ), said


def test_there_are_enough_of_them_and_none_twice() -> None:
    assert len(MISTAKES) >= 60
    assert [line for line, n in Counter(m.line for m in MISTAKES).items() if n > 1] == []


def test_the_record_is_up_to_date() -> None:
    assert RECORD.read_text(encoding="utf-8") == record(), (
        "run python tests/support/mistakes.py, and read what changed aloud"
    )
