"""Figures as files and as elements of a page."""

import re
from xml.etree import ElementTree

import pytest
from support.display_rows import labelled

import logitconf
from logitconf_export.display.displays import DISPLAYS
from logitconf_export.display.drawing import (
    INK,
    VARIABLES,
    axes_to_draw_on,
    figure_bytes,
    frame_of,
    svg_of,
)

pytest.importorskip("matplotlib")

LOGITS, LABELS = labelled(300)
with pytest.warns(logitconf.LogitconfWarning):
    SCORE = logitconf.SoftmaxScore().fit(LOGITS, LABELS).set_threshold(risk=0.3)
SVGS = [
    svg_of(kind.from_card(SCORE, LOGITS, LABELS).ax_, f"plot-{place}", "A <plot> & more")
    for place, kind in enumerate(DISPLAYS)
]


@pytest.mark.parametrize("svg", SVGS)
def test_a_page_can_colour_all_of_it(svg: str) -> None:
    assert (
        re.findall(r"#[0-9a-fA-F]{3,8}\b(?!-)", re.sub(r'href="#[^"]*"|url\(#[^)]*\)', "", svg))
        == []
    )
    assert set(re.findall(r"var\((--\w+)\)", svg)) <= set(VARIABLES.values())
    assert "var(--ink)" in svg


@pytest.mark.parametrize("svg", SVGS)
def test_it_is_well_formed_has_a_title_and_reaches_nowhere(svg: str) -> None:
    tree = ElementTree.fromstring(svg)
    assert tree.get("role") == "img"
    (title,) = (node for node in tree if node.tag == "title")
    assert (title.text, title.get("id")) == ("A <plot> & more", tree.get("aria-labelledby"))
    assert "http" not in svg
    ids = {node.get("id") for node in tree.iter() if node.get("id")}
    used = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg)
    assert {one or other for one, other in used} <= ids


def test_several_drawings_of_one_page_share_no_identifier() -> None:
    ids = [re.findall(r'\bid="([^"]+)"', svg) for svg in SVGS]
    every = [one for own in ids for one in own]
    assert len(every) == len(set(every)) > 30


def test_the_same_drawing_is_the_same_text() -> None:
    again = svg_of(DISPLAYS[0].from_card(SCORE, LOGITS, LABELS).ax_, "plot-0", "A <plot> & more")
    assert again == SVGS[0]


def test_points_of_the_axes_are_found_in_the_drawing() -> None:
    axes = axes_to_draw_on(None)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.plot([0.25, 1.0], [0.5, 1.0], color=INK, linewidth=7.25)
    svg = svg_of(axes, "line", "a line")
    left, top, right, bottom = frame_of(axes)
    drawn = re.search(r'd="M ([\d.]+) ([\d.]+)\s+L ([\d.]+) ([\d.]+)[^>]*stroke-width: 7.25', svg)
    assert drawn is not None
    expected = [left + 0.25 * (right - left), top + 0.5 * (bottom - top), right, top]
    assert [float(number) for number in drawn.groups()] == pytest.approx(expected, abs=0.01)


def test_a_figure_is_the_same_file_each_time() -> None:
    figure = DISPLAYS[0].from_card(SCORE, LOGITS, LABELS).figure_
    for kind in ("png", "svg"):
        assert figure_bytes(figure, kind) == figure_bytes(figure, kind)
