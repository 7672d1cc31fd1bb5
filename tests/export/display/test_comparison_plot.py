"""Risk-coverage curves of several scores as a picture."""

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import command_line
from support.display_rows import labelled

from logitconf.errors import LogitconfError
from logitconf.fitting.comparison import ScoreComparison, compare_scores
from logitconf_export.display.comparison_plot import (
    MOST_NAMED,
    check_plot,
    comparison_figure,
    curve_groups,
    draw_comparison,
    spread,
    widest_window,
)


@pytest.fixture(scope="module")
def compared() -> ScoreComparison:
    made = command_line.rows()
    return compare_scores(made.logits, made.labels, draws=100)


@pytest.mark.parametrize("name", ["curves.svg", "curves.png"])
def test_a_plot_is_a_picture_that_is_the_same_each_time(
    name: str, compared: ScoreComparison, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / name
    draw_comparison(compared, path)
    first = path.read_bytes()
    draw_comparison(compared, path, force=True)
    assert path.read_bytes() == first
    if name.endswith("png"):
        assert first.startswith(b"\x89PNG")
        assert len(first) > 10_000
    else:
        assert ElementTree.fromstring(first).tag.endswith("svg")


def test_the_curves_drawn_are_those_compared(compared: ScoreComparison) -> None:
    pytest.importorskip("matplotlib")
    left, right = comparison_figure(compared).axes
    curves = {standing.name: standing.curve for standing in compared.standings}
    for axes in (left, right):
        drawn = {line.get_label(): line for line in axes.get_lines()}
        for group in curve_groups(compared):
            line, curve = drawn[", ".join(group.scores)], curves[group.scores[0]]
            x, y = np.asarray(line.get_xydata(), np.float64).T
            np.testing.assert_allclose(np.interp(x, curve.coverage, curve.risk), y)
    named = {line.get_label(): line for line in left.get_lines()}
    assert np.asarray(named["no ranking"].get_ydata())[0] == compared.errors / compared.rows


def test_curves_that_coincide_are_one_line_with_all_their_names(compared: ScoreComparison) -> None:
    groups = curve_groups(compared)
    names = [set(group.scores) for group in groups]
    # Gini impurity and D-alpha are one function of the other, D-beta one of maximum softmax
    assert any({"doctor", "gini"} <= group for group in names)
    assert any({"doctor_beta", "softmax"} <= group for group in names)
    assert sorted(name for group in groups for name in group.scores) == sorted(
        standing.score for standing in compared.standings
    )
    errors = {s.score: s.curve.risk * np.arange(1, compared.rows + 1) for s in compared.standings}
    for group in groups:
        for other in groups:
            apart = np.abs(errors[group.scores[0]] - errors[other.scores[0]]).max()
            assert apart == 0.0 if group is other else apart >= 1.0
    together = next(group for group in groups if len(group.scores) > 1)
    assert together.label.endswith("\ncoincide")


def test_the_best_have_names_and_the_others_are_thin() -> None:
    pytest.importorskip("matplotlib")
    logits, labels = labelled(800)
    calibrations = ["temperature", "vector", "matrix"]
    many = compare_scores(logits, labels, draws=100, calibrations=calibrations)
    groups = curve_groups(many)
    assert len({standing.name for standing in many.standings}) == len(many.standings)
    assert len(groups) > MOST_NAMED
    left, right = comparison_figure(many).axes
    for axes in (left, right):
        widths = [line.get_linewidth() for line in axes.get_lines()]
        assert widths.count(0.6) == len(groups) - MOST_NAMED
    words = [text.get_text() for text in right.texts]
    assert f"thin: {len(groups) - MOST_NAMED} more, which rank worse" in words
    assert sum(text in {group.label for group in groups} for text in words) == MOST_NAMED


def test_the_window_ends_where_the_curves_lie_furthest_apart(compared: ScoreComparison) -> None:
    groups = curve_groups(compared)
    start, end = widest_window(groups)
    coverage = groups[0].coverage
    risks = np.stack([group.risk for group in groups])
    apart = risks.max(axis=0) - risks.min(axis=0)
    inside = (coverage >= 0.25) & (coverage <= 0.97)
    assert apart[int(np.searchsorted(coverage, end))] == apart[inside].max()
    assert 0.05 <= start < end


def test_names_at_the_ends_of_lines_do_not_overlap(compared: ScoreComparison) -> None:
    agg = pytest.importorskip("matplotlib.backends.backend_agg")
    figure = comparison_figure(compared)
    agg.FigureCanvasAgg(figure).draw()
    names = [text for text in figure.axes[1].texts if text.get_text()]
    boxes = sorted((text.get_window_extent() for text in names), key=lambda box: box.y0)
    assert len(names) == len(curve_groups(compared))
    # the box of an annotation holds its line too, so the words alone are compared
    words = sorted((_words(text) for text in names), key=lambda box: box[0])
    assert all(before[1] <= after[0] + 0.5 for before, after in pairwise(words))
    assert max(box.x1 for box in boxes) <= figure.bbox.x1


def _words(text: object) -> tuple[float, float]:
    from matplotlib.text import Text

    assert isinstance(text, Text)
    box = Text.get_window_extent(text)
    return box.y0, box.y1


@given(
    boxes=st.lists(st.tuples(st.floats(0.0, 100.0), st.floats(1.0, 12.0)), min_size=1, max_size=8)
)
def test_boxes_are_spread_without_overlap_and_in_order(boxes: list[tuple[float, float]]) -> None:
    boxes.sort()
    wanted, sizes = zip(*boxes, strict=True)
    centres = spread(wanted, sizes, 100.0)
    ends = [(c - s / 2, c + s / 2) for c, s in zip(centres, sizes, strict=True)]
    assert ends[0][0] >= -1e-9
    assert ends[-1][1] <= 100.0 + 1e-9
    assert all(before[1] <= after[0] + 1e-9 for before, after in pairwise(ends))


def test_boxes_with_room_stay_where_they_are_wanted() -> None:
    assert spread([10.0, 30.0, 80.0], [4.0, 4.0, 4.0], 100.0) == [10.0, 30.0, 80.0]


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
