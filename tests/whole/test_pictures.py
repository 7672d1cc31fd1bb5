"""The pictures are what their script draws, and it draws the same each time."""

import re
from pathlib import Path

import pytest
from support.printed import alike

from docs.making import pictures


@pytest.fixture(scope="module")
def drawn() -> dict[str, bytes]:
    return pictures.drawn()


def words(picture: bytes) -> str:
    """What is drawn, without the small images, whose bytes are no numbers."""
    return re.sub(r"base64,[^\"]*", "", picture.decode())


def test_the_same_bytes_come_out_twice(drawn: dict[str, bytes]) -> None:
    assert pictures.drawn() == drawn


def test_the_pictures_are_those_that_the_script_draws(drawn: dict[str, bytes]) -> None:
    kept = {path.name: path.read_bytes() for path in pictures.FOLDER.glob("*.svg")}
    assert kept.keys() == drawn.keys()
    for name, picture in drawn.items():
        creator = re.search(rb"Matplotlib v[\d.]+", kept[name])
        if creator is None or creator[0] not in picture:
            pytest.skip(f"the pictures were drawn with {creator and creator[0]!r}")
        assert alike(words(kept[name]), words(picture)), name


@pytest.mark.parametrize("page", pictures.PAGES)
def test_every_picture_has_a_colour_for_its_page(page: str, drawn: dict[str, bytes]) -> None:
    colour = pictures.PAGES[page].page.encode()
    files = [name for name in drawn if Path(name).stem.endswith(page)]
    assert len(files) == len(pictures.PICTURES)
    assert all(colour in drawn[name] for name in files)
