"""The documentation builds without a warning, and its pages need nothing from elsewhere."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import logitconf
from logitconf_export.cli.app import COMMANDS

PHONE = 390
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PROJECT = Path(__file__).resolve().parents[2]
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source)[^>]+src(?:set)?=["']?(?P<src>[^"' >]+)"""
    r"""|<link[^>]+href=["']?(?P<href>[^"' >]+)"""
    r"""|@import[^;]+|url\(["']?(?P<url>[^)"']+)"""
)


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", config, "-d", site],
        cwd=PROJECT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    ran = build(PROJECT / "mkdocs.yml", folder)
    assert ran.returncode == 0, ran.stderr
    assert "WARNING" not in ran.stderr
    return folder


def test_a_link_to_nowhere_stops_the_build(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "index.md").write_text("[there](nowhere.md)")
    config = tmp_path / "mkdocs.yml"
    config.write_text("site_name: x\ndocs_dir: pages\nplugins: []\n")
    ran = build(config, tmp_path / "site")
    assert ran.returncode == 1
    assert "nowhere.md" in ran.stderr


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    checked = 0
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        for match in FETCHED.finditer(path.read_text()):
            where = match["src"] or match["href"] or match["url"] or match[0]
            assert not where.startswith(("http", "//")), (path, where)
            checked += 1
    assert checked > 20


def test_every_name_of_the_front_door_and_every_command_has_its_entry(site: Path) -> None:
    names = (site / "reference" / "python.html").read_text()
    for name in logitconf.__all__:
        assert re.search(rf'<h3 id="[\w.]+\.{name}"', names), name
    commands = (site / "reference" / "commands.html").read_text()
    for name in COMMANDS:
        assert f'<h2 id="{name}"' in commands
    assert "<code>--coverage</code>" in commands


def test_no_page_is_wider_than_a_phone(site: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=QUIET)
        page = browser.new_page(viewport={"width": PHONE, "height": 800})
        widths = {}
        for path in site.rglob("*.html"):
            page.goto(path.as_uri())
            widths[path.name] = page.evaluate("document.documentElement.scrollWidth")
        page.set_content("<div style='width: 500px'>wide</div>")
        assert page.evaluate("document.documentElement.scrollWidth") >= 500
        browser.close()
    assert {name: width for name, width in widths.items() if width > PHONE} == {}
    assert len(widths) > 20
