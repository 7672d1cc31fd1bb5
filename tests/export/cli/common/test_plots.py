"""Risk-coverage curves as a picture."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from support import command_line

from logitconf.errors import LogitconfError
from logitconf.fitting.comparison import ScoreComparison, compare_scores
from logitconf_export.cli.common.plots import check_plot, draw_risk_coverage


@pytest.fixture
def compared() -> ScoreComparison:
    made = command_line.rows()
    return compare_scores(made.logits, made.labels, draws=100)


@pytest.mark.parametrize("name", ["curves.svg", "curves.png"])
def test_a_plot_is_a_picture_that_is_the_same_each_time(
    name: str, compared: ScoreComparison, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / name
    draw_risk_coverage(compared, path)
    first = path.read_bytes()
    draw_risk_coverage(compared, path, force=True)
    assert path.read_bytes() == first
    if name.endswith("png"):
        assert first.startswith(b"\x89PNG")
        assert len(first) > 10_000
    else:
        assert ElementTree.fromstring(first).tag.endswith("svg")


def test_the_curves_drawn_are_those_compared(
    compared: ScoreComparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure_module = pytest.importorskip("matplotlib.figure")
    figures: list[Any] = []
    save = figure_module.Figure.savefig

    def kept(figure: object, *args: object, **options: object) -> None:
        figures.append(figure)
        save(figure, *args, **options)

    monkeypatch.setattr(figure_module.Figure, "savefig", kept)
    draw_risk_coverage(compared, tmp_path / "curves.svg")
    (axes,) = figures[0].axes
    lines = {line.get_label().split(" ")[0]: line for line in axes.get_lines()}
    for standing in compared.standings:
        drawn = lines[standing.score]
        np.testing.assert_allclose(
            np.interp(drawn.get_xdata(), standing.curve.coverage, standing.curve.risk),
            drawn.get_ydata(),
        )
    assert lines["no"].get_ydata()[0] == compared.errors / compared.rows


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    for name in ("curves.pdf", "curves", "png"):
        with pytest.raises(LogitconfError, match=r"a plot must be a file \.png or \.svg, got"):
            check_plot(tmp_path / name, force=True)


def test_a_plot_that_exists_is_replaced_only_by_force(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "curves.PNG"
    path.write_bytes(b"old")
    with pytest.raises(LogitconfError, match="exists"):
        check_plot(path, force=False)
    check_plot(path, force=True)
    assert path.read_bytes() == b"old"
