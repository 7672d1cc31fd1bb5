"""The page in a real browser: what it asks for, what it shows, and where it fits."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support import report_models
from support.browser import chromium
from support.display_rows import labelled

import logitconf
from logitconf.card.modes import Modes
from logitconf.wording.numbers import percent

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

POSITIONS = 20


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with chromium() as started:
        yield started


@pytest.fixture
def opened(browser: "Browser", tmp_path: Path) -> "Iterator[Any]":
    """Opens a page from a file; whatever else it asks for is refused, and so is any word of it."""
    contexts, asked, said = [], list[str](), list[str]()

    def show(page: logitconf.Page, **options: Any) -> "Page":
        path = tmp_path / "page.html"
        page.save(path, force=True)
        context = browser.new_context(**options)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))

        def answer(route: Any) -> None:
            if route.request.url == path.as_uri():
                route.continue_()
            else:
                asked.append(route.request.url)
                route.abort()

        tab.route("**/*", answer)
        tab.goto(path.as_uri())
        return tab

    yield show
    for context in contexts:
        context.close()
    assert (asked, said) == ([], [])


def move(tab: "Page", position: int) -> None:
    """Moves the slider as a hand would: the value changes, and the page hears of it."""
    tab.evaluate(
        "position => { const input = document.querySelector('.slider input');"
        " input.value = position; input.dispatchEvent(new Event('input')); }",
        position,
    )


def read(tab: "Page") -> dict[str, str]:
    """What stands beside the slider."""
    places = tab.query_selector_all(".slider [data-out]")
    return {str(each.get_attribute("data-out")): each.inner_text().strip() for each in places}


@pytest.mark.filterwarnings("ignore:no row is accepted")
def test_the_slider_says_what_select_does_at_twenty_thresholds(opened: Any, tmp_path: Path) -> None:
    score = report_models.fitted(risk=0.3)
    inputs, labels = report_models.rows()
    model = report_models.shipped(tmp_path / "m.onnx", score)
    tab = opened(logitconf.report(model, {"x": inputs, "labels": labels}))
    wrong = inputs.argmax(1) != labels
    shipped = read(tab)
    assert np.float32(shipped["threshold"].replace("−", "-")) == score.threshold
    assert shipped["state"] == "This is how it ships."
    last = int(tab.get_attribute(".slider input", "max"))
    for position in np.linspace(0, last, POSITIONS).round().astype(int).tolist():
        move(tab, position)
        shown = read(tab)
        threshold = np.float32(shown["threshold"].replace("−", "-"))
        score.set_threshold(value=float(threshold))
        selected = score.select(inputs)["selected"]
        taken, errors = int(selected.sum()), int((selected & wrong).sum())
        assert shown["coverage"].split("\n")[-1].replace("\xa0", " ") == (
            f"{percent(taken / 300)} {taken} of 300"
        )
        right = (
            f"{percent(1 - errors / taken)} {taken - errors} of {taken}"
            if taken
            else "none accepted"
        )
        assert shown["accuracy"] == right.replace(" %", "\u00a0%")
        assert shown["errors"] == f"{errors} of {wrong.sum()}"
        assert shown["command"] == (
            f"logitconf retune m.onnx -o m-retuned.onnx --threshold {threshold!s}"
        )
        assert shown["state"].startswith("Not how it ships; another threshold voids")
    tab.click(".slider button")
    assert read(tab) == shipped
    assert tab.is_disabled(".slider button")


def test_the_marks_in_the_plots_follow_the_slider(opened: Any) -> None:
    score = report_models.fitted()
    logits, labels = report_models.rows()
    tab = opened(logitconf.report(score, {"logits": logits, "labels": labels}))
    mark = ".moving[data-kind=curve] circle"
    hidden = "marks => marks.map(mark => getComputedStyle(mark).display === 'none')"
    assert tab.eval_on_selector_all(".moving", hidden) == [True, True]
    curve = logitconf.RiskCoverageDisplay.from_card(score, logits, labels)
    last = int(tab.get_attribute(".slider input", "max"))
    move(tab, last // 2)
    assert tab.eval_on_selector_all(".moving", hidden) == [False, False]
    accepted = int(read(tab)["coverage"].split()[2])
    left, top, right, bottom = (
        float(part) for part in tab.get_attribute(".moving[data-kind=curve]", "data-frame").split()
    )
    expected = left + accepted / 300 * (right - left)
    assert float(tab.get_attribute(mark, "cx")) == pytest.approx(expected)
    # the mark lies on the line that matplotlib drew
    place = int(np.searchsorted(curve.curve.coverage, accepted / 300))
    low, high = curve.ax_.get_ylim()
    height = bottom - (curve.curve.risk[place] - low) / (high - low) * (bottom - top)
    assert float(tab.get_attribute(mark, "cy")) == pytest.approx(height, abs=1e-6)


def test_a_slider_of_many_thresholds_counts_as_select_does(opened: Any) -> None:
    logits, labels = labelled(400)
    score = logitconf.SoftmaxScore().fit(logits, labels)
    score.set_threshold(coverage=0.8, per_class=True)
    tab = opened(logitconf.report(score, {"logits": logits, "labels": labels}))
    taken = int(score.select(logits)["selected"].sum())
    shown = read(tab)
    assert (shown["threshold"], shown["coverage"].split()[2]) == ("+0.0", str(taken))
    assert "command" not in shown


def test_a_button_moves_the_slider_to_a_mode(opened: Any) -> None:
    logits, labels = report_models.rows()
    modes = Modes(("strict", "as it ships"), (-0.95, -0.5), "as it ships")
    card = replace(logitconf.SoftmaxScore().card, threshold=-0.5, modes=modes)
    tab = opened(logitconf.report(card, {"logits": logits, "labels": labels}))
    tab.click("text=strict")
    strict = logitconf.SoftmaxScore().set_threshold(value=-0.95).select(logits)["selected"]
    shown = read(tab)
    assert (shown["threshold"], shown["coverage"].split()[2]) == ("−0.95", str(strict.sum()))
    assert tab.is_disabled("text=strict")


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_shows_it_without_scrolling_sideways(
    opened: Any, tmp_path: Path, width: int
) -> None:
    inputs, labels = report_models.rows()
    model = report_models.shipped(tmp_path / ("a_very_long_name" * 8 + ".onnx"))
    names = [
        "a class with a very long name" * 3,
        "NamesWithoutAnyBlank" * 6,
        "x",
        "y",
    ]
    page = logitconf.report(model, {"x": inputs, "labels": labels}, names=names)
    tab = opened(page, viewport={"width": width, "height": 800})
    for folded in tab.query_selector_all("details"):
        folded.evaluate("details => { details.open = true; }")
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    smallest = tab.evaluate(
        "Math.min(...[...document.querySelectorAll('figure svg text')]"
        ".map(text => text.getBoundingClientRect().height))"
    )
    assert smallest >= 9


def test_no_line_ends_between_a_number_and_its_percent_sign(opened: Any) -> None:
    logits, labels = report_models.rows()
    page = logitconf.report(report_models.fitted(risk=0.3), {"logits": logits, "labels": labels})
    tab = opened(page)
    for width in range(280, 400, 8):
        tab.set_viewport_size({"width": width, "height": 800})
        # a number parted from its sign has boxes on two lines
        parted = tab.evaluate(
            """() => {
              const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
              const parted = [];
              for (let node = walker.nextNode(); node; node = walker.nextNode()) {
                for (const match of node.data.matchAll(/\\d[\\s\\u00a0]%/g)) {
                  const range = document.createRange();
                  range.setStart(node, match.index);
                  range.setEnd(node, match.index + match[0].length);
                  const tops = [...range.getClientRects()].map((box) => Math.round(box.top));
                  if (new Set(tops).size > 1) parted.push(node.data);
                }
              }
              return parted;
            }"""
        )
        assert parted == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_change_paper_and_plots(opened: Any, scheme: str) -> None:
    logits, labels = report_models.rows()
    page = logitconf.report(report_models.fitted(), {"logits": logits, "labels": labels})
    tab = opened(page, color_scheme=scheme)
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    ink = tab.evaluate("getComputedStyle(document.querySelector('figure svg text')).fill")
    darkest = {"light": ("rgb(255, 255, 255)", True), "dark": ("rgb(18, 22, 28)", False)}[scheme]
    assert (paper, max(numbers(ink)) < 128) == darkest
    tab.emulate_media(media="print", color_scheme=scheme)
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not tab.is_visible(".slider")


def numbers(colour: str) -> list[int]:
    """Red, green and blue of a computed colour."""
    return [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]


def test_without_scripts_the_numbers_stand_there(opened: Any) -> None:
    logits, labels = report_models.rows()
    score = report_models.fitted()
    page = logitconf.report(score, {"logits": logits, "labels": labels})
    tab = opened(page, java_script_enabled=False)
    taken = int(score.select(logits)["selected"].sum())
    assert f"{taken} of 300" in tab.inner_text(".figures")
    assert not tab.is_visible(".slider")


def test_markup_in_names_is_shown_and_runs_nothing(opened: Any) -> None:
    logits, labels = report_models.rows()
    evil = "</script><script>document.title = 'broken'</script><img src=x onerror=alert(1)>"
    page = logitconf.report(
        report_models.fitted(), {"logits": logits, "labels": labels}, names=[evil, "b", "c", "d"]
    )
    tab = opened(page)
    assert tab.title() == page.title
    assert evil in tab.inner_text("main")
