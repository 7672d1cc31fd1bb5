"""The pictures of README and docs, drawn from the demo's digits: `python -m docs.making.pictures`.

Each is drawn twice, for light and for dark pages, and comes out the same byte for byte.
"""

import io
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from docs.making.calibration_picture import maps_by_rows
from logitconf.fitting.score_classes import SoftmaxScore
from logitconf.metrics.selective import risk_coverage
from logitconf_export.cli.making import digits

FOLDER = Path(__file__).resolve().parents[1] / "pictures"
COVERAGE = 0.9
SHOWN = 7
"""Digits in a row of the first picture."""
Array = NDArray[Any]


@dataclass(frozen=True)
class Colours:
    """What a page's colours ask of a picture."""

    page: str
    text: str
    faint: str
    good: str
    bad: str


PAGES: Mapping[str, Colours] = {
    "light": Colours("#ffffff", "#24292f", "#8c959f", "#0a7d72", "#c2410c"),
    "dark": Colours("#0d1117", "#e6edf3", "#768390", "#4fd1c5", "#ff9d5c"),
}


@dataclass(frozen=True)
class Trial:
    """The demo's network on digits that it was not trained on, with a softmax score.

    Attributes:
        images: (N, 8, 8) in [0, 1].
        predicted: (N,) the classes that the network says.
        right: (N,) whether they are the labels.
        scores: (N,) lower is surer.
        threshold: of the score; fitted on other digits.
    """

    images: Array
    predicted: Array
    right: Array
    scores: Array
    threshold: float

    @property
    def accepted(self) -> Array:
        """(N,) bool."""
        return np.asarray(self.scores < np.float32(self.threshold))


@cache
def trained() -> Any:
    """The network, trained as `logitconf demo` does it."""
    return digits.train(digits.load_digits()[0])


@cache
def trial() -> Trial:
    """The network's answers, and a score fitted on the demo's digits to calibrate."""
    _, calibration, test = digits.load_digits()
    network = trained()
    score = SoftmaxScore().fit(
        digits.logits_of_network(network, calibration).numpy(), calibration.labels
    )
    score.set_threshold(coverage=COVERAGE)
    logits = digits.logits_of_network(network, test).numpy()
    predicted = logits.argmax(axis=1)
    threshold = score.threshold
    if not isinstance(threshold, float):
        raise TypeError(f"one threshold is drawn, not {threshold}")
    return Trial(
        images=test.images.reshape(-1, 8, 8),
        predicted=predicted,
        right=predicted == test.labels,
        scores=np.asarray(score.score(logits)),
        threshold=threshold,
    )


def before_and_after(colours: Colours) -> Any:
    """The same digits without and with the mask, and the point that was chosen on the curve."""
    from matplotlib.figure import Figure

    seen = trial()
    # no wider than a phone can show with its words still large enough to read
    figure = Figure(figsize=(7, 5.6), facecolor=colours.page)
    digits_part, curve_part = 0, 1
    parts = figure.add_gridspec(2, 1, height_ratios=[1.25, 1], hspace=0.32)
    rows = parts[digits_part].subgridspec(2, SHOWN, hspace=0.62, wspace=0.35)
    for row, title in enumerate(("before: always an answer", "after: an answer, or none")):
        for column, digit in enumerate(_sample(seen)):
            axes = figure.add_subplot(rows[row, column])
            _draw_digit(axes, seen, digit, colours, masked=row == 1)
            if column == 0:
                axes.set_title(
                    title, loc="left", color=colours.text, fontsize=12, fontweight="bold", pad=7
                )
    _draw_curve(figure.add_subplot(parts[curve_part]), seen, colours)
    figure.subplots_adjust(left=0.06, right=0.97, top=0.94, bottom=0.1)
    return figure


def _sample(seen: Trial) -> Array:
    """Digits that show what happens: sure ones, wrong ones, and one that stays wrong."""
    numbers = np.arange(len(seen.right))
    kinds = (
        numbers[seen.accepted & seen.right][:3],
        numbers[~seen.accepted & ~seen.right][:2],
        numbers[~seen.accepted & seen.right][:1],
        numbers[seen.accepted & ~seen.right][:1],
    )
    order = np.random.default_rng(1).permutation(SHOWN)
    return np.concatenate(kinds)[order]


def _draw_digit(axes: Any, seen: Trial, digit: int, colours: Colours, *, masked: bool) -> None:
    unsure = masked and not seen.accepted[digit]
    axes.imshow(
        seen.images[digit], cmap="gray_r", alpha=0.35 if unsure else 1.0, interpolation="nearest"
    )
    axes.set_xticks([])
    axes.set_yticks([])
    wrong = not seen.right[digit] and not unsure
    colour = colours.faint if unsure else colours.bad if wrong else colours.good
    for spine in axes.spines.values():
        spine.set_color(colour)
        spine.set_linewidth(2)
    text = "?" if unsure else f"{seen.predicted[digit]}{' ✗' if wrong else ''}"
    axes.set_xlabel(text, color=colour, fontsize=13, fontweight="bold", labelpad=3)


def _draw_curve(axes: Any, seen: Trial, colours: Colours) -> None:
    curve = risk_coverage(seen.scores, ~seen.right)
    coverage, risk = np.asarray(curve.coverage), np.asarray(curve.risk)
    axes.plot(100 * coverage, 100 * risk, color=colours.good, linewidth=2)
    axes.set_facecolor(colours.page)
    points = (
        (100.0, 100 * (1 - seen.right.mean()), colours.bad, "before"),
        (
            100 * seen.accepted.mean(),
            100 * (1 - seen.right[seen.accepted].mean()),
            colours.good,
            "after",
        ),
    )
    for x, y, colour, when in points:
        axes.plot([x], [y], "o", color=colour, markersize=8, clip_on=False, zorder=3)
        axes.annotate(
            f"{when}: {x:.0f} % answered,\n{y:.1f} % of these wrong",
            (x, y),
            (-24 if when == "before" else -14, 0 if when == "before" else 22),
            textcoords="offset points",
            ha="right",
            va="center",
            color=colour,
            fontsize=11,
        )
    axes.set_xlim(50, 100)
    axes.set_ylim(0, 6.3)
    axes.set_xlabel("answered, % of 997 digits", color=colours.text, fontsize=11)
    axes.set_title(
        "wrong among the answered, %", loc="left", color=colours.text, fontsize=12, pad=8
    )
    axes.tick_params(colors=colours.text, labelsize=10)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(colours.faint)


PICTURES: Mapping[str, Callable[[Colours], Any]] = {
    "before_and_after": before_and_after,
    "calibration_maps": maps_by_rows,
}
"""Every picture and who draws it."""


def drawn() -> dict[str, bytes]:
    """Every picture for every page, by the name of its file."""
    files = {}
    # without a date and with a salt of its own the same picture is the same bytes
    with mpl.rc_context({"svg.hashsalt": "logitconf", "font.family": "DejaVu Sans"}):
        for name, draw in PICTURES.items():
            for page, colours in PAGES.items():
                stream = io.BytesIO()
                figure = draw(colours)
                figure.savefig(
                    stream, format="svg", facecolor=colours.page, metadata={"Date": None}
                )
                files[f"{name}_{page}.svg"] = stream.getvalue()
    return files


def main() -> None:
    """Writes them."""
    FOLDER.mkdir(exist_ok=True)
    for name, content in drawn().items():
        (FOLDER / name).write_bytes(content)
        sys.stdout.write(f"{name}: {len(content)} bytes\n")


if __name__ == "__main__":
    main()
