"""What the first pass sees."""

import numpy as np
import pytest
from support.planned_fits import labelled_rows, spread, total_over

from logitconf.blocks.identity import digest_of
from logitconf.distributed import survey
from logitconf.distributed.reading import Reading
from logitconf.distributed.request import Request
from logitconf.distributed.survey import Survey, octaves
from logitconf.rows import Rows

READING = Reading("softmax", "multiclass", None, False, False, 1.0, None, 0)
ROWS = labelled_rows(1200)


def surveyed(request: Request, *block: np.ndarray) -> Survey:
    part = request.total_of(*block).part
    assert isinstance(part, Survey)
    return part


def test_the_digest_is_that_of_rows_in_memory() -> None:
    found = surveyed(Request(1, "logits", "reading", False, READING), *ROWS)
    words = np.array(found.fitted.words, dtype=np.uint64)
    digest = digest_of(found.fitted.rows, list(found.columns), words)
    assert digest == Rows.checked(*ROWS, "multiclass").identity.sha256


def test_the_sample_is_the_rows_of_the_lowest_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "SAMPLE_ROWS", 100)
    request = Request(1, "logits", "reading", False, READING)
    blocks = spread(*ROWS, 9, seed=0)
    part = total_over(request, blocks, np.random.default_rng(0)).part
    assert isinstance(part, Survey)
    keys = Rows.checked(*ROWS, "multiclass").identity.keys
    assert keys is not None
    assert part.sample.keys.tolist() == np.sort(keys)[:100].tolist()
    # slope, variance and third moment of the logits under softmax(b x), in float64
    order = np.argsort(keys)[:100]
    x, y = ROWS[0][order].astype(np.float64), ROWS[1][order]
    for k, b in enumerate(octaves(1.0)):
        p = np.exp(b * x - (b * x).max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        mean = (p * x).sum(axis=1)
        central = [(p * (x - mean[:, None]) ** power).sum(axis=1) for power in (2, 3)]
        expected = np.stack([mean - x[np.arange(100), y], *central], axis=1)
        np.testing.assert_allclose(part.sample.terms[:, k], expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("kept", [100, 5000])
def test_the_share_of_copies_is_estimated(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "SAMPLE_ROWS", kept)
    logits, labels = ROWS
    for copies, share in ((1, 0.0), (3, 2 / 3)):
        block = np.repeat(logits, copies, axis=0), np.repeat(labels, copies)
        found = surveyed(Request(1, "logits", "reading", False, READING), *block)
        # three standard errors of a count of as many
        room = 3.0 / np.sqrt(kept / copies) if kept < 1200 else 1e-12
        assert survey.copied_share(found.sample, 1200 * copies) == pytest.approx(share, abs=room)


def test_labels_and_rows_that_cannot_be_used_are_counted() -> None:
    logits, labels = (each.copy() for each in ROWS)
    logits[0, 1], logits[1, labels[1]], logits[2, (labels[2] + 1) % 10] = np.nan, -np.inf, -np.inf
    found = surveyed(Request(1, "logits", "reading", False, READING), logits, labels)
    assert (found.usable, found.left_out) == (1198, 2)
    erring = logits[2:].argmax(axis=1) != labels[2:]
    assert found.erring == erring.sum()
    assert found.labels == (0.0, 9.0)
