"""What a file, a model or a score says of itself: what ``logitconf.inspect`` is. Nothing is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import onnx

from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf.notebook.brief import brief
from logitconf.notebook.html import table
from logitconf.wording.facts import card_facts
from logitconf.wording.lists import first_few
from logitconf.wording.rule import rule_of
from logitconf_export.heads.metadata import (
    HeadMetadata,
    HeadsMetadata,
    has_metadata,
    read_heads,
)
from logitconf_export.heads.sources import HeadSource, card_of
from logitconf_export.hosts.candidates import Candidate, HostReading
from logitconf_export.hosts.reading import read_host
from logitconf_export.onnx_files.loading import host_inputs, host_opset, load_model
from logitconf_export.onnx_files.ports import port_words
from logitconf_export.onnx_files.types import ModelSource


@dataclass(frozen=True, slots=True)
class Inspection:
    """What something says of itself.

    Attributes:
        what: ``"card"``, ``"head"`` that stands alone, ``"host with a head"``,
            ``"host with heads"`` or ``"host"`` without one.
        cards: of the score or of each head, in order; none for a host without a head.
        heads: what the model says of its heads, and of their one decision; None without heads.
        reading: of a host without a head: where one could go; None otherwise.
        inputs: of the model, each with its type and dims.
        outputs: the same.
        opset: of the model's default operators; None for a card.
        ir_version: of the model; None for a card.
    """

    what: str
    cards: tuple[ScoreCard, ...] = ()
    heads: HeadsMetadata | None = None
    reading: HostReading | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    opset: int | None = None
    ir_version: int | None = None

    __repr__ = brief

    @property
    def card(self) -> ScoreCard:
        """The only card.

        Raises:
            LogitconfError: if there is none, or one for each of several heads.
        """
        if len(self.cards) != 1:
            raise LogitconfError(
                f"there must be one card, got {len(self.cards)} in a {self.what}; see cards"
            )
        return self.cards[0]

    @property
    def rules(self) -> tuple[str, ...]:
        """What each card accepts, in words."""
        return tuple(rule_of(card) for card in self.cards)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Where a head could go in a host that has none."""
        return () if self.reading is None else self.reading.candidates

    def facts(self) -> list[tuple[str, str]]:
        """Everything in words: a name and what there is to say."""
        facts = [("what", self.what)]
        heads: tuple[HeadMetadata | None, ...] = (
            (None,) * len(self.cards) if self.heads is None else self.heads.heads
        )
        for head, card in zip(heads, self.cards, strict=True):
            if head is not None and head.attached is not None:
                facts.append(("head", f"reads {head.tensor}, judges {head.attached.output}"))
            facts += card_facts(card, rule=True)
        if self.heads is not None and self.heads.joint is not None:
            facts.append(("decision", "joint: accepts what every head accepts"))
        for candidate in self.candidates:
            facts.append(("place" if candidate.certain else "place, not certain", f"{candidate}"))
        if self.reading is not None:
            facts += [("no place", f"{refused}") for refused in self.reading.refused]
            facts += [("note", note) for note in self.reading.notes]
        if self.opset is not None:
            facts += [
                ("inputs", first_few(self.inputs, 8)),
                ("outputs", first_few(self.outputs, 8)),
                ("opset", f"{self.opset}, IR {self.ir_version}"),
            ]
        return facts

    def __str__(self) -> str:
        facts = self.facts()
        width = max(len(name) for name, _ in facts)
        return "\n".join(f"{name:{width}}  {text}" for name, text in facts)

    def _repr_html_(self) -> str:
        """The facts as a table."""
        return table(self.facts()[1:], self.what, most=40)


def inspect(source: HeadSource | ModelSource) -> Inspection:
    """What a card, a head, a host with heads or a host without says of itself.

    Args:
        source: a fitted score, a card, a head, or a model; the path of a card or of a model; or the
            bytes of a model.

    Returns:
        The reading, which prints and shows itself as a table. Nothing is run, weights are not read.

    Raises:
        LogitconfError: if it is none of these.

    Example:
        >>> from logitconf.fitting.score_classes import SoftmaxScore
        >>> print(inspect(SoftmaxScore().set_threshold(value=-0.7)).rules[0])
        accepts score < −0.70: probability above 0.70
    """
    if isinstance(source, bytes | onnx.ModelProto):
        return _of_model(load_model(source))
    if isinstance(source, str | Path) and not _is_json(Path(source)):
        return _of_model(load_model(source))
    return Inspection("card", (card_of(cast("HeadSource", source)),))


def _is_json(path: Path) -> bool:
    """Whether a file begins as a card does, whatever it is called."""
    try:
        with path.open("rb") as stream:
            return stream.read(64).lstrip()[:1] == b"{"
    except OSError as error:
        raise LogitconfError(f"{path} must be a readable file: {error.strerror}") from error


def _of_model(model: onnx.ModelProto) -> Inspection:
    shape: dict[str, Any] = {
        "inputs": tuple(port_words(value) for value in host_inputs(model)),
        "outputs": tuple(port_words(value) for value in model.graph.output),
        "opset": host_opset(model),
        "ir_version": model.ir_version,
    }
    if not has_metadata(model):
        return Inspection("host", reading=read_host(model), **shape)
    several = read_heads(model)
    what = "host with a head" if len(several.heads) == 1 else "host with heads"
    if several.heads[0].attached is None:
        what = "head"
    cards = tuple(head.card for head in several.heads)
    return Inspection(what, cards, several, **shape)
