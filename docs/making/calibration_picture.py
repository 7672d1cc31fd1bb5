"""The picture of calibration maps: what each is worth, by how many rows it is fitted on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from logitconf.calibration.maps.fit import FittedMap, fit_map, mapped_rows, row_losses
from logitconf.calibration.temperature.fit import fit_temperature

if TYPE_CHECKING:
    from docs.making.pictures import Colours

Array = NDArray[Any]
ROWS = (50, 100, 200, 400, 800)
DRAWS = 3
TRAINED_ON, TESTED_ON = 400, 500
HEIGHTS = (0.42, 0.72)
NO_PENALTY = {"scale": 0.0, "bias": 0.0}


@cache
def losses() -> Mapping[str, list[float]]:
    """Log losses on other digits of a naive Bayes classifier, by calibration, for `ROWS`."""
    from sklearn.datasets import load_digits
    from sklearn.naive_bayes import GaussianNB

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    train, test, others = np.split(order, [TRAINED_ON, TRAINED_ON + TESTED_ON])
    model = GaussianNB(var_smoothing=1e-3).fit(data.data[train], data.target[train])
    # a class that the classifier calls impossible is far below, and finite
    logits = np.maximum(model.predict_log_proba(data.data), -300.0)
    found: dict[str, list[float]] = {}
    for rows in ROWS:
        summed: dict[str, list[float]] = {}
        for draw in range(DRAWS):
            own = np.random.default_rng(draw).permutation(others)[:rows]
            for name, made in _fitted(logits[own], data.target[own]).items():
                z = logits[test]
                if made.calibration_map is not None:
                    z = mapped_rows(z, made.calibration_map)
                loss = row_losses(
                    z / made.temperature.temperature, data.target[test], "categorical"
                )
                summed.setdefault(name, []).append(float(loss.mean()))
        for name, values in summed.items():
            found.setdefault(name, []).append(float(np.mean(values)))
    return found


def _fitted(logits: Array, labels: Array) -> dict[str, FittedMap]:
    of_classes: dict[str, Any] = {"family": "categorical"}
    alone = fit_temperature(logits, labels, **of_classes)
    return {
        "temperature": FittedMap(alone, None),
        "vector, no penalty": fit_map(
            logits, labels, kind="vector", penalties=NO_PENALTY, **of_classes
        ),
        "vector": fit_map(logits, labels, kind="vector", **of_classes),
        "matrix": fit_map(logits, labels, kind="matrix", **of_classes),
    }


def maps_by_rows(colours: Colours) -> Any:
    """Log loss on other rows against the rows to fit on, a line for each calibration."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), facecolor=colours.page)
    axes = figure.add_subplot()
    axes.set_facecolor(colours.page)
    styles = {
        "temperature": (colours.text, "-"),
        "vector, no penalty": (colours.bad, "--"),
        "vector": (colours.good, "-"),
        "matrix": (colours.good, ":"),
    }
    for name, values in losses().items():
        colour, line = styles[name]
        axes.plot(ROWS, values, line, color=colour, linewidth=2.2, marker="o", markersize=4)
        axes.annotate(
            name,
            (ROWS[-1], values[-1]),
            (7, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize=11,
        )
    axes.set_xscale("log")
    axes.set_xticks(ROWS, [f"{rows}" for rows in ROWS])
    axes.minorticks_off()
    # what nothing holds back runs far out of the picture
    axes.set_ylim(*HEIGHTS)
    axes.annotate(
        "without a penalty:\nfar above with fewer rows",
        (480, HEIGHTS[1] - 0.006),
        ha="right",
        va="top",
        color=colours.bad,
        fontsize=10,
    )
    axes.set_xlabel("labelled rows to fit on", color=colours.text, fontsize=11)
    axes.set_title(
        "log loss on other rows, nats", loc="left", color=colours.text, fontsize=12, pad=8
    )
    axes.tick_params(colors=colours.text, labelsize=10)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(colours.faint)
    figure.subplots_adjust(left=0.08, right=0.76, top=0.9, bottom=0.14)
    return figure
