"""Tables for notebooks: escaped, self-contained, short."""

from html.parser import HTMLParser

from logitconf.notebook.html import table

HOSTILE = '<script>alert("x")</script>&</td>\'"'


class Cells(HTMLParser):
    """Tags that were opened and the text of cells, as a browser reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(text: str) -> Cells:
    cells = Cells()
    cells.feed(text)
    return cells


def test_whatever_a_cell_holds_comes_out_as_text() -> None:
    cells = parsed(table([(HOSTILE, HOSTILE)], HOSTILE, (HOSTILE, "b")))
    assert cells.text == [HOSTILE, HOSTILE, "b", HOSTILE, HOSTILE]
    assert "script" not in cells.tags


def test_a_table_needs_nothing_from_elsewhere() -> None:
    cells = parsed(table([("a", 1), ("b", 2)], "caption", ("x", "y")))
    assert set(cells.tags) <= {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert not set(cells.attributes) & {"src", "href", "class", "id"}


def test_long_tables_are_cut_and_say_how_much() -> None:
    text = table([(i, i) for i in range(1000)], most=10)
    assert parsed(text).tags.count("tr") == 11
    assert "and 990 more" in text


def test_a_number_and_its_percent_sign_are_never_parted() -> None:
    cells = parsed(table([("90.6 % of 500 rows", "a % b")]))
    assert cells.text == ["90.6\u00a0% of 500 rows", "a % b"]


def test_a_row_of_one_cell_is_no_heading() -> None:
    assert parsed(table([("only",)])).tags == ["table", "tbody", "tr", "td"]
    assert parsed(table([("name", 1)])).tags == ["table", "tbody", "tr", "th", "td"]
