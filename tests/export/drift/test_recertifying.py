"""A promise made anew: what is written is the card's policy on the fresh rows, and nothing else."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support import head_models, reference, several_hosts

import logitconf
from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError, UncertifiableError
from logitconf_export.attachment.attaching import attach
from logitconf_export.drift.recertifying import recertify
from logitconf_export.heads.metadata import read_metadata

PIXELS = head_models.make_pixels(900)
HOST = head_models.make_host()
WEIGHT, BIAS = (numpy_helper.to_array(tensor) for tensor in HOST.graph.initializer)
LOGITS = (PIXELS @ WEIGHT + BIAS).astype(np.float32)
LABELS = (LOGITS + np.random.default_rng(3).gumbel(size=LOGITS.shape)).argmax(axis=1)
OLD, FRESH = slice(0, 500), slice(500, 900)


@pytest.fixture(scope="module")
def promised() -> ScoreCard:
    return logitconf.fit(LOGITS[OLD], LABELS[OLD], risk=0.3, holdout=0.5).card


def counted(card: ScoreCard) -> tuple[int, int]:
    """Accepted fresh rows, and errors among them, by the formula."""
    logits, labels = LOGITS[FRESH], LABELS[FRESH]
    accepted = reference.score("softmax", logits, card.temperature) < np.asarray(card.threshold)
    return int(accepted.sum()), int((logits.argmax(axis=1) != labels)[accepted].sum())


def test_a_model_and_its_card_are_certified_alike(promised: ScoreCard, tmp_path: Path) -> None:
    model = attach(HOST, promised)
    rows = {"pixels": PIXELS[FRESH], "labels": LABELS[FRESH]}
    made = recertify(model, rows, tmp_path / "today.onnx")
    assert made.model is not None
    assert onnx.load(tmp_path / "today.onnx") == made.model
    assert read_metadata(made.model).card == made.card
    assert made.before == promised == read_metadata(model).card
    certificate = made.card.certificate
    assert certificate is not None
    assert (certificate.rows, certificate.fitted_rows) == (400, None)
    assert counted(made.card) == (certificate.accepted, certificate.errors)
    assert made.card.temperature == promised.temperature
    assert made.card.sketch is not None
    assert made.card.sketch.rows == 400

    promised.save(tmp_path / "card.json")
    fresh = {"logits": LOGITS[FRESH], "labels": LABELS[FRESH]}
    np.savez(tmp_path / "fresh.npz", **fresh)
    again = logitconf.recertify(
        tmp_path / "card.json", tmp_path / "fresh.npz", tmp_path / "today.json"
    )
    assert again.model is None
    assert ScoreCard.load(tmp_path / "today.json") == again.card
    assert again.card.threshold == pytest.approx(made.card.threshold, rel=1e-5)
    assert counted(again.card) == counted(made.card)
    # logits for a host, too
    by_logits = recertify(model, fresh)
    assert by_logits.card == again.card


def test_rows_that_cannot_certify_write_nothing(promised: ScoreCard, tmp_path: Path) -> None:
    wrong = (LOGITS[FRESH].argmax(axis=1) + 1) % 5
    with pytest.raises(UncertifiableError):
        recertify(promised, {"logits": LOGITS[FRESH], "labels": wrong}, tmp_path / "card.json")
    assert not [*tmp_path.iterdir()]


def test_misuse_is_one_sentence(promised: ScoreCard) -> None:
    model = attach(HOST, promised)
    with pytest.raises(LogitconfError, match="needs rows with labels"):
        recertify(model, {"pixels": PIXELS})
    with pytest.raises(LogitconfError, match=r"must hold 'logits', it holds \['labels'\]"):
        recertify(promised, {"labels": LABELS})
    with pytest.raises(LogitconfError, match="kind belongs to a card"):
        recertify(model, {"pixels": PIXELS, "labels": LABELS}, kind="logits")
    each = attach(
        several_hosts.three_softmaxes(),
        ScoreCard("softmax", "multiclass", threshold=-0.6),
        several="each",
    )
    with pytest.raises(LogitconfError, match="name one of"):
        recertify(each, {"x": several_hosts.ROWS})
    joint = attach(
        several_hosts.three_softmaxes(),
        ScoreCard("softmax", "multiclass", threshold=-0.6),
        several="joint",
    )
    with pytest.raises(LogitconfError, match="decide jointly, by one threshold; attach them each"):
        recertify(joint, {"x": several_hosts.ROWS})


@pytest.mark.parametrize("of_card", [True, False])
def test_rows_without_a_label_are_left_out(promised: ScoreCard, *, of_card: bool) -> None:
    labels = LABELS[FRESH].copy()
    labels[::4], labels[1::40] = -1, 255
    kept = (labels != -1) & (labels != 255)
    inputs = {"logits": LOGITS} if of_card else {"pixels": PIXELS}
    fresh = {name: values[FRESH] for name, values in inputs.items()}
    source = promised if of_card else attach(HOST, promised)
    made = recertify(source, fresh | {"labels": labels}, ignore_labels=[-1, 255])
    known = {name: values[kept] for name, values in fresh.items()} | {"labels": labels[kept]}
    assert made.card == recertify(source, known).card
    assert made.notes == (f"{(~kept).sum()} rows are left out for their label",)
    with pytest.raises(LogitconfError, match="some row must have a label that is not"):
        recertify(source, fresh | {"labels": labels * 0 - 1}, ignore_labels=[-1])
    with pytest.raises(LogitconfError, match=r"must be.* got.*\(3,\)"):
        recertify(source, fresh | {"labels": labels[:3]}, ignore_labels=[-1])
