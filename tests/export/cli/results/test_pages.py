"""What ``report`` shows of the page that it wrote."""

from pathlib import Path

from logitconf_export.cli.results.pages import page_result
from logitconf_export.display.page.reporting import Page


def words(result: object, path: Path) -> list[str]:
    lines = page_result(result, path).lines(None)  # type: ignore[arg-type]
    return ["".join(span.text for span in line) for line in lines]


def test_verdict_summary_and_file_are_shown_and_why_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(b"x" * 12_340)
    passed = Page("", title="m", sentences=["PASSED: all", "Accepts 5 of 6."], passed=True)
    assert words(passed, path) == [
        "PASSED: all",
        "",
        "Accepts 5 of 6.",
        "",
        f"  page  {path} (12.3 kB)",
    ]
    failed = Page("", title="m", sentences=["FAILED: 1"], failures=["it does not"], passed=False)
    assert words(failed, path)[-1] == "failure: it does not"
    styles = [page_result(page, path).style for page in (passed, failed)]
    assert (styles, page_result(Page("", title="m", sentences=["A"]), path).style) == (
        ["good", "bad"],
        "",
    )


def test_its_json_has_every_sentence(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.touch()
    page = Page("", title="m", sentences=["A.", "B."], failures=["c"], passed=False)
    assert dict(page_result(page, path).values()) == {
        "schema": 1,
        "report": "page",
        "verdict": "A.",
        "passed": False,
        "sentences": ["A.", "B."],
        "failures": ["c"],
        "page": f"{path}",
    }
