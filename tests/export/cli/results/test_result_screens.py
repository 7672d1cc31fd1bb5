"""A few screens as they are, at 80 and 60 columns, so that a change of their looks is seen."""

from pathlib import Path

import pytest

from logitconf.card.parts import RowCounts, Split
from logitconf.card.score_card import ScoreCard
from logitconf_export.cli.results.fits import Figures, fit_result
from logitconf_export.cli.results.result import Result
from logitconf_export.cli.results.verifications import verification_result
from logitconf_export.decisions.comparison import Comparison
from logitconf_export.verification.report import Check, Run, VerificationReport

GOOD = Comparison(rows=500, largest_ulps=2, largest_absolute=1.2e-7)
BAD = Comparison(rows=500, flips_inside=1, flips_outside=2, largest_ulps=9, largest_absolute=5e-7)
RUN = Run("host", "onnxruntime 1.31.1", "cpu", "all", "the feeds", (500, 4), True, GOOD, GOOD, GOOD)
CUDA = Run(
    "host", "onnxruntime 1.31.1", "cuda", "all", "the feeds", (500, 4), True, BAD, GOOD, GOOD
)
PASSED = VerificationReport({}, 4.9e-7, 0, (Check("graph", True),), (RUN,), ())
FAILED = VerificationReport({}, 4.9e-7, 0, (Check("graph", True),), (RUN, CUDA), ())
CARD = ScoreCard(
    "softmax",
    "multiclass",
    1.5,
    -0.7,
    4,
    policy={"name": "coverage", "coverage": 0.9},
    rows=RowCounts(250, 0, 50, None, Split(0.5, 0)),
)
FIT = fit_result(
    CARD,
    Figures(250, 50, 225, 30, 0.0812, 0.0421),
    Path("-"),
    ["attach with: logitconf attach 'my host.onnx' card.json --logits z -o out.onnx"],
)

SCREENS = {
    ("passed", 80): """\
PASSED: 0 of 500 rows decided differently on cpu

  on   verdict  differently  off by  runtime
  cpu  passed   0 of 500     2 ulp   onnxruntime 1.31.1

checks: 1 passed; 500 rows compared in all runs (each with -v)
off by: largest difference of scores, in ulp, the step from one float32 number
  to the next; band: how far scores may differ by rounding, at the threshold
  4.9e-7
""",
    ("failed", 60): """\
FAILED: 3 of 500 rows decided differently on cuda

  on    verdict  differently  off by  runtime
  cpu   passed   0 of 500     2 ulp   onnxruntime 1.31.1
  cuda  FAILED   3 of 500     9 ulp   onnxruntime 1.31.1

checks: 1 passed; 1,000 rows compared in all runs (each with
  -v)
off by: largest difference of scores, in ulp, the step from
  one float32 number to the next; band: how far scores may
  differ by rounding, at the threshold 4.9e-7

failure: host on cuda, the feeds: 2 of 500 masks flipped
  outside the rounding band; against float64 this run has 0,
  eager torch 0
failure: host on cuda, the feeds: 1 masks of your own rows
  flipped; choose a threshold in a gap between scores, or
  precision='float64'
""",
    ("fitted", 60): """\
Fitted: the file on stdout accepts score < −0.70:
  probability above 0.70

  score        softmax of 4 classes
  chosen       to accept at least 90 %, on 250 held-out rows
  certificate  none
  temperature  1.50, given and not fitted
  written      to stdout

Measured on the 250 held-out rows
  coverage  90 %: 225 of 250 rows
  accuracy  80 % of all, 86.7 % of the accepted; 30 of 50
            errors accepted
  ECE       0.0812 → 0.0421 by the fit

attach with:
logitconf attach 'my host.onnx' card.json --logits z \\
    -o out.onnx
""",
}
RESULTS = {
    "passed": verification_result(Path("out.onnx"), PASSED),
    "failed": verification_result(Path("out.onnx"), FAILED),
    "fitted": FIT,
}


def text(result: Result, width: int | None) -> str:
    lines = ("".join(span.text for span in line).rstrip() for line in result.lines(width))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("name", "width"), SCREENS)
def test_a_screen_is_as_it_was_agreed(name: str, width: int) -> None:
    assert text(RESULTS[name], width) == SCREENS[name, width]


def test_colours_mark_what_the_words_say() -> None:
    styles = {
        span.text.strip(): span.style
        for line in RESULTS["failed"].lines(80)
        for span in line
        if span.style
    }
    assert styles["FAILED:"] == styles["FAILED"] == styles["failure:"] == "bad"
    assert styles["passed"] == "good"
    assert {span.style for span in RESULTS["passed"].lines(80)[0]} == {"good", ""}
