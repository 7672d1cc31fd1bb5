"""Long lists as people read them."""

from logitconf.wording.lists import first_few, joined


def test_names_are_joined_with_commas_and_one_and() -> None:
    assert [joined([]), joined(["a"]), joined(["a", "b"]), joined(["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_only_the_first_few_are_listed_and_the_others_counted() -> None:
    assert first_few(range(2000), 2) == "0, 1 and 1,998 more"
    assert first_few([1, 2, 3], 3) == "1, 2, 3"
