"""Axes to draw on, and figures as files or as SVG for a page; matplotlib loads when needed."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from logitconf.errors import LogitconfError, MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which readers without full colour vision tell apart
BLUE, ORANGE, GREEN, PINK, YELLOW, SKY = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
)
INK, MUTED, FAINT = "#1b2430", "#667080", "#d9dee5"
SERIES = (BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, INK)

VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    FAINT: "--line",
    BLUE: "--blue",
    ORANGE: "--orange",
    GREEN: "--green",
    PINK: "--pink",
    YELLOW: "--yellow",
    SKY: "--sky",
}
"""The colours of drawings, and the CSS variables that stand for them in a page."""

SIZE = (4.1, 3.4)
"""Of a drawing, in inches: as wide as a phone's page, so that its words are read there."""


def load_matplotlib() -> None:
    """Checks that matplotlib is there.

    Raises:
        MissingExtraError: if it is not.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            'plots need matplotlib, which is not installed; pip install "logitconf[plot]"'
        ) from error


def axes_to_draw_on(ax: Axes | None, size: tuple[float, float] = SIZE) -> Axes:
    """The axes given, or new ones in a figure of their own that no pyplot knows of.

    Raises:
        MissingExtraError: without matplotlib.
    """
    load_matplotlib()
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    made = Figure(figsize=size, layout="constrained").add_subplot()
    dress(made)
    return made


def figure_of(ax: Axes) -> Figure:
    """The figure that axes are in.

    Raises:
        LogitconfError: if they were taken out of it.
    """
    figure = ax.get_figure(root=True)
    if figure is None:
        raise LogitconfError("axes to draw on must be in a figure, got some without")
    return figure


def dress(ax: Axes) -> None:
    """Our own axes: no box, a faint grid behind, words in ink."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(MUTED)
    ax.tick_params(colors=MUTED, labelcolor=INK, labelsize=9)
    ax.grid(color=FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.xaxis.label.set(color=INK, fontsize=10)
    ax.yaxis.label.set(color=INK, fontsize=10)


def in_percent(ax: Axes, *, x: bool, y: bool) -> None:
    """Shares on an axis are written in percent."""
    from matplotlib.ticker import FuncFormatter

    for axis, asked in ((ax.xaxis, x), (ax.yaxis, y)):
        if asked:
            axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100.0 * share:.3g} %"))


def legend_above(ax: Axes) -> None:
    """The legend in a row above the axes, where it hides nothing."""
    legend = ax.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, fontsize=9, frameon=False,
        borderaxespad=0.2, columnspacing=1.2, handlelength=1.4, borderpad=0.2,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_color(INK)


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """A figure as the content of a file, the same each time.

    Args:
        figure: drawn.
        kind: ``"png"`` or ``"svg"``.
    """
    from matplotlib import rc_context

    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with rc_context({"svg.hashsalt": "logitconf"}):
        figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    return buffer.getvalue()


def svg_of(ax: Axes, name: str, title: str) -> str:
    """The figure of some axes as an element of a page.

    Its colours are CSS variables, its text is text in the page's font, and its identifiers begin
    with a name, so that several stand in one page.

    Args:
        ax: the axes.
        name: of the drawing, unique in its page; letters, digits and dashes.
        title: what it shows, in words, for those who do not see it.
    """
    from html import escape

    from matplotlib import rc_context

    figure = figure_of(ax)
    buffer = io.StringIO()
    # a salt of its own: the identifiers of clip paths must differ between drawings
    with rc_context({"svg.hashsalt": f"logitconf {name}", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    # inline, the first element has neither a size of its own nor namespaces
    box = re.search(r'viewBox="([^"]+)"', text)
    head = (
        f'<svg viewBox="{box.group(1) if box else ""}" role="img" aria-labelledby="{name}-title">'
        f'<title id="{name}-title">{escape(title)}</title>'
    )
    text = head + text[text.index(">") + 1 :]
    text = re.sub(rf'\bid="(?!{name}-title")([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(xlink:)?href="#([^"]+)"', rf'href="#{name}-\2"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    return re.sub(r"\s*\n\s*", "\n", text)


def frame_of(ax: Axes) -> tuple[float, float, float, float]:
    """Where the axes' box lies in the SVG of its figure, once drawn: left, top, right, bottom."""
    figure = figure_of(ax)
    width, height = (72.0 * inches for inches in figure.get_size_inches())
    box = ax.get_position()
    return box.x0 * width, (1.0 - box.y1) * height, box.x1 * width, (1.0 - box.y0) * height
