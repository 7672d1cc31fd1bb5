"""What a user reads of a threshold."""

from string import Formatter

import pytest

from logitconf.thresholds.gaps import NOTHING, Note, NoteKind


@pytest.mark.parametrize(
    ("note", "sentence"),
    [
        (
            Note(NoteKind.TIED, accepted=60, wanted=10),
            "scores tie: 60 rows are accepted where 10 were asked for",
        ),
        (
            Note(NoteKind.UNSCORED, accepted=3, rows=5, part="class 2"),
            "class 2: only 3 of 5 rows have a finite score and can be accepted",
        ),
        (
            Note(NoteKind.REFUSED, part="label 0", reason="no errors"),
            "label 0 accepts nothing: no errors",
        ),
        (NOTHING, "no row is accepted"),
    ],
)
def test_a_note_reads_as_a_sentence_that_names_its_part_once(note: Note, sentence: str) -> None:
    assert str(note) == sentence


@pytest.mark.parametrize("kind", NoteKind)
def test_every_number_that_a_kind_speaks_of_is_in_its_sentence(kind: NoteKind) -> None:
    values = {"accepted": 101, "wanted": 202, "rows": 303, "reason": "ties", "part": "class 7"}
    sentence = str(Note(kind, **values))  # type: ignore[arg-type]
    for _, name, _, _ in Formatter().parse(kind.value):
        assert name is None or str(values[name]) in sentence
    assert sentence.startswith("class 7")
    assert "{" not in sentence
