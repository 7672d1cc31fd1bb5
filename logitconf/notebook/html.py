"""Small tables for notebooks: escaped, self-contained, in the notebook's own colours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_MOST_OF_A_CELL = 300
_NUMBER_AND_PERCENT = re.compile(r"(?<=\d) %")
# a notebook centres tables and aligns their cells to the right
_TABLE = "border-collapse:collapse;font-variant-numeric:tabular-nums;margin:0 0 1em 0"
_CELL = "text-align:left;vertical-align:top;padding:0.2em 0.8em 0.2em 0"


def table(
    rows: Sequence[Sequence[object]],
    caption: str = "",
    columns: Sequence[str] = (),
    *,
    most: int = 20,
) -> str:
    """An HTML table; the first of several cells in a row is its heading.

    Args:
        rows: cells, shown by ``str``, cut at 300 characters, and escaped.
        caption: above the table; none if empty.
        columns: names of the columns; none if empty.
        most: rows that are shown; how many more there are stands below them.

    >>> table([("a<b", 1)], "Facts").count("a&lt;b")
    1
    """
    # what only prints loads no tables of entities
    from html import escape

    parts = [f'<table style="{_TABLE}">']
    if caption:
        style = f"{_CELL};font-weight:bold;caption-side:top;white-space:normal"
        parts.append(f'<caption style="{style}">{escape(caption)}</caption>')
    if columns:
        cells = "".join(f'<th scope="col" style="{_CELL}">{escape(name)}</th>' for name in columns)
        parts.append(f"<thead><tr>{cells}</tr></thead>")
    parts.append("<tbody>")
    for row in rows[:most]:
        first, *others = (unbroken(escape(cut(f"{cell}", _MOST_OF_A_CELL))) for cell in row)
        cells = "".join(f'<td style="{_CELL}">{cell}</td>' for cell in others)
        heads = "th" if others else "td"
        scope = ' scope="row"' if others else ""
        parts.append(f'<tr><{heads}{scope} style="{_CELL}">{first}</{heads}>{cells}</tr>')
    if len(rows) > most:
        width = max(len(row) for row in rows)
        more = f"and {len(rows) - most:,} more"
        parts.append(f'<tr><td colspan="{width}" style="{_CELL}">{more}</td></tr>')
    parts.append("</tbody></table>")
    return "".join(parts)


def unbroken(value: Any) -> Any:
    r"""A text with each number and its % sign held together, where a browser breaks the lines.

    Anything else, and text that is markup already, comes back as it is.

    >>> unbroken("90.6 % of 500 rows").split(" ")
    ['90.6\xa0%', 'of', '500', 'rows']
    """
    return _NUMBER_AND_PERCENT.sub("\u00a0%", value) if type(value) is str else value


def cut(text: str, most: int) -> str:
    """The text, or its start with an ellipsis, of so many characters at most.

    >>> cut("a long sentence", 7)
    'a long…'
    """
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
