"""How often certified promises are broken.

    PYTHONPATH=.:tests python -m benchmarks.certificates

Each law is a population of rows, real or made up. Calibration rows are drawn from it with
replacement, a threshold is certified, and its true risk is read off the whole population. Other
tools, where they are installed, make the same promise on the same draws.
"""

import argparse
import importlib
import importlib.util
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv
from support import real_data

from logitconf.errors import LogitconfError, UncertifiableError
from logitconf.metrics.intervals import clopper_pearson_lower, clopper_pearson_upper
from logitconf.scores.rounding import Rounding
from logitconf.thresholds import risk_control
from logitconf.thresholds.calibration_rows import CalibrationRows
from logitconf.thresholds.gaps import measure_gaps, rank_scores
from logitconf.thresholds.per_class import PerClass, PerLabel
from logitconf.thresholds.policies import Risk
from logitconf.thresholds.risk_control import certify, fewest_rows

Scores = NDArray[np.float32]
Flags = NDArray[np.bool_]
# From scores (lower is more confident), errors, risk and confidence to a threshold; None: refused.
Certify = Callable[[Scores, Flags, float, float], float | None]
ANCHORS = ((31, 3911, 0.0134), (68, 4241, 0.0229), (218, 4805, 0.0554), (269, 14845, 0.0218),
           (1065, 22140, 0.0527))  # fmt: skip
PROMISES = ((0.05, 0.9), (0.1, 0.95), (0.05, 0.95))
SIZES = (50, 200, 500, 1000, 5000)
# Rows of a law that is made up.
MADE_UP = 100_000
# Labels of the multilabel file whose promises are tried.
LABELS = 10


@dataclass(frozen=True, slots=True)
class Law:
    """All rows that there are.

    Attributes:
        name: in the tables.
        scores: (N,) or (N, L).
        wrong: of the same shape.
        predicted: (N,) classes, if promises for each class are tried.
    """

    name: str
    scores: Scores
    wrong: Flags
    predicted: NDArray[np.int64] | None = None

    @property
    def parts(self) -> int:
        """How many classes or labels."""
        if self.predicted is None:
            return 1 if self.scores.ndim == 1 else self.scores.shape[1]
        return int(self.predicted.max()) + 1


def real_laws() -> Iterator[Law]:
    """Score, error and class of every row of a file, by its maximum softmax."""
    for name in ("nncal", "eurosat", "llmuq_mistral_base"):
        split = real_data.LOGIT_SPLITS[name]()
        logits = np.concatenate([split.fit_logits, split.test_logits]).astype(np.float64)
        labels = np.concatenate([split.fit_labels, split.test_labels])
        largest = logits.max(axis=1, keepdims=True)
        confidence = 1.0 / np.exp(logits - largest).sum(axis=1)
        predicted = logits.argmax(axis=1)
        yield Law(name, -confidence.astype(np.float32), predicted != labels, predicted)
    top = real_data.imagenet()
    yield Law("imagenet", -top.confidence, top.predicted != top.labels)


def made_up_laws(risk: float) -> Iterator[Law]:
    """Laws that try a promise of this risk."""
    generator = np.random.default_rng(0)
    size = generator.random(MADE_UP)
    classes = generator.choice(5, size=MADE_UP, p=[0.55, 0.25, 0.14, 0.05, 0.01])
    scores = (size - 1.0).astype(np.float32)
    errors = generator.random(MADE_UP) < 2.0 * risk * size
    yield Law("errors grow, classes of 1 to 55 %", scores, errors, classes)
    ties = (np.ceil(size * 12.0) / 12.0 - 1.0).astype(np.float32)
    yield Law("twelve distinct scores", ties, errors, classes)
    # the first is wrong, and so is the share of the risk after it: whatever is accepted breaks it
    rank = np.arange(MADE_UP)
    above = np.floor(rank * risk) > np.floor((rank - 1) * risk)
    above[0] = True
    yield Law("barely above the risk everywhere", np.sort(scores), above, classes)
    # as many are wrong as a start may have, and then all break it
    late = generator.random(MADE_UP) < np.where(size < 0.5, 0.9 * risk, 1.6 * risk)
    yield Law("errors that set in at half of the rows", scores, late, classes)
    early = generator.random(MADE_UP) < 0.01 + 0.75 * size**1.6
    yield Law("errors from the surest rows on, as of 100 classes", scores, early)
    square = generator.random(MADE_UP) < 0.9 * size**2
    yield Law("errors by the square of the rank", scores, square)


def coco() -> Law:
    """Decisions on the first labels of the multilabel file, by the distance from even odds."""
    stored = real_data.coco()
    shares, labels = stored.probabilities[:, :LABELS], stored.labels[:, :LABELS]
    return Law("coco", -np.abs(shares - 0.5).astype(np.float32), (shares > 0.5) != labels)


def ours(scores: Scores, wrong: Flags, risk: float, confidence: float) -> float | None:
    gaps = measure_gaps(rank_scores(scores, wrong), Rounding("softmax", 10))
    try:
        return certify(gaps, risk, confidence).placement.threshold
    except UncertifiableError:
        return None


def one_start(scores: Scores, wrong: Flags, risk: float, confidence: float) -> float | None:
    """The procedure without its second, stricter start."""
    with mock.patch.object(risk_control, "EARLY_ROWS", 0.0):
        return ours(scores, wrong, risk, confidence)


def zugzwang(scores: Scores, wrong: Flags, risk: float, confidence: float) -> float | None:
    module = importlib.import_module("zugzwang")
    try:
        found = module.certify_threshold(-scores, wrong, risk, delta=1.0 - confidence, method="sgr")
    except ValueError:
        return None
    certified = getattr(found, "threshold", found)
    certified = certified[0] if isinstance(certified, tuple) else certified
    # it accepts from its threshold up, so that the first score above is still accepted
    return float(np.nextafter(np.float32(-certified), np.float32(np.inf)))


def mapie(scores: Scores, wrong: Flags, risk: float, confidence: float) -> float | None:
    control = importlib.import_module("mapie.risk_control")

    def positive(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([1.0 - rows[:, 0], rows[:, 0]])

    controller = control.BinaryClassificationController(
        positive,
        control.precision,
        target_level=1.0 - risk,
        confidence_level=confidence,
        best_predict_param_choice="recall",
    )
    controller.calibrate((-scores).astype(np.float64)[:, None], (~wrong).astype(np.int64))
    best = controller.best_predict_param
    return None if best is None else float(np.nextafter(np.float32(-best), np.float32(np.inf)))


TOOLS: dict[str, Certify] = {
    "logitconf": ours,
    "one start": one_start,
    "zugzwang": zugzwang,
    "mapie": mapie,
}


class Truth:
    """What a threshold accepts of all rows, and how many of these are wrong."""

    def __init__(self, scores: Scores, wrong: Flags) -> None:
        """Sorts the rows."""
        order = np.argsort(scores, kind="stable")
        self.values = scores[order]
        self.errors = np.concatenate([[0], np.cumsum(wrong[order])])

    def of(self, threshold: float) -> tuple[int, int]:
        """Accepted rows, and errors among them."""
        accepted = int(np.searchsorted(self.values, np.float32(threshold)))
        return accepted, int(self.errors[accepted])

    def breaks(self, threshold: float, risk: float) -> bool:
        """Whether more of the accepted are wrong than promised."""
        accepted, errors = self.of(threshold)
        return bool(errors > risk * accepted)


def rate(broken: int, draws: int, confidence: float, tests: int = 1) -> str:
    """The rate of violations with its interval, and whether that is compatible with the promise.

    Args:
        broken: draws in which the promise is broken.
        draws: all.
        confidence: of the promise.
        tests: of as many promises, this one is broken most often.
    """
    sure = 1.0 - 0.025 / tests
    low, high = (clopper_pearson_lower(broken, draws, sure),
                 clopper_pearson_upper(broken, draws, sure))  # fmt: skip
    verdict = "kept" if low <= 1.0 - confidence else "BROKEN"
    return f"{broken / draws:.4f} [{low:.4f}, {high:.4f}] | {1.0 - confidence:.2f} | {verdict}"


def overall(tool: Certify, law: Law, promise: tuple[float, float], rows: int, draws: int) -> str:
    """Cells of a table: violations, mean coverage and refusals."""
    truth, size = Truth(law.scores, law.wrong), law.scores.size
    broken = refused = 0
    covered = 0.0
    for draw in range(draws):
        chosen = np.random.default_rng(draw).integers(0, size, size=rows)
        threshold = tool(law.scores[chosen], law.wrong[chosen], *promise)
        if threshold is None:
            refused += 1
            continue
        covered += truth.of(threshold)[0] / size
        broken += truth.breaks(threshold, promise[0])
    return f"{rate(broken, draws, promise[1])} | {covered / draws:.4f} | {refused / draws:.3f}"


def best_possible(law: Law, promise: tuple[float, float], rows: int) -> str:
    """Two cells: mean coverage of the best single test, and the largest coverage that is true.

    The first knows the law: of all thresholds it tests the one whose coverage, times the
    probability that the exact test passes, is largest.
    """
    truth, (risk, confidence) = Truth(law.scores, law.wrong), promise
    size, generator = law.scores.size, np.random.default_rng(0)
    most, ideal = 0.0, 0.0
    for step in range(1, 101):
        threshold = float(
            np.nextafter(truth.values[math.ceil(size * step / 100) - 1], np.float32(9))
        )
        accepted, errors = truth.of(threshold)
        if errors > risk * accepted:
            continue
        ideal = max(ideal, accepted / size)
        counts = generator.binomial(rows, accepted / size, size=400)
        wrong = generator.binomial(counts, errors / accepted)
        passed = [k > 0 and clopper_pearson_upper(int(e), int(k), confidence) <= risk
                  for k, e in zip(counts, wrong, strict=True)]  # fmt: skip
        most = max(most, accepted / size * float(np.mean(passed)))
    return f"{most:.4f} | {ideal:.4f}"


def in_parts(
    law: Law, promise: tuple[float, float], rows: int, draws: int, *, together: bool
) -> str:
    """Cells of a table: violations of a promise for each class or label, or for all at once.

    For each by itself it is the one that is broken most often that is shown.
    """
    parts = law.parts
    policy = (PerLabel if law.predicted is None else PerClass)(Risk(*promise), together)
    own = [slice(None) if law.predicted is None else law.predicted == k for k in range(parts)]
    truths = [
        Truth(law.scores[:, k], law.wrong[:, k])
        if law.predicted is None
        else Truth(law.scores[own[k]], law.wrong[own[k]])
        for k in range(parts)
    ]
    broken, refused, covered, any_broken = np.zeros(parts, int), 0, 0.0, 0
    for draw in range(draws):
        chosen = np.random.default_rng(draw).integers(0, len(law.scores), size=rows)
        given = CalibrationRows(
            law.scores[chosen],
            law.wrong[chosen],
            None if law.predicted is None else law.predicted[chosen],
            parts,
        )
        try:
            thresholds = policy.choose(given, Rounding("softmax", 10)).threshold
        except LogitconfError:
            refused += 1
            continue
        assert isinstance(thresholds, tuple)
        breaks = [t.breaks(each, promise[0]) for t, each in zip(truths, thresholds, strict=True)]
        broken += breaks
        any_broken += any(breaks)
        covered += sum(t.of(each)[0] for t, each in zip(truths, thresholds, strict=True))
    share = f"{covered / draws / law.scores.size:.4f} | {refused / draws:.3f}"
    if together:
        return f"{rate(any_broken, draws, promise[1])} | {share}"
    return f"{rate(int(broken.max()), draws, promise[1], parts)} | {share}"


def _anchors() -> Iterator[str]:
    for errors, rows, published in ANCHORS:
        bound = float(betaincinv(errors + 1, rows - errors, 0.999))
        own = clopper_pearson_upper(errors, rows, 0.999)
        yield f"| {errors} of {rows:,} | {own:.4f} | {bound:.4f} | {published} |"


def _of_all(
    laws: Sequence[Law], tools: Sequence[str], options: argparse.Namespace
) -> Iterator[str]:
    promises = [PROMISES[position] for position in options.promises]
    for promise, rows in ((p, n) for p in promises for n in options.rows):
        if fewest_rows(*promise) > rows:
            continue
        for law in [law for law in (*laws, *made_up_laws(promise[0])) if law.scores.ndim == 1]:
            if options.laws and law.name not in options.laws:
                continue
            best = best_possible(law, promise, rows)
            for name in tools:
                draws = options.draws if name == "logitconf" else options.other_draws
                cells = overall(TOOLS[name], law, promise, rows, draws)
                yield (f"| {law.name} | {promise[0]} at {promise[1]} | {rows} | {name} | {draws} | "
                       f"{cells} | {best} |")  # fmt: skip


def _of_parts(laws: Sequence[Law], options: argparse.Namespace) -> Iterator[str]:
    promise = (0.1, 0.9)
    made_up = list(made_up_laws(promise[0]))
    for law in (*laws, *made_up):
        if law.predicted is None and law.scores.ndim == 1:
            continue
        if options.laws and law.name not in options.laws:
            continue
        word = "label" if law.predicted is None else "class"
        for rows in options.rows[1:]:
            for together in (False, True):
                cells = in_parts(law, promise, rows, options.draws, together=together)
                whose = f"all {law.parts} at once" if together else f"each {word}"
                yield (f"| {law.name} | {promise[0]} at {promise[1]}, {whose} | {rows} | "
                       f"{options.draws} | {cells} |")  # fmt: skip


def main() -> None:
    """Prints the tables of the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--other-draws", type=int, default=400, help="of other procedures")
    parser.add_argument("--rows", type=int, nargs="*", default=SIZES)
    parser.add_argument("--parts", nargs="*", default=["anchors", "all", "classes"])
    parser.add_argument("--promises", type=int, nargs="*", default=[0, 1], help="their places")
    parser.add_argument("--laws", nargs="*", help="all of them by default")
    parser.add_argument("--tools", nargs="*", default=list(TOOLS))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    tools = [name for name in options.tools
             if name in ("logitconf", "one start") or importlib.util.find_spec(name)]  # fmt: skip
    laws = list(real_laws())
    lines = {
        "anchors": _anchors(),
        "all": _of_all(laws, tools, options),
        "classes": _of_parts([*laws, coco()], options),
    }
    for part in options.parts:
        for line in lines[part]:
            print(line, flush=True)


if __name__ == "__main__":
    main()
