"""How often certified risks are broken: ``PYTHONPATH=.:tests python -m benchmarks.certificates``.

Each real file stands for the whole population. Calibration rows are drawn from it with replacement,
a threshold is certified, and its true risk is read off the whole file. Other tools, where they are
installed, make the same promise on the same draws.
"""

import argparse
import importlib
import importlib.util
import warnings
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv
from support import real_data

from logitconf.errors import UncertifiableError
from logitconf.metrics.intervals import clopper_pearson_lower, clopper_pearson_upper
from logitconf.scores.rounding import Rounding
from logitconf.thresholds.gaps import measure_gaps, rank_scores
from logitconf.thresholds.risk_control import certify

Scores = NDArray[np.float32]
Flags = NDArray[np.bool_]
# From scores (lower is more confident), errors, risk and confidence to a threshold; None: refused.
Certify = Callable[[Scores, Flags, float, float], float | None]
ANCHORS = ((31, 3911, 0.0134), (68, 4241, 0.0229), (218, 4805, 0.0554), (269, 14845, 0.0218),
           (1065, 22140, 0.0527))  # fmt: skip
PROMISES = ((0.02, 0.9), (0.05, 0.9), (0.05, 0.99), (0.1, 0.95))


def populations() -> Iterator[tuple[str, Scores, Flags]]:
    """Score and error of every row of a file, by its maximum softmax."""
    for name in ("nncal", "eurosat", "llmuq_mistral_base"):
        split = real_data.LOGIT_SPLITS[name]()
        logits = np.concatenate([split.fit_logits, split.test_logits]).astype(np.float64)
        labels = np.concatenate([split.fit_labels, split.test_labels])
        largest = logits.max(axis=1, keepdims=True)
        confidence = 1.0 / np.exp(logits - largest).sum(axis=1)
        yield name, -confidence.astype(np.float32), logits.argmax(axis=1) != labels
    top = real_data.imagenet()
    yield "imagenet", -top.confidence, top.predicted != top.labels


def ours(scores: Scores, wrong: Flags, risk: float, confidence: float) -> float | None:
    gaps = measure_gaps(rank_scores(scores, wrong), Rounding("softmax", 10))
    try:
        return certify(gaps, risk, confidence).placement.threshold
    except UncertifiableError:
        return None


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


TOOLS: dict[str, Certify] = {"logitconf": ours, "zugzwang": zugzwang, "mapie": mapie}


def measure(
    tool: Certify,
    scores: Scores,
    wrong: Flags,
    *,
    promise: tuple[float, float],
    rows: int,
    draws: int,
) -> str:
    """Violations with their binomial interval, mean coverage and refusals, in words."""
    order = np.argsort(scores, kind="stable")
    values, errors = scores[order], np.concatenate([[0], np.cumsum(wrong[order])])
    broken = refused = 0
    covered = 0.0
    for draw in range(draws):
        chosen = np.random.default_rng(draw).integers(0, scores.size, size=rows)
        threshold = tool(scores[chosen], wrong[chosen], *promise)
        if threshold is None:
            refused += 1
            continue
        accepted = int(np.searchsorted(values, np.float32(threshold)))
        covered += accepted / scores.size
        broken += bool(errors[accepted] > promise[0] * accepted)
    low = clopper_pearson_lower(broken, draws, 0.975)
    high = clopper_pearson_upper(broken, draws, 0.975)
    allowed = 1.0 - promise[1]
    verdict = "kept" if low <= allowed else "BROKEN"
    return (
        f"violations {broken / draws:.4f} [{low:.4f}, {high:.4f}] of {allowed:.2f} {verdict}, "
        f"coverage {covered / draws:.4f}, refused {refused / draws:.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--files", nargs="*", help="all of them by default")
    parser.add_argument("--promises", type=int, nargs="*", default=range(len(PROMISES)))
    parser.add_argument("--tools", nargs="*", default=list(TOOLS))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for errors, rows, published in ANCHORS:
        bound = float(betaincinv(errors + 1, rows - errors, 0.999))
        own = clopper_pearson_upper(errors, rows, 0.999)
        print(f"anchor {errors} of {rows}: {own:.4f}, independent {bound:.4f}, known {published}")
    for name, scores, wrong in populations():
        if options.files and name not in options.files:
            continue
        for promise in (PROMISES[position] for position in options.promises):
            for tool in options.tools:
                if tool != "logitconf" and importlib.util.find_spec(tool) is None:
                    continue
                found = measure(
                    TOOLS[tool],
                    scores,
                    wrong,
                    promise=promise,
                    rows=options.rows,
                    draws=options.draws,
                )
                print(f"{name:20} risk {promise[0]} at {promise[1]}: {tool:10} {found}", flush=True)


if __name__ == "__main__":
    main()
