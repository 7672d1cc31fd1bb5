"""What sessions and notebooks show of large values: reprs are short, HTML is escaped and small."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import logitconf
from logitconf.calibration.maps.calibration_map import CalibrationMap
from logitconf.card.confidence import ConfidenceMap
from logitconf.card.score_card import HeadForm
from logitconf.fitting.choosing import choose_score
from logitconf.fitting.comparison import compare_scores
from logitconf.head_spec import Head
from logitconf.metrics.calibration import reliability_bins
from logitconf_export.decisions.comparison import Comparison, Flip
from logitconf_export.drift.measuring import Change, DriftReport, Fraction, VariantFigures
from logitconf_export.hosts.candidates import Candidate, HostReading, Refusal
from logitconf_export.runtimes.profiles import NodeProviders
from logitconf_export.verification.report import Check, PlacementRecord, Run, VerificationReport

# what the rows of a class cannot certify is warned of, which is not looked at here
pytestmark = pytest.mark.filterwarnings("ignore::logitconf.LogitconfWarning")
MOST_OF_A_REPR, MOST_OF_HTML = 2000, 32_000
HOSTILE = "<script>alert('x')</script>&\"<img src=x onerror=y>"


@cache
def fitted() -> logitconf.LogitScore:
    """A threshold and a certificate for each of 1000 classes."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, (20_000, 1000)).astype(np.float32)
    labels = rng.integers(0, 1000, 20_000)
    logits[np.arange(20_000), labels] += 8
    labels[::100] = 0
    score = logitconf.SoftmaxScore().fit(logits, labels, holdout=0.5)
    return score.set_threshold(risk=0.5, confidence=0.5, per_class=True)


def ranked_rows() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (1500, 10))
    return logits, np.where(rng.random(1500) < 0.8, logits.argmax(axis=1), 0)


@cache
def comparison() -> Any:
    return compare_scores(*ranked_rows(), draws=100)


def mapped() -> CalibrationMap:
    rows = np.eye(256) + 0.123456789
    matrix = tuple(map(tuple, (rows / rows.diagonal().mean()).tolist()))
    return CalibrationMap("matrix", matrix=matrix, bias=(0.0,) * 256)


def verification() -> VerificationReport:
    flips = tuple(Flip(i, -0.5, -0.4, -0.45, 0.05, 99, False) for i in range(10))
    wrong = Comparison(rows=100, flips_outside=10, flips=flips)
    runs = tuple(
        Run(
            "host",
            "onnxruntime 1",
            f"{HOSTILE} {i}",
            "all",
            "rows",
            (100, 1000),
            True,
            wrong,
            wrong,
            wrong,
        )
        for i in range(100)
    )
    checks = tuple(Check(f"{HOSTILE} {i}", False, "why " * 50) for i in range(100))
    nodes = NodeProviders({"CPU": 3}, tuple(f"node {i}" for i in range(100)), (), 3)
    placements = tuple(PlacementRecord("head", "cpu", "off", nodes) for _ in range(100))
    notes = tuple(f"{HOSTILE} {i}" for i in range(100))
    head = {"threshold": tuple(range(1000)), "score": "softmax"}
    return VerificationReport(head, 1e-6, 0, checks, runs, placements, notes)


def drifted() -> DriftReport:
    part = Fraction.of(3, 1000)
    figures = VariantFigures(part, part, part, 0.0123456789)
    changes = (part, 2, part, Change(0.1, 0.0, 0.2), 0.5, False)
    return DriftReport(1000, figures, figures, *changes, tuple([HOSTILE * 20] * 100))


def reading() -> HostReading:
    place = Candidate(
        HOSTILE, "logits", None, None, 1, 2, "float32", HOSTILE * 9, False, "why " * 99
    )
    refused = tuple(Refusal(HOSTILE, "because " * 50) for _ in range(100))
    return HostReading((place,) * 100, refused, (HOSTILE,) * 100)


LARGE: dict[str, Callable[[], Any]] = {
    "score": fitted,
    "card": lambda: fitted().card,
    "certificate": lambda: fitted().card.certificate,
    "calibration map": mapped,
    "comparison": comparison,
    "standing": lambda: comparison().standings[0],
    "curve": lambda: comparison().standings[0].curve,
    "head": lambda: Head.of_card(fitted().card, HeadForm(1000)),
    "bins": lambda: reliability_bins(np.linspace(0, 1, 999), np.arange(999) % 2 == 0, bins=500),
    "confidence map": lambda: ConfidenceMap(
        tuple(float(k) for k in range(-32, 0)), tuple(k / 64 for k in range(32, 0, -1)), 900
    ),
    "chosen": lambda: choose_score(*ranked_rows()),
    "verification": verification,
    "run": lambda: verification().runs[0],
    "placement": lambda: verification().placements[0],
    "drift": drifted,
    "reading": reading,
    "candidate": lambda: reading().candidates[0],
}
IN_NOTEBOOKS = ("score", "card", "comparison", "verification", "drift", "reading")


class Tags(HTMLParser):
    """The tags and attributes that a browser sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("name", LARGE)
def test_the_repr_of_what_is_large_is_short_and_names_its_type(name: str) -> None:
    value = LARGE[name]()
    assert len(repr(value)) <= MOST_OF_A_REPR
    assert type(value).__name__ in repr(value)


@pytest.mark.parametrize("name", IN_NOTEBOOKS)
def test_html_is_small_escaped_and_self_contained(name: str) -> None:
    text = LARGE[name]()._repr_html_()
    tags = Tags(text)
    assert len(text) <= MOST_OF_HTML
    assert tags.names <= {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert tags.attributes <= {"style", "scope", "colspan"}


def test_html_says_what_matters() -> None:
    score = fitted()._repr_html_()
    assert "certified for each class by itself: at most 50\xa0% errors among its accepted" in score
    report = verification()._repr_html_()
    assert "FAILED: 10 of 100 rows decided differently" in report
    assert "and 90 more" in report
    assert comparison().verdict.split(";")[0] in comparison()._repr_html_()
    assert "0.3\xa0% (0.062\xa0% to 0.87\xa0%)" in drifted()._repr_html_()


def test_the_probe_sees_a_tag_that_was_not_escaped() -> None:
    assert Tags(HOSTILE).names == {"script", "img"}
    assert replace(reading(), candidates=())._repr_html_().count("&lt;script&gt;") >= 10
