"""The risk-coverage curves of several scores: what coincides, what differs, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from logitconf.errors import LogitconfError
from logitconf.files import check_writable, write_atomically
from logitconf.fitting.comparison import ScoreComparison
from logitconf.metrics.intervals import clopper_pearson_lower, clopper_pearson_upper
from logitconf.notebook.brief import brief
from logitconf_export.display.drawing import (
    FAINT,
    INK,
    MUTED,
    SERIES,
    dress,
    figure_bytes,
    figure_of,
    in_percent,
    load_matplotlib,
)
from logitconf_export.display.judged import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")
MOST_NAMED = 8
"""Lines with a name and a colour: the best; others are thin and grey."""
_STYLES = ("-", "--", "-.", ":")
_POINTS = 400
# the risk among the first few rows is noise, which would set the scale
_SHOWN_FROM = 0.02
_CONFIDENCE = 0.95
_WINDOW = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class CurveGroup:
    """Scores whose curves coincide, to within one error at every coverage.

    Attributes:
        scores: their names, the best first.
        coverage: (P,) ascending.
        risk: (P,), of the best of them.
        rows: how many there are, for the band.
    """

    scores: tuple[str, ...]
    coverage: Floats
    risk: Floats
    rows: int

    __repr__ = brief

    @property
    def label(self) -> str:
        """Their names, and that they coincide if there are several."""
        lines = [""]
        for name in [*(f"{name}," for name in self.scores[:-1]), self.scores[-1]]:
            if lines[-1] and len(lines[-1]) + len(name) > 22:
                lines.append("")
            lines[-1] = f"{lines[-1]} {name}".strip()
        text = "\n".join(lines)
        return f"{text}\ncoincide" if len(self.scores) > 1 else text

    def band(self, chosen: Sequence[int]) -> tuple[Floats, Floats]:
        """Ends of the exact binomial 95 % interval at some of the points."""
        one_sided = (1.0 + _CONFIDENCE) / 2.0
        ends = []
        for place in chosen:
            accepted = round(self.coverage[place] * self.rows)
            errors = min(accepted, round(self.risk[place] * accepted))
            ends.append(
                (
                    clopper_pearson_lower(errors, accepted, one_sided),
                    clopper_pearson_upper(errors, accepted, one_sided),
                )
            )
        lower, upper = np.reshape(ends, (-1, 2)).T
        return lower, upper


def curve_groups(comparison: ScoreComparison) -> tuple[CurveGroup, ...]:
    """The curves of a comparison, those that coincide as one; the best first."""
    groups: list[CurveGroup] = []
    for standing in comparison.standings:
        curve = standing.curve
        errors = curve.risk * np.arange(1, curve.risk.size + 1)
        for place, group in enumerate(groups):
            own = group.risk * np.arange(1, group.risk.size + 1)
            # equal scores share their errors evenly, so that counts may be fractions
            if np.abs(errors - own).max() < 1.0 + 1e-9:
                joined = (*group.scores, standing.name)
                groups[place] = CurveGroup(joined, group.coverage, group.risk, group.rows)
                break
        else:
            groups.append(CurveGroup((standing.name,), curve.coverage, curve.risk, comparison.rows))
    return tuple(groups)


def widest_window(groups: Sequence[CurveGroup]) -> tuple[float, float]:
    """The coverages to look at closely: they end where the curves lie furthest apart."""
    coverage = groups[0].coverage
    risks = np.stack([group.risk for group in groups])
    inside = (coverage >= 0.25) & (coverage <= 0.97)
    if not inside.any():
        return float(coverage[0]), float(coverage[-1])
    risks = risks[:MOST_NAMED]
    spread = np.where(inside, risks.max(axis=0) - risks.min(axis=0), -1.0)
    end = float(coverage[int(spread.argmax())])
    return max(0.05, end - _WINDOW), end


def draw_all(ax: Axes, comparison: ScoreComparison, groups: Sequence[CurveGroup]) -> None:
    """Draws all curves over all coverages, with those of no and of a perfect ranking.

    Args:
        ax: the axes.
        comparison: of the scores.
        groups: its curves.
    """
    _draw_others(ax, groups, (_SHOWN_FROM, 1.0))
    for place, group in reversed(list(enumerate(groups[:MOST_NAMED]))):
        chosen = _points(group, (_SHOWN_FROM, 1.0))
        if place == 0:
            band = group.band(chosen)
            ax.fill_between(group.coverage[chosen], *band, color=SERIES[0], alpha=0.14, linewidth=0)
        _draw_line(ax, group, chosen, place)
    rate = comparison.errors / comparison.rows
    coverage = groups[0].coverage
    perfect = np.maximum(0.0, 1.0 - (1.0 - rate) / coverage)
    ax.axhline(rate, color=MUTED, linewidth=1.0, linestyle=":", label="no ranking")
    ax.plot(coverage, perfect, color=MUTED, linewidth=1.0, label="perfect ranking")
    note: dict[str, Any] = {"textcoords": "offset points", "color": MUTED, "fontsize": 9}
    ax.annotate(f"no ranking: {100.0 * rate:.3g} %", (0.0, rate), (4, 3), **note)
    ax.annotate("perfect", (1.0 - rate, 0.0), (-4, 4), ha="right", **note)
    top = max(rate * 1.15, *(group.risk[_points(group, (0.1, 1.0))].max() for group in groups))
    ax.set(xlim=(0.0, 1.0), ylim=(0.0, min(1.0, 1.05 * top)))
    _name_axes(ax)


def draw_window(ax: Axes, groups: Sequence[CurveGroup], window: tuple[float, float]) -> None:
    """Draws the curves where they differ, each with its band and its name at its end.

    Args:
        ax: the axes; names stand to their right.
        groups: the curves.
        window: coverages, from and to.
    """
    ends = []
    _draw_others(ax, groups, window)
    groups = groups[:MOST_NAMED]
    for place, group in reversed(list(enumerate(groups))):
        chosen = _points(group, window)
        colour = SERIES[place % len(SERIES)]
        band = group.band(chosen)
        ax.fill_between(group.coverage[chosen], *band, color=colour, alpha=0.07, linewidth=0)
        _draw_line(ax, group, chosen, place)
        ends.append((float(group.risk[chosen[-1]]), group.label, colour))
    drawn = np.concatenate([group.risk[_points(group, window)] for group in groups])
    room = 0.15 * (drawn.max() - drawn.min()) or 0.01
    low, high = max(0.0, drawn.min() - room), drawn.max() + room
    ax.set(xlim=window, ylim=(low, high))
    _name_axes(ax)
    _name_ends(ax, ends, window[1])


def _name_ends(ax: Axes, ends: list[tuple[float, str, str]], x: float) -> None:
    """Names at the right of the axes, spread so that none covers another, tied to their curve."""
    low, high = ax.get_ylim()
    height = ax.get_window_extent().height * 72.0 / figure_of(ax).dpi
    ends = sorted(ends)
    sizes = [11.5 * (label.count("\n") + 1) + 3.0 for _, label, _ in ends]
    wanted = [(risk - low) / (high - low) * height for risk, _, _ in ends]
    centres = spread(wanted, sizes, height)
    for (risk, label, colour), centre in zip(ends, centres, strict=True):
        ax.annotate(
            label, (x, risk), (14.0, centre - (risk - low) / (high - low) * height),
            textcoords="offset points", color=INK, fontsize=9, va="center", ha="left",
            linespacing=1.05, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 1.2,
                        "shrinkA": 1.0, "shrinkB": 0.0, "relpos": (0.0, 0.5)},
        )  # fmt: skip


def spread(wanted: Sequence[float], sizes: Sequence[float], height: float) -> list[float]:
    """Centres as near as may be to those wanted, so that no two boxes overlap.

    Args:
        wanted: centres, ascending.
        sizes: heights of the boxes.
        height: of the space; boxes begin at 0, and go beyond its end only where they do not fit.

    >>> spread([5.0, 5.0], [4.0, 4.0], 20.0)
    [3.0, 7.0]
    """
    # clusters of boxes that touch: each is (sum of offsets wanted, number, total size, members)
    clusters: list[list[float]] = []
    starts: list[list[float]] = []
    for centre, size in zip(wanted, sizes, strict=True):
        clusters.append([centre - size / 2.0, 1.0, size])
        starts.append([0.0])
        while True:
            begin = _begin(clusters[-1], height)
            if len(clusters) < 2 or begin >= _begin(clusters[-2], height) + clusters[-2][2]:
                break
            # the later cluster joins the earlier, behind its boxes
            later, own = clusters.pop(), starts.pop()
            before = clusters[-1]
            starts[-1] += [offset + before[2] for offset in own]
            before[0] += later[0] - later[1] * before[2]
            before[1] += later[1]
            before[2] += later[2]
    begins = [
        _begin(cluster, height) + offset
        for cluster, offsets in zip(clusters, starts, strict=True)
        for offset in offsets
    ]
    return [begin + size / 2.0 for begin, size in zip(begins, sizes, strict=True)]


def _begin(cluster: Sequence[float], height: float) -> float:
    """Where a cluster of boxes begins: at the mean of what its boxes want, inside the space."""
    return max(0.0, min(cluster[0] / cluster[1], height - cluster[2]))


def _points(group: CurveGroup, window: tuple[float, float]) -> list[int]:
    first, last = np.searchsorted(group.coverage, window)
    last = min(int(last), group.coverage.size - 1)
    return [
        int(place)
        for place in np.unique(np.linspace(min(first, last), last, _POINTS).astype(np.int64))
    ]


def _draw_others(ax: Axes, groups: Sequence[CurveGroup], window: tuple[float, float]) -> None:
    """The curves that are too many to be named, thin and grey."""
    for group in groups[MOST_NAMED:]:
        chosen = _points(group, window)
        ax.plot(
            group.coverage[chosen], group.risk[chosen],
            color=MUTED, linewidth=0.6, zorder=1.5, label=", ".join(group.scores),
        )  # fmt: skip


def _draw_line(ax: Axes, group: CurveGroup, chosen: list[int], place: int) -> None:
    ax.plot(
        group.coverage[chosen], group.risk[chosen],
        color=SERIES[place % len(SERIES)],
        linestyle=_STYLES[place // len(SERIES) % len(_STYLES)],
        linewidth=2.2 if place == 0 else 1.3,
        zorder=3.0 if place == 0 else 2.0,
        label=", ".join(group.scores),
    )  # fmt: skip


def _name_axes(ax: Axes) -> None:
    in_percent(ax, x=True, y=True)
    ax.set_xlabel("coverage: share of rows accepted")
    ax.set_ylabel("risk: errors among the accepted")


def check_plot(path: Path, *, force: bool) -> None:
    """Checks that a plot can be drawn and written, before any work is done.

    Raises:
        LogitconfError: for another kind of file, or one that exists.
        MissingExtraError: without matplotlib.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise LogitconfError(f"a plot must be a file {' or '.join(SUFFIXES)}, got {path}")
    check_writable(path, force=force)
    load_matplotlib()


def comparison_figure(comparison: ScoreComparison) -> Figure:
    """Two panels: all curves, and the coverages where they lie furthest apart, larger.

    Raises:
        MissingExtraError: without matplotlib.
    """
    load_matplotlib()
    from matplotlib.figure import Figure

    groups = curve_groups(comparison)
    window = widest_window(groups)
    figure = Figure(figsize=(10.4, 4.6))
    left, right = (
        figure.add_axes((0.065, 0.12, 0.37, 0.76)),
        figure.add_axes((0.505, 0.12, 0.32, 0.76)),
    )
    for ax in (left, right):
        dress(ax)
    draw_all(left, comparison, groups)
    draw_window(right, groups, window)
    rate = comparison.errors / comparison.rows
    bands = "bands: 95 %, exact binomial, point by point"
    left.set_title(
        f"{comparison.rows} rows, {100.0 * rate:.3g} % wrong", fontsize=10, color=INK, loc="left"
    )
    right.set_title(f"where they differ most ({bands})", fontsize=10, color=INK, loc="left")
    others = len(groups) - MOST_NAMED
    if others > 0:
        note = f"thin: {others} more, which rank worse"
        right.annotate(
            note, (1.0, 0.02), xycoords="axes fraction", ha="right", color=MUTED, fontsize=9
        )
    low, high = right.get_ylim()
    left.fill_between(
        window, [low] * 2, [high] * 2, color=FAINT, alpha=0.5, zorder=0.5, linewidth=0
    )
    return figure


def draw_comparison(comparison: ScoreComparison, path: Path, *, force: bool = False) -> None:
    """Writes the curves of all scores as PNG or SVG.

    Raises:
        LogitconfError: as `check_plot`.
        MissingExtraError: without matplotlib.
    """
    check_plot(path, force=force)
    figure = comparison_figure(comparison)
    content = figure_bytes(figure, path.suffix.lower().lstrip("."))
    write_atomically(path, content, force=force)
