"""Files that decide otherwise than their card says are caught by what is meant to catch them."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from support import tampering
from support.tampering_between import BETWEEN
from support.tampering_heads import HEADS
from support.tampering_numbers import LOADING_DESIGNS, NUMBER_DESIGNS
from support.tampering_outputs import METADATA_DESIGNS, OUTPUT_DESIGNS

from logitconf.card.score_card import HeadForm
from logitconf.errors import LogitconfError
from logitconf_export import attach, to_onnx, verify

CLASSES = {
    "between host and head": BETWEEN,
    "in the head": HEADS,
    "in the outputs": OUTPUT_DESIGNS,
    "in the metadata": METADATA_DESIGNS,
    "in the numbers": NUMBER_DESIGNS,
    "in the host's loading": LOADING_DESIGNS,
}
DESIGNS = [
    pytest.param(design, id=f"{where}: {name}")
    for where, designs in CLASSES.items()
    for name, design in designs.items()
]


def test_there_are_at_least_sixty_designs() -> None:
    assert len(DESIGNS) >= 60
    assert min(len(designs) for designs in CLASSES.values()) >= 8


@pytest.mark.parametrize("design", DESIGNS)
def test_a_tampered_file_is_caught(design: tampering.Tampering, tmp_path: Path) -> None:
    source = design.build(tmp_path)
    try:
        failures = verify(source, optimisations=["all"], pairs=50).failures
    except LogitconfError as error:
        failures = (str(error),)
    assert any(design.caught_by in failure for failure in failures), failures


def _hosted() -> onnx.ModelProto:
    return tampering.hosted()


def _fixed_batch() -> onnx.ModelProto:
    """Three rows at a time, as a tool that fixes dims leaves it."""
    model = tampering.alone()
    for value in (*model.graph.input, *model.graph.output):
        dim = value.type.tensor_type.shape.dim[0]
        dim.Clear()
        dim.dim_value = 3
    return model


SOUND: dict[str, Callable[[], onnx.ModelProto]] = {
    "a host": _hosted,
    "a host of energy": lambda: tampering.hosted("energy", threshold=-4.0),
    "two outputs, each": lambda: attach(tampering.two_outputs(), tampering.head(), several="each"),
    "two outputs, joint": lambda: attach(
        tampering.two_outputs(), tampering.head(), several="joint"
    ),
    "a head alone": tampering.alone,
    "a head alone in an old format": lambda: to_onnx(tampering.head(), opset=8, ir_version=3),
    "a head alone with a fixed batch": _fixed_batch,
    "on the probabilities": lambda: attach(
        tampering.plain_host(), tampering.head(), logits="probabilities", kind="probabilities"
    ),
    "with a confidence": lambda: tampering.sure(lambda _: None),
    "with labels": lambda: attach(
        tampering.plain_host(), tampering.head(form=HeadForm(5, outputs=("label",)))
    ),
    "two outputs with labels": lambda: attach(
        tampering.two_outputs(), tampering.head(), several="each", outputs=["label"]
    ),
    "two outputs, joint, with labels": lambda: attach(
        tampering.two_outputs(),
        tampering.head(),
        several="joint",
        outputs=["label", "probabilities"],
    ),
    "with probabilities": lambda: attach(
        tampering.plain_host(), tampering.head(form=HeadForm(5, outputs=("probabilities",)))
    ),
}
"""What the designs start from, and files that only look unusual."""


@pytest.mark.parametrize("name", SOUND)
def test_an_honest_file_passes(name: str) -> None:
    report = verify(SOUND[name](), optimisations=["all"], pairs=50)
    assert report.passed, report.failures


def test_numbers_in_another_file_are_the_cards(tmp_path: Path) -> None:
    path = tmp_path / "host.onnx"
    onnx.save_model(
        _hosted(), path, save_as_external_data=True, location="weights", size_threshold=0
    )
    report = verify(path, optimisations=["all"], pairs=50)
    assert report.passed, report.failures
    with pytest.raises(LogitconfError, match="give the model as a path"):
        verify(path.read_bytes(), optimisations=["all"], pairs=50)
