"""The page that commands write besides what they print."""

import sys
from pathlib import Path

import pytest

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
