"""The page of the browser example, in a real browser: what is drawn, what it answers."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import onnxruntime
import pytest
from sklearn.datasets import load_digits
from support.browser import chromium, served
from support.example_runs import EXAMPLES, digits_folder, run_python
from support.installed_runtimes import MODULES

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Point = tuple[float, float]
Stroke = list[Point]
STAR: list[Stroke] = [
    [(0.5, 0.1), (0.75, 0.87), (0.1, 0.4), (0.9, 0.4), (0.25, 0.87), (0.5, 0.1)],
]
DECIDE = """async (pixels) => {
  const { decide } = await import("./model.js");
  return decide(pixels);
}"""
CONTRAST = """(selector) => {
  const light = (color) => {
    const parts = color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
    const [r, g, b] = parts.map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let back = document.querySelector(selector);
  const text = light(getComputedStyle(back).color);
  while (getComputedStyle(back).backgroundColor === "rgba(0, 0, 0, 0)") back = back.parentElement;
  const ground = light(getComputedStyle(back).backgroundColor);
  return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
}"""


def arc(middle: Point, width: float, height: float, start: float, end: float) -> Stroke:
    """Points of an ellipse between two angles in degrees."""
    angles = np.radians(np.linspace(start, end, 24))
    xs, ys = middle[0] + width * np.cos(angles), middle[1] + height * np.sin(angles)
    return list(zip(xs, ys, strict=True))


DRAWN: dict[int, list[Stroke]] = {
    0: [arc((0.5, 0.5), 0.22, 0.36, -90, 270)],
    1: [[(0.38, 0.28), (0.52, 0.14), (0.52, 0.86)]],
    2: [[*arc((0.5, 0.32), 0.2, 0.18, 180, 390), (0.3, 0.85), (0.72, 0.85)]],
    3: [[*arc((0.48, 0.31), 0.19, 0.17, 200, 450), *arc((0.48, 0.67), 0.22, 0.19, -90, 160)]],
    4: [[(0.56, 0.14), (0.28, 0.6), (0.76, 0.6)], [(0.6, 0.4), (0.6, 0.88)]],
    5: [[(0.7, 0.15), (0.36, 0.15), (0.34, 0.45), *arc((0.48, 0.63), 0.22, 0.22, -120, 150)]],
}


@pytest.fixture(scope="module")
def model() -> Path:
    if not (MODULES / "onnxruntime-web").is_dir():
        pytest.skip("onnxruntime-web is not installed; tests/support/install_runtimes does it")
    return digits_folder() / "model"


@pytest.fixture(scope="module")
def address(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    site = tmp_path_factory.mktemp("browser") / "site"
    make_site = EXAMPLES / "browser" / "make_site.py"
    words = [str(make_site), str(model), str(site), "--modules", str(MODULES)]
    assert "site" in run_python(*words, folder=model, seconds=60)
    with served(site) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def troubles() -> list[str]:
    """What goes wrong in the page, and what it fetches from elsewhere."""
    return []


@pytest.fixture(scope="module")
def opened(browser: "Browser", address: str, troubles: list[str]) -> "Page":
    page = browser.new_page()
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(address) else troubles.append(r.url))
    page.on("response", lambda r: troubles.append(r.url) if r.status >= 400 else None)
    page.goto(address)
    page.wait_for_selector("[data-state=empty]")
    return page


@pytest.fixture
def page(opened: "Page", troubles: list[str]) -> "Iterator[Page]":
    """The page with nothing drawn."""
    opened.set_viewport_size({"width": 1000, "height": 720})
    opened.get_by_role("button", name="Clear").click()
    yield opened
    assert troubles == []


def draw(page: "Page", strokes: list[Stroke]) -> None:
    """Draws with the mouse."""
    box = page.get_by_label("Drawing area").bounding_box()
    assert box is not None
    for stroke in strokes:
        for place, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            if place == 0:
                page.mouse.down()
        page.mouse.up()


def answer(page: "Page") -> tuple[str, str]:
    """The state of the page and what it says, once all that was asked before is answered."""
    page.evaluate(DECIDE, [0.0] * 64)
    state = page.get_by_label("Answer", exact=True).get_attribute("data-state")
    return str(state), " ".join(page.get_by_role("status").inner_text().split())


def probability_shown(page: "Page") -> float:
    """What the gauge tells a screen reader, in percent."""
    return float(page.get_by_role("meter").get_attribute("aria-valuenow") or "nan")


@pytest.mark.parametrize("digit", DRAWN)
def test_a_digit_that_is_drawn_is_recognised_with_certainty(page: "Page", digit: int) -> None:
    draw(page, DRAWN[digit])
    state, words = answer(page)
    assert (state, words.startswith(f"Sure: a {digit}")) == ("sure", True), words
    assert probability_shown(page) > 89.0


def test_a_star_is_nothing_that_it_knows(page: "Page") -> None:
    draw(page, STAR)
    state, words = answer(page)
    assert (state, words.startswith("I don't know likeliest: a ")) == ("unsure", True), words
    assert page.locator("#digit").inner_text() == "?"
    assert probability_shown(page) < 50.0


def test_the_buttons_show_a_sure_and_an_unsure_answer(page: "Page") -> None:
    page.get_by_role("button", name="A three").click()
    state, words = answer(page)
    assert (state, words.startswith("Sure: a 3")) == ("sure", True), words
    page.get_by_role("button", name="A star").click()
    state, words = answer(page)
    assert (state, words.startswith("I don't know")) == ("unsure", True), words
    page.get_by_role("button", name="Clear").click()
    state, words = answer(page)
    assert (state, words.startswith("Draw a digit")) == ("empty", True), words


def test_keys_alone_draw_and_clear(page: "Page") -> None:
    page.get_by_label("Drawing area").focus()
    for key in ["ArrowUp"] * 8 + [" "] + ["ArrowDown"] * 17:
        page.keyboard.press(key)
    state, words = answer(page)
    assert (state, words.startswith("Sure: a 1")) == ("sure", True), words
    page.keyboard.press("Delete")
    state, words = answer(page)
    assert (state, words.startswith("Draw a digit")) == ("empty", True), words


def test_the_page_decides_every_digit_as_python_does(page: "Page", model: Path) -> None:
    pixels = (load_digits().data / 16.0).astype(np.float32)
    answers = page.evaluate(DECIDE, pixels.reshape(-1).tolist())
    session = onnxruntime.InferenceSession(model / "model.onnx", providers=["CPUExecutionProvider"])
    logits, score, mask = session.run(["logits", "score", "mask"], {"pixels": pixels})
    assert len(answers) == len(pixels) == 1797
    assert [row["accepted"] for row in answers] == mask.tolist()
    assert [row["digit"] for row in answers] == logits.argmax(axis=1).tolist()
    np.testing.assert_allclose([row["score"] for row in answers], score, rtol=1e-6)
    assert 0 < mask.sum() < len(mask)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (360, 740), (1000, 720)])
def test_the_answer_is_read_without_scrolling_and_with_contrast(
    page: "Page", scheme: Literal["light", "dark"], width: int, height: int
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": height})
    for button, state in (("A three", "sure"), ("A star", "unsure")):
        page.get_by_role("button", name=button).click()
        assert answer(page)[0] == state
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        box = page.locator("#limit").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= height
        for selector in ("#verdict", "#detail", "#digit", "#limit", "#star", "#keys"):
            # what WCAG 2 asks of text at level AA
            assert page.evaluate(CONTRAST, selector) >= 4.5, selector
