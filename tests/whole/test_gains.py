"""The README's table of gains is what comes out on the data that it names."""

import pytest
from support import documents, gains
from support.printed import alike

README = (documents.PROJECT / "README.md").read_text()


@pytest.mark.parametrize("name", gains.MADE)
@pytest.mark.filterwarnings("ignore:.* were used to fit too:logitconf.errors.LogitconfWarning")
def test_the_row_is_counted(name: str) -> None:
    (shown,) = (line for line in README.splitlines() if line.startswith(f"| {name}"))
    assert alike(shown, gains.line(name)), gains.line(name)


def test_what_a_shift_does_is_counted() -> None:
    page = (documents.DOCS / "explanations" / "pitfalls.md").read_text()
    words = " ".join(page.split())
    before, wrong, after, wrong_after = gains.shift()
    assert f"accepts {before:.1f} % before the shift, {wrong:.1f} % of them wrong" in words
    assert f"and {after:.1f} % after it, {wrong_after:.1f} % of them wrong" in words


def test_a_row_that_claims_more_is_seen() -> None:
    assert not alike("| 90.1 % | 80.9 % |", "| 90.1 % | 70.9 % |")
