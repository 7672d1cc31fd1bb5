"""The page of a comparison."""

import re
from pathlib import Path

import numpy as np
import pytest
from support.display_rows import labelled

from logitconf.fitting.comparison import ScoreComparison, compare_scores
from logitconf_export.display.page.comparing import HEADER, comparison_page

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")


@pytest.fixture(scope="module")
def compared() -> ScoreComparison:
    logits, labels = labelled(600)
    return compare_scores(logits, labels, draws=100)


def test_the_verdict_comes_first_and_every_score_has_a_row(compared: ScoreComparison) -> None:
    page = comparison_page(compared, [("this page", "logitconf compare rows.npz")])
    assert page.verdict == f"Take {compared.verdict.removeprefix('take ')}."
    assert page.passed is None
    rows = re.findall(r'<tr><th scope="row">(\w+)</th>', page.html)
    assert rows == [standing.score for standing in compared.standings]
    assert all(f'<th scope="col">{name}</th>' in page.html for name in HEADER)
    assert "logitconf compare rows.npz" in page.html
    assert page.html.count("<svg") == 2
    for name in compared.left_out:
        assert f"<li>{name}: " in page.html


def test_it_names_its_file_without_the_folder(compared: ScoreComparison, tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, a=[1])
    page = comparison_page(compared, [], data=path)
    assert page.title == "rows.npz"
    assert str(tmp_path) not in page.html
    assert comparison_page(compared, [], data=path).html == page.html
