"""The page as a file: what stands in it, and what never does."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import report_models
from support.display_rows import labelled

import logitconf
from logitconf import LogitconfError

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

_EMPTY = {"meta", "input", "br"}
_SHAPES = {"path", "use", "circle", "line", "rect", "stop"}
_EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)> & \"'"


class Outline(HTMLParser):
    """Elements, their identifiers and attributes; every one that is opened must be closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _EMPTY:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, logitconf.Page]:
    """A model, its rows and their page."""
    folder = tmp_path_factory.mktemp("a folder of mine")
    model = report_models.shipped(folder / "m.onnx", report_models.fitted(risk=0.3))
    data = report_models.saved_rows(folder / "val.npz")
    return model, data, logitconf.report(model, data)


def test_a_page_is_well_formed_and_tells_who_does_not_see(made: Any) -> None:
    _, _, page = made
    outline = Outline(page.html)
    assert page.html.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert len(outline.ids) == len(set(outline.ids))
    for name in ("html", "head", "title", "body", "main", "h1", "footer"):
        assert outline.tags.count(name) == (1 if name != "title" else 4), name
    labelled_by = [value for _, name, value in outline.attributes if name == "aria-labelledby"]
    targets = [value for tag, name, value in outline.attributes if (tag, name) == ("label", "for")]
    assert set(labelled_by) | set(targets) <= set(outline.ids)
    assert outline.tags.count("svg") == outline.attributes.count(("svg", "role", "img")) == 3
    headings = [int(tag[1]) for tag in outline.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(headings))


def test_the_verdict_comes_first_then_rule_and_promise(made: Any) -> None:
    _, _, page = made
    words = " ".join(" ".join(Outline(page.html).texts).split())
    order = [
        "PASSED: 0 of 300 rows decided differently on cpu",
        "Accepts ",
        "accepts score &lt;".replace("&lt;", "<"),
        "certified: at most 30 % errors",
        "together with the risk 90 %",
        "Move the threshold",
        "Accepted and rejected by true class",
        "Does it decide the same everywhere?",
        "Make it again",
    ]
    places = [words.index(part) for part in order]
    assert places == sorted(places)
    assert page.verdict == order[0]


def test_nothing_of_the_page_comes_from_elsewhere(made: Any) -> None:
    _, _, page = made
    assert "http" not in page.html.replace("http-equiv", "")
    outline = Outline(page.html)
    assert not {"link", "img", "iframe", "object", "embed"} & set(outline.tags)
    assert {name for _, name, _ in outline.attributes} & {"src", "srcset", "action"} == set()
    assert all(value.startswith("#") for _, name, value in outline.attributes if name == "href")
    policy = next(value for _, name, value in outline.attributes if name == "content"
                  and value.startswith("default-src"))  # fmt: skip
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")
    assert "url(http" not in page.html
    assert "@import" not in page.html


def test_no_folder_of_this_machine_is_told(made: Any) -> None:
    model, data, page = made
    assert str(model.parent) not in page.html
    assert "a folder of mine" not in page.html
    assert (model.name in page.html, data.name in page.html) == (True, True)


def test_the_same_input_is_the_same_page(made: Any) -> None:
    model, data, page = made
    assert logitconf.report(model, data).html == page.html


def test_names_cannot_become_markup(tmp_path: Path) -> None:
    logits, labels = report_models.rows()
    model = tmp_path / "a <b> & 'c' \"d\" $(e) -f.onnx"
    report_models.shipped(model)
    data = report_models.saved_rows(tmp_path / "-rows <i>.npz")
    page = logitconf.report(model, data, names=[_EVIL, "<b>", "x", "y"])
    outline = Outline(page.html)
    assert {"img", "b>"} & set(outline.tags) == set()
    # the data of the slider and the page's own
    assert outline.tags.count("script") == 2
    assert any(_EVIL in text for text in outline.texts)
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", page.html, re.DOTALL)
    assert len(scripts) == 2
    assert len(logits) == len(labels) == 300
    assert "--data './-rows <i>.npz'" in "".join(outline.texts)


def test_fifty_thousand_rows_make_less_than_a_megabyte() -> None:
    logits, labels = labelled(50_000, 10)
    score = logitconf.EntropyScore().fit(logits, labels, holdout=0.5).set_threshold(risk=0.2)
    page = logitconf.report(score, {"logits": logits, "labels": labels})
    assert len(page.html.encode()) < 300_000


def test_a_thousand_classes_make_less_than_a_megabyte() -> None:
    logits, labels = labelled(4000, 1000)
    score = logitconf.SoftmaxScore().fit(logits, labels).set_threshold(coverage=0.8)
    page = logitconf.report(score, {"logits": logits, "labels": labels})
    assert len(page.html.encode()) < 400_000


def test_a_page_is_written_only_over_nothing_unless_it_is_told_to(tmp_path: Path) -> None:
    logits, labels = report_models.rows(50)
    score, path = report_models.fitted(), tmp_path / "page.html"
    page = logitconf.report(score, {"logits": logits, "labels": labels}, path)
    assert path.read_text(encoding="utf-8") == page.html
    with pytest.raises(LogitconfError, match="exists"):
        page.save(path)
    page.save(path, force=True)


def test_a_notebook_shows_a_page_in_a_frame_and_its_repr_is_short(made: Any) -> None:
    _, _, page = made
    assert repr(page) == (
        "<page 'm.onnx': PASSED: 0 of 300 rows decided differently on cpu "
        f"({len(page.html) // 1000} kB)>"
    )
    frame = Outline(page._repr_html_())
    content = next(value for _, name, value in frame.attributes if name == "srcdoc")
    assert (frame.tags, content) == (["iframe"], page.html)
    assert ("iframe", "sandbox", "allow-scripts") in frame.attributes


def test_a_file_that_decides_otherwise_is_told_first(tmp_path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    path = report_models.shipped(tmp_path / "m.onnx")
    model = onnx.load(path)
    (threshold,) = (t for t in model.graph.initializer if t.name.endswith("threshold"))
    threshold.CopyFrom(numpy_helper.from_array(np.asarray(-0.3, np.float32), threshold.name))
    onnx.save(model, path)
    inputs, labels = report_models.rows()
    page = logitconf.report(path, {"x": inputs, "labels": labels})
    assert page.verdict.startswith("FAILED: ")
    assert 'class="verdict bad"' in page.html


@pytest.mark.parametrize("light", ["light", "dark"])
def test_words_stand_out_from_the_paper(made: Any, light: str) -> None:
    _, _, page = made
    schemes = re.findall(r":root \{(.*?)\}", page.html, re.DOTALL)
    colours = dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", schemes[light == "dark"]))
    for paper in ("--paper", "--raised", "--good-paper", "--bad-paper"):
        for ink in ("--ink", "--muted"):
            assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
    for ink in ("--blue", "--orange", "--green", "--bad"):
        assert contrast(colours[ink], colours["--paper"]) >= 4.5, ink
    assert contrast(colours["--green"], colours["--good-paper"]) >= 4.5
    assert contrast(colours["--bad"], colours["--bad-paper"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2.1, success criterion 1.4.3: (L1 + .05) / (L2 + .05) of relative luminances."""
    lights = []
    for colour in (one, other):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)
